package riverqueue

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"
)

// Held returns how many jobs wait for an endpoint that is held, or was. One that
// was tried before it was held counts when its next attempt would have come.
func (q *Queue[TTx]) Held(ctx context.Context, endpointID string) (n int, err error) {
	where, args := held(dialectOf(q.client), endpointID)
	if err := q.client.Driver().GetExecutor().QueryRow(ctx, "SELECT count(*) FROM "+table(q.client)+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("riverqueue: counting what is held: %w", err)
	}
	return n, nil
}

// Release lets the jobs go that wait for an endpoint, in their order, and
// returns how many they are. Call it when the endpoint is not held any more
// (Dispatcher.SetEndpoints): what Worker.Resolve says is held waits again.
// What was stored as held by a process that did not know that yet, or in a
// transaction that was committed later, is held until the next Release.
func (q *Queue[TTx]) Release(ctx context.Context, endpointID string) (int, error) {
	n, err := release(ctx, q.client, endpointID)
	if err != nil {
		return 0, fmt.Errorf("riverqueue: releasing: %w", err)
	}
	return n, nil
}

func release[TTx any](ctx context.Context, client *river.Client[TTx], endpointID string) (int, error) {
	return change(ctx, client, "state = 'available', scheduled_at = "+dialectOf(client).now, endpointID)
}

// Discard cancels the jobs that wait for an endpoint, and returns how many they
// are. It is for an endpoint that is deleted while it is held, too.
func (q *Queue[TTx]) Discard(ctx context.Context, endpointID string) (int, error) {
	n, err := change(ctx, q.client, "state = 'cancelled', finalized_at = "+dialectOf(q.client).now, endpointID)
	if err != nil {
		return 0, fmt.Errorf("riverqueue: discarding: %w", err)
	}
	return n, nil
}

// change sets columns of the jobs that are held, all at once: what another process
// let go, or sent, is none of them any more.
func change[TTx any](ctx context.Context, client *river.Client[TTx], set, endpointID string) (n int, err error) {
	d := dialectOf(client)
	where, args := held(d, endpointID)
	update := "UPDATE " + table(client) + " SET " + set + where
	db := client.Driver().GetExecutor()
	if d.changes == "" {
		err := db.QueryRow(ctx, "WITH changed AS ("+update+" RETURNING id) SELECT count(*) FROM changed", args...).Scan(&n)
		return n, err
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing to do after Commit
	if err := tx.Exec(ctx, update, args...); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, d.changes).Scan(&n); err != nil {
		return 0, err
	}
	return n, tx.Commit(ctx)
}
