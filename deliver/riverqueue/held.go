package riverqueue

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Held returns how many jobs wait for an endpoint that is held, or was.
func (q *Queue[TTx]) Held(ctx context.Context, endpointID string) (int, error) {
	n := 0
	err := q.eachHeld(ctx, endpointID, func(*rivertype.JobRow) error { n++; return nil })
	return n, err
}

// Release lets the jobs go that wait for an endpoint, in their order, and
// returns how many they are. What Worker.Resolve says must not be held any more.
func (q *Queue[TTx]) Release(ctx context.Context, endpointID string) (int, error) {
	return q.change(ctx, endpointID, q.client.JobRetry)
}

// Discard cancels the jobs that wait for an endpoint, and returns how many they
// are.
func (q *Queue[TTx]) Discard(ctx context.Context, endpointID string) (int, error) {
	return q.change(ctx, endpointID, q.client.JobCancel)
}

func (q *Queue[TTx]) change(ctx context.Context, endpointID string, change func(context.Context, int64) (*rivertype.JobRow, error)) (n int, err error) {
	err = q.eachHeld(ctx, endpointID, func(job *rivertype.JobRow) error {
		if _, err := change(ctx, job.ID); errors.Is(err, rivertype.ErrNotFound) {
			return nil // it is gone meanwhile
		} else if err != nil {
			return err
		}
		n++
		return nil
	})
	return n, err
}

// eachHeld gives the jobs that wait for an endpoint, the oldest first.
func (q *Queue[TTx]) eachHeld(ctx context.Context, endpointID string, do func(*rivertype.JobRow) error) error {
	of, args := waiting(dialectOf(q.client), endpointID)
	first := river.NewJobListParams().States().First(1000).Where(of, args)
	for params := first; ; {
		page, err := q.client.JobList(ctx, params)
		if err != nil {
			return err
		}
		for _, job := range page.Jobs {
			if job.State == rivertype.JobStateScheduled && time.Until(job.ScheduledAt) < heldFor/2 {
				continue // it waits for something else
			}
			if err := do(job); err != nil {
				return err
			}
		}
		if len(page.Jobs) < 1000 {
			return nil
		}
		params = first.After(page.LastCursor) // JobList has added its own conditions to params
	}
}
