//go:build !race

package deliver_test

const raced = false
