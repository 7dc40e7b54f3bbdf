package deliver

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// parseRetryAfter reads a Retry-After header (RFC 9110 §10.2.3): whole seconds
// or an HTTP date. Anything else, the past included, is no wait. A wait that no
// time.Duration can hold becomes the longest one.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			at, err := http.ParseTime(value)
			if err != nil {
				return 0
			}
			return max(0, at.Sub(now)) // Sub saturates
		}
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	if err != nil || seconds > uint64(math.MaxInt64/time.Second) {
		return math.MaxInt64
	}
	return time.Duration(seconds) * time.Second
}
