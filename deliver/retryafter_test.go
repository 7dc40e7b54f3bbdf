package deliver

import (
	"math"
	"math/big"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "0": 0, "1": time.Second,
		"Wed, 22 Apr 2026 19:46:00 GMT": time.Minute, "Wednesday, 22-Apr-26 19:46:00 GMT": time.Minute, "Wed Apr 22 19:46:00 2026": time.Minute,
		"Wed, 22 Apr 2026 19:44:00 GMT": 0,                                                                             // past
		"-5":                            0, "1.5": 0, "": 0, "soon": 0, "+5": 0, "5 s": 0, "١": 0, "1e3": 0, "0x10": 0, // no wait by the RFC's grammar
		"9223372036":                    9223372036 * time.Second,
		"9223372037":                    math.MaxInt64, // one more than a time.Duration holds
		"99999999999999999999999999999": math.MaxInt64,
	} {
		assert.Equal(t, want, parseRetryAfter(http.Header{"Retry-After": {value}}, now), "%q", value)
	}
	far := parseRetryAfter(http.Header{"Retry-After": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, now)
	assert.Equal(t, time.Duration(math.MaxInt64), far, "a date beyond what a time.Duration holds")
	assert.Zero(t, parseRetryAfter(http.Header{}, now))
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"120", "0", "007", "9223372036", "9223372037", "9223372036854775808", "99999999999999999999999999", "-1", "+1", "1.5", "1e3", " 1", "", "٣",
		"Wed, 22 Apr 2026 19:46:00 GMT", "Wednesday, 22-Apr-26 19:46:00 GMT", "Wed Apr 22 19:46:00 2026", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Wed, 22 Apr 2026 19:46:00 CET",
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 4, 22, 19, 45, 0, 5, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		require.Equal(t, readRetryAfter(value, now), parseRetryAfter(http.Header{"Retry-After": {value}}, now), "%q", value)
	})
}

// readRetryAfter reads it by the grammar, with numbers of any size.
func readRetryAfter(value string, now time.Time) time.Duration {
	nanoseconds := new(big.Int)
	if regexp.MustCompile(`^[0-9]+$`).MatchString(value) {
		nanoseconds.SetString(value, 10)
		nanoseconds.Mul(nanoseconds, big.NewInt(1e9))
	} else {
		for _, layout := range []string{http.TimeFormat, time.RFC850, time.ANSIC} {
			if at, err := time.Parse(layout, value); err == nil {
				nanoseconds.Sub(since1970(at), since1970(now))
			}
		}
	}
	switch {
	case nanoseconds.Sign() < 0:
		return 0
	case !nanoseconds.IsInt64():
		return math.MaxInt64
	}
	return time.Duration(nanoseconds.Int64())
}

func since1970(at time.Time) *big.Int {
	n := big.NewInt(at.Unix())
	return n.Add(n.Mul(n, big.NewInt(1e9)), big.NewInt(int64(at.Nanosecond())))
}

func TestDefaultBackoffDoublesWithJitter(t *testing.T) {
	for attempt, base := range map[int]time.Duration{2: 500 * time.Millisecond, 3: time.Second, 4: 2 * time.Second, 10: 128 * time.Second} {
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for range 500 {
			wait := defaultBackoff(attempt)
			least, most = min(least, wait), max(most, wait)
		}
		assert.GreaterOrEqual(t, least, base/2, attempt)
		assert.LessOrEqual(t, most, base*3/2, attempt)
		assert.Greater(t, most-least, base/2, "it is spread")
	}
	for _, attempt := range []int{-1, 0, 1, 1000, math.MaxInt} {
		assert.Positive(t, defaultBackoff(attempt))
	}
}
