//go:build race

package riverqueue_test

// raced says that the race detector is at work.
const raced = true
