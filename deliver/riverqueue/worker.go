package riverqueue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/limit"
)

var errNoResolve = errors.New("riverqueue: the worker has no Resolve; nobody can say where a job goes")

// A Worker sends what a Queue stored. It is added to the host's workers with
// river.AddWorker, before the client is made.
type Worker[TTx any] struct {
	river.WorkerDefaults[Job]

	// Resolve returns where an endpoint's jobs go now, so that an endpoint that was
	// mended gets the waiting leads at its new address: Dispatcher.Destination, or
	// the host's own look into its database. deliver.ErrUnknownEndpoint cancels
	// them, so it must be certain: where there are several processes, one that does
	// not know an endpoint should look into the database before it says so. After
	// any other error they wait, without using up an attempt.
	// MaxAttempts of what it returns is not looked at: a job's attempt is one.
	Resolve func(ctx context.Context, endpointID string) (deliver.Destination, error)
	// Deliverer sends. nil: a deliver.HTTP of the worker's own.
	Deliverer deliver.Deliverer
	// Limits count for each endpoint that has none of its own, so that a slow or
	// dead one does not take all of the client's workers: what is beyond them waits
	// without using up an attempt. A Concurrency of 0 means 4, in each process;
	// River's MaxWorkers should be several times that.
	Limits deliver.Limits
	// Schedule is Options.Schedule of the Queue.
	Schedule func(endpointID string) []time.Duration
	// Supersede lets a newer lead_update replace an older one of the same lead
	// that was not delivered yet.
	Supersede bool
	// OnError is told why a job waits where neither it nor its endpoint is the
	// reason: Resolve failed, or the database; and once of ErrNoIndex. nil: the
	// default logger of log/slog, as a warning.
	OnError func(context.Context, error)

	streams streams[TTx]
	gate    gate
	once    sync.Once
	own     deliver.HTTP
	limited deliver.Deliverer
	invalid error // what is wrong with the worker itself
}

// How long a job waits without using up an attempt.
const (
	waitForResolve = 10 * time.Second
	maxRetryAfter  = 24 * time.Hour
	// An endpoint that asks to wait again and again is heard for so long and often.
	maxPatience    = 7 * 24 * time.Hour
	minSnoozes     = 100
	maxThrottled   = 2 * time.Minute
	waitForSlot    = 500 * time.Millisecond // of an endpoint that has as many requests under way as it may, and for longer each time
	maxWaitForSlot = 30 * time.Second
	// heldFor is far enough from every other wait to tell what Release is for.
	heldFor = 10 * 365 * 24 * time.Hour
)

// Work sends one job, where it is its turn.
func (w *Worker[TTx]) Work(ctx context.Context, job *river.Job[Job]) error {
	req, err := job.Args.Request()
	if err != nil {
		return river.JobCancel(err)
	}
	client, err := river.ClientFromContextSafely[TTx](ctx)
	if err != nil {
		return w.later(ctx, fmt.Errorf("riverqueue: the worker's transactions are not those of the client: %w", err))
	}
	w.once.Do(func() { w.prepare(ctx, client) })
	if w.invalid != nil {
		return w.later(ctx, w.invalid)
	}
	wait, err := w.turn(ctx, client, job)
	switch {
	case errors.Is(err, errSuperseded):
		return river.JobCancel(err)
	case err != nil:
		return w.later(ctx, fmt.Errorf("riverqueue: looking for jobs of the same lead: %w", err))
	case wait > 0 && wait < heldFor:
		return river.JobSnooze(wait)
	}
	to, err := w.Resolve(ctx, req.EndpointID)
	switch {
	case errors.Is(err, deliver.ErrUnknownEndpoint):
		return river.JobCancel(err)
	case err != nil:
		return w.later(ctx, fmt.Errorf("riverqueue: resolving endpoint %.80q: %w", req.EndpointID, err))
	case to.Held:
		return river.JobSnooze(heldFor)
	case wait > 0: // for one that somebody stored who did not know that the endpoint was released
		if _, err := release(ctx, client, req.EndpointID); err != nil {
			return w.later(ctx, fmt.Errorf("riverqueue: releasing endpoint %.80q: %w", req.EndpointID, err))
		}
		return river.JobSnooze(waitForRunning)
	}
	leave, busy := w.gate.enter(ctx, req.EndpointID, max(cmp.Or(to.Limits.Concurrency, w.Limits.Concurrency, 4), 1))
	if leave == nil {
		// A thousand that wait for one endpoint are not to come back together.
		return river.JobSnooze(jittered(min(max(busy, waitForSlot)+time.Duration(snoozes(job))*waitForSlot, maxWaitForSlot)))
	}
	defer leave()
	to.MaxAttempts = 1
	req.Destination, req.Kept, req.Last = to, true, job.Attempt >= job.MaxAttempts
	_, err = w.limited.Deliver(context.WithValue(ctx, workKey{}, job), req)
	return verdict(ctx, job, err)
}

// prepare is for the first job.
func (w *Worker[TTx]) prepare(ctx context.Context, client *river.Client[TTx]) {
	if w.Resolve == nil {
		w.invalid = errNoResolve
		return
	}
	next := w.Deliverer
	if next == nil {
		next = &w.own
	}
	// No breaker: the schedule says when an endpoint that fails is tried again.
	limited, err := limit.New(next, &limit.Options{Limits: w.Limits, Breaker: limit.Breaker{Disabled: true}})
	if err != nil {
		w.invalid = err
		return
	}
	w.own.Observe, w.own.Pause = limited.Observe, limited.Pause
	w.limited = limited
	if there, err := migrated(ctx, client); err == nil && !there {
		w.tell(ctx, ErrNoIndex)
	}
}

// later lets a job wait for what is no fault of its own.
func (w *Worker[TTx]) later(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) { // the client stops
		return river.JobSnooze(0)
	}
	w.tell(ctx, err)
	return river.JobSnooze(waitForResolve)
}

func (w *Worker[TTx]) tell(ctx context.Context, err error) {
	if w.OnError != nil {
		w.OnError(ctx, err)
		return
	}
	slog.WarnContext(ctx, err.Error())
}

// verdict is what River is to do after a delivery.
func verdict(ctx context.Context, job *river.Job[Job], err error) error {
	e, known := errors.AsType[*deliver.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, deliver.ErrRejected):
		return river.JobCancel(err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded): // River's JobTimeout: it would be the next time too
		return err
	case ctx.Err() != nil: // the client stops
		return river.JobSnooze(0)
	case known && e.Cause == deliver.CauseThrottled:
		return river.JobSnooze(min(e.RetryAfter, maxThrottled))
	case known && e.RetryAfter > 0 && (time.Since(job.CreatedAt) < maxPatience || snoozes(job) < minSnoozes):
		return river.JobSnooze(min(e.RetryAfter, maxRetryAfter))
	}
	return err
}

// snoozes is how often a job has waited before: River keeps it in the metadata.
func snoozes(job *river.Job[Job]) int {
	var metadata struct {
		Snoozes int `json:"snoozes"`
	}
	if json.Unmarshal(job.Metadata, &metadata) != nil {
		return 0
	}
	return metadata.Snoozes
}

// NextRetry is the schedule, give or take a fifth.
func (w *Worker[TTx]) NextRetry(job *river.Job[Job]) time.Time {
	waits := schedule(w.Schedule, job.Args.endpointID())
	return time.Now().Add(jittered(waits[min(job.Attempt, len(waits)-1)]))
}
