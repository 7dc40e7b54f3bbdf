//go:build !race

package riverqueue_test

const raced = false
