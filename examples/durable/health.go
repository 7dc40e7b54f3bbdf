package main

import (
	"context"
	"net/http"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// A health is what to watch.
type health struct {
	// Jobs counts those that are not delivered, by River's states.
	Jobs map[rivertype.JobState]int `json:"jobs"`
	// Oldest is for how long the first of those that could be sent now waits.
	Oldest string `json:"oldest"`
	// Held counts what waits for endpoints that are held.
	Held map[string]int `json:"held"`
}

// getHealth answers 503 where the database is away.
func (h *host[TTx]) getHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), databaseTimeout)
	defer cancel()
	state, err := h.health(ctx)
	if err != nil {
		unavailable(w, err)
		return
	}
	answer(w, http.StatusOK, state)
}

func (h *host[TTx]) health(ctx context.Context) (*health, error) {
	state := &health{Jobs: make(map[rivertype.JobState]int), Held: make(map[string]int)}
	// By name, for the index: those that are completed are many.
	rows, err := h.db.sql.QueryContext(ctx, `SELECT state, count(*) FROM river_job
		WHERE state IN ('available', 'cancelled', 'discarded', 'pending', 'retryable', 'running', 'scheduled') GROUP BY state`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		state.Jobs[rivertype.JobState(name)] = n
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	oldest, err := h.client.JobList(ctx, river.NewJobListParams().Kinds(riverqueue.Job{}.Kind()).
		States(rivertype.JobStateAvailable).OrderBy(river.JobListOrderByTime, river.SortOrderAsc).First(1))
	if err != nil {
		return nil, err
	}
	var waits time.Duration
	if len(oldest.Jobs) > 0 {
		waits = max(0, time.Since(oldest.Jobs[0].ScheduledAt))
	}
	state.Oldest = waits.Round(time.Millisecond).String()
	for _, e := range h.endpoints {
		if !e.Held && !e.Disabled {
			continue
		}
		if state.Held[e.ID], err = h.queue.Held(ctx, e.ID); err != nil {
			return nil, err
		}
	}
	return state, nil
}
