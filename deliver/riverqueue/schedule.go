package riverqueue

import (
	"math/rand/v2"
	"slices"
	"time"
)

// DefaultSchedule returns the waits before each attempt that Standard Webhooks
// suggests: at once, then after 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h and
// 24 h.
func DefaultSchedule() []time.Duration { return slices.Clone(defaultSchedule) }

var defaultSchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// jittered is d, give or take a fifth: what failed together is not to come back
// together.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
