package riverqueue_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// One endpoint answers nothing, another refuses connections, and for each of them a
// thousand jobs wait. A healthy endpoint's job goes out before any of them is
// answered, and before they all had their turn twice. How long that takes is logged.
func TestAThousandJobsInFront(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		inFront := bearable(t, 1000)
		var mu sync.Mutex
		looks := make(map[string]int) // at jobs, by endpoint
		arrived := make(chan string, 1)
		l := newLab(t, open, func(l *lab) {
			resolve := l.resolve
			l.resolve = func(ctx context.Context, endpointID string) (deliver.Destination, error) {
				mu.Lock()
				looks[endpointID]++
				mu.Unlock()
				return resolve(ctx, endpointID)
			}
			l.deliverer = deliverFunc(func(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
				switch req.EndpointID {
				case "dead":
					return nil, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseConnection}
				case "slow":
					<-ctx.Done() // when the test ends
					return nil, &deliver.Error{Kind: ctx.Err(), Cause: deliver.CauseCanceled}
				}
				arrived <- req.LeadID
				return accepted, nil
			})
			l.jobTimeout = -1 // none
		})
		require.NoError(t, l.queue.migrate(t.Context()))
		look := func() (dead, slow int) {
			mu.Lock()
			defer mu.Unlock()
			return looks["dead"], looks["slow"]
		}
		// healthy stores jobs, one after the other, and waits for each and a pause.
		healthy := func(when string, n int, pause time.Duration) {
			var delays []time.Duration
			mostDead, mostSlow := 0, 0
			for i := range n {
				dead, slow := look()
				id := fmt.Sprintf("%s %d", when, i)
				l.deliver(request("healthy", id, "new_lead"))
				stored := time.Now()
				select {
				case got := <-arrived:
					require.Equal(t, id, got)
				case <-time.After(2 * time.Minute):
					require.Fail(t, "it does not arrive", id)
				}
				delays = append(delays, time.Since(stored))
				deadThen, slowThen := look()
				mostDead, mostSlow = max(mostDead, deadThen-dead), max(mostSlow, slowThen-slow)
				time.Sleep(pause)
			}
			slices.Sort(delays)
			t.Logf("%s: %d ms in the middle, %d ms at the most, behind up to %d looks at dead and %d at slow jobs",
				when, delays[n/2].Milliseconds(), delays[n-1].Milliseconds(), mostDead, mostSlow)
			assert.Less(t, mostDead, 2*inFront)
			assert.Less(t, mostSlow, 2*inFront)
		}

		l.start()
		healthy("alone", 20, 0)
		for _, endpointID := range []string{"dead", "slow"} {
			var reqs []*deliver.Request
			for i := range inFront {
				reqs = append(reqs, request(endpointID, fmt.Sprint(i), "new_lead"))
			}
			_, err := l.queue.DeliverBatch(t.Context(), reqs)
			require.NoError(t, err)
		}
		healthy("right behind them", 1, 0)
		require.Eventually(t, func() bool { dead, slow := look(); return dead >= inFront && slow >= inFront }, 2*time.Minute, time.Millisecond)
		healthy("while they wait", 30, 100*time.Millisecond) // as they come back, again and again
	})
}
