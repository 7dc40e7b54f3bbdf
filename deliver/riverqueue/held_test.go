package riverqueue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// hold stores so many requests of as many leads for an endpoint that is held.
func (l *lab) hold(endpointID string, n int) {
	l.t.Helper()
	var reqs []*deliver.Request
	for i := range n {
		req := request(endpointID, fmt.Sprint(i), "new_lead")
		req.Destination.Held = true
		reqs = append(reqs, req)
	}
	_, err := l.queue.DeliverBatch(l.t.Context(), reqs)
	require.NoError(l.t, err)
}

func byState(jobs []*rivertype.JobRow) map[rivertype.JobState]int {
	states := map[rivertype.JobState]int{}
	for _, job := range jobs {
		states[job.State]++
	}
	return states
}

// Who releases at the same time sends nothing twice, and each job is counted once.
func TestReleasedByManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		const held = 300
		l := newLab(t, open, func(l *lab) { l.limits.Concurrency = 20 })
		l.hold("crm", held)
		l.hold("crm-2", 1) // whose name begins alike
		l.start()
		var mu sync.Mutex
		released := 0
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				n, err := l.queue.Release(context.Background(), "crm")
				assert.NoError(t, err)
				mu.Lock()
				released += n
				mu.Unlock()
			})
		}
		wait.Wait()
		assert.Equal(t, held, released)
		require.Eventually(t, func() bool { return len(l.fake.Requests()) >= held }, 30*time.Second, 10*time.Millisecond)
		require.Eventually(t, func() bool { return byState(l.jobs())[rivertype.JobStateCompleted] == held }, 30*time.Second, 10*time.Millisecond)
		n, err := l.queue.Release(t.Context(), "crm")
		require.NoError(t, err)
		assert.Zero(t, n, "what was delivered is not held")
		assert.Len(t, l.fake.Requests(), held)
		n, err = l.queue.Held(t.Context(), "crm-2")
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	})
}

// What is discarded is not released, and the other way round: also where the
// client has queues and does not run.
func TestDiscardedOrReleased(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		const held = 500
		l := newLab(t, open, nil)
		l.hold("crm", held)
		var discarded, released int
		var wait sync.WaitGroup
		wait.Go(func() { discarded, _ = l.queue.Discard(context.Background(), "crm") })
		wait.Go(func() { released, _ = l.queue.Release(context.Background(), "crm") })
		wait.Wait()
		assert.Equal(t, held, discarded+released)
		states := byState(l.jobs())
		assert.Equal(t, []int{discarded, released}, []int{states[rivertype.JobStateCancelled], states[rivertype.JobStateAvailable]})
	})
}

// What is stored behind a held job is held as well: counted, discarded, and waking
// nobody.
func TestBehindAHeldJob(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, func(l *lab) {
			l.resolve = func(context.Context, string) (deliver.Destination, error) {
				return deliver.Destination{Held: true}, nil
			}
		})
		l.deliver(request("crm", "1", "new_lead"), request("crm", "1", "lead_update"))
		l.start()
		require.Eventually(t, func() bool {
			n, err := l.queue.Held(t.Context(), "crm")
			require.NoError(t, err)
			return n == 2
		}, 20*time.Second, 10*time.Millisecond)
		n, err := l.queue.Discard(t.Context(), "crm")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		assert.Equal(t, map[rivertype.JobState]int{rivertype.JobStateCancelled: 2}, byState(l.jobs()))
	})
}

// A job that was stored as held after the release is let go by the next of its
// lead.
func TestStoredAsHeldAfterTheRelease(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		l.start()
		l.hold("crm", 1)
		l.deliver(request("crm", "0", "lead_update"))
		require.Eventually(t, func() bool { return len(l.fake.Requests()) == 2 }, 20*time.Second, 10*time.Millisecond)
		assert.Equal(t, "new_lead", l.fake.Requests()[0].MessageType)
	})
}

// A clip is a job of the host's own, with a stream of its own.
type clip struct {
	Stream string `json:"stream"`
}

func (clip) Kind() string { return "clip" }

func TestTheHostsOwnJobsAreLeftAlone(t *testing.T) {
	client, err := river.NewClient(riverpgxv5.New(migratedPool(t, pgtest.Start(t))), &river.Config{})
	require.NoError(t, err)
	q, err := riverqueue.New(client, nil)
	require.NoError(t, err)
	_, err = client.Insert(t.Context(), clip{"video/7"}, &river.InsertOpts{Pending: true})
	require.NoError(t, err)
	for _, do := range []func(context.Context, string) (int, error){q.Held, q.Release, q.Discard} {
		n, err := do(t.Context(), "video")
		require.NoError(t, err)
		assert.Zero(t, n)
	}
}
