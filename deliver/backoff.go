package deliver

import (
	"math/rand/v2"
	"time"
)

const firstWait = 500 * time.Millisecond

// defaultBackoff is the wait before an attempt, from the second on: 500 ms,
// doubling, and each spread evenly from half of it to one and a half, so that
// requests which failed together do not come back together.
func defaultBackoff(attempt int) time.Duration {
	wait := firstWait << min(max(attempt-2, 0), 30) // 2^30 × 500 ms is 17 years
	return wait/2 + rand.N(wait+1)
}
