package riverqueue_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// A recalling Deliverer remembers where the last request was to go, for
// Worker.Resolve: the suite's requests have destinations of their own, and a queue
// does not store them.
type recalling struct {
	deliver.Deliverer
	mu   sync.Mutex
	last deliver.Destination
}

func (r *recalling) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	r.mu.Lock()
	r.last = req.Destination
	r.last.Header = req.Destination.Header.Clone()
	r.mu.Unlock()
	return r.Deliverer.Deliver(ctx, req)
}

func (r *recalling) resolve(context.Context, string) (deliver.Destination, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, nil
}

// A queue and its worker are a Deliverer like others. What they cannot keep by their
// nature the suite does not ask of who answers Queued: MaxAttempts, which is the
// schedule's length, and an error with the verdict, its attempts and its Retry-After.
func TestAQueueAndItsWorkerPassRun(t *testing.T) {
	t.Parallel() // for half of its time it waits, since a host is left alone after a 429
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		receiver := delivertest.NewReceiver()
		t.Cleanup(receiver.Close)
		queue := &recalling{}
		l := newLab(t, openSQLite, func(l *lab) {
			l.schedule = short
			l.resolve = queue.resolve
			l.limits.Concurrency = 100
			l.deliverer = &deliver.HTTP{AllowPrivate: true}
		})
		queue.Deliverer = l.queue
		l.start()
		return delivertest.Rig{
			Deliverer:   queue,
			Destination: deliver.Destination{URL: receiver.URL},
			Answers:     receiver.Answers,
			Exchanges:   receiver.Exchanges,
			Settle:      l.rested,
		}
	})
}

// rested waits until no job is left that is to be sent within minutes.
func (l *lab) rested() {
	require.Eventually(l.t, func() bool {
		for _, job := range l.jobs() {
			if job.FinalizedAt == nil && job.State != rivertype.JobStatePending && time.Until(job.ScheduledAt) < 5*time.Minute {
				return false
			}
		}
		return true
	}, time.Minute, 10*time.Millisecond)
}
