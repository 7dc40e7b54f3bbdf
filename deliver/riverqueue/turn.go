package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook/routing"
)

// How long a job waits for another of its stream, without using up an attempt.
const (
	waitForRunning = 500 * time.Millisecond // at first, for one that is about to be sent
	waitForStuck   = 15 * time.Second       // at the most, for one whose process may have been killed
	waitForRetry   = 5 * time.Minute        // at the most, for one that is to be tried later
)

// errSuperseded is why an older lead_update was not sent.
var errSuperseded = errors.New("riverqueue: a newer lead_update of the same lead replaces it")

// updates begins the Message of a lead_update.
const updates = string(routing.MessageLeadUpdate) + "/"

// A place is that of a job in its stream.
type place struct {
	id          int64
	stream      string
	update      bool // it is a lead_update
	state       rivertype.JobState
	scheduledAt time.Time
}

func placeOf(row *rivertype.JobRow, args *Job) place {
	return place{row.ID, args.Stream, strings.HasPrefix(args.Message, updates), row.State, row.ScheduledAt}
}

// ends are the first job of a stream that is not finished, and the last
// lead_update; there may be none.
type ends struct{ first, update place }

func (e *ends) add(p place) {
	if e.first.id == 0 || p.id < e.first.id {
		e.first = p
	}
	if p.update && p.id > e.update.id {
		e.update = p
	}
}

// turn says how long a job has to wait for one of its stream that was stored
// before it; 0 where it is its turn, and heldFor where that one is held.
// errSuperseded: it is not to be sent at all.
func (w *Worker[TTx]) turn(ctx context.Context, client *river.Client[TTx], job *river.Job[Job]) (time.Duration, error) {
	mine := placeOf(job.JobRow, &job.Args)
	if strings.HasSuffix(mine.stream, "/") { // it is of no lead
		return 0, nil
	}
	stream, err := w.streams.ends(ctx, client, mine, w.Supersede)
	switch first := stream.first; {
	case err != nil:
		return 0, err
	case w.Supersede && mine.update && stream.update.id > mine.id:
		return 0, errSuperseded
	case first.id == mine.id:
		return 0, nil
	case first.state == rivertype.JobStatePending, first.state == rivertype.JobStateScheduled && time.Until(first.scheduledAt) > heldFor/2:
		return heldFor, nil
	case first.state == rivertype.JobStateRetryable, first.state == rivertype.JobStateScheduled:
		return min(max(time.Until(first.scheduledAt), waitForRunning), waitForRetry), nil
	}
	return min(waitForRunning<<min(snoozes(job), 10), waitForStuck), nil
}

// streams finds the ends of streams, for many jobs with one query: those that ask
// while one is answered share the next.
type streams[TTx any] struct {
	mu   sync.Mutex
	next *query // nil where nobody asks
	busy bool
}

type query struct {
	asking []place
	ends   map[string]*ends // by stream
	err    error
	done   chan struct{}
}

// queryTimeout is for a database that does not answer. What asked waits, and asks
// again.
const queryTimeout = 30 * time.Second

// ends returns the ends of a job's stream, the last lead_update where it is asked
// for.
func (s *streams[TTx]) ends(ctx context.Context, client *river.Client[TTx], p place, update bool) (ends, error) {
	s.mu.Lock()
	if s.next == nil {
		s.next = &query{done: make(chan struct{})}
	}
	q := s.next
	q.asking = append(q.asking, p)
	if !s.busy {
		s.busy = true
		go s.answer(context.WithoutCancel(ctx), client, update)
	}
	s.mu.Unlock()
	select {
	case <-q.done:
	case <-ctx.Done():
		return ends{}, ctx.Err()
	}
	if q.err != nil {
		return ends{}, q.err
	}
	return *q.ends[p.stream], nil
}

// answer makes one query after the other until nobody asks.
func (s *streams[TTx]) answer(ctx context.Context, client *river.Client[TTx], update bool) {
	for {
		s.mu.Lock()
		q := s.next
		s.next, s.busy = nil, q != nil
		s.mu.Unlock()
		if q == nil {
			return
		}
		within, cancel := context.WithTimeout(ctx, queryTimeout)
		q.ends, q.err = findEnds(within, client, q.asking, update)
		cancel()
		close(q.done)
	}
}

// findEnds returns the ends of the streams of some jobs, which are not finished
// themselves.
func findEnds[TTx any](ctx context.Context, client *river.Client[TTx], asking []place, update bool) (map[string]*ends, error) {
	found := make(map[string]*ends, len(asking))
	add := func(p place) {
		if found[p.stream] == nil {
			found[p.stream] = &ends{}
		}
		found[p.stream].add(p)
	}
	names, ids := make([]string, 0, len(asking)), make([]int64, len(asking))
	for i, p := range asking {
		if found[p.stream] == nil {
			names = append(names, p.stream)
		}
		add(p)
		ids[i] = p.id
	}
	rows, err := listEnds(ctx, client, names, ids, update)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var args Job
		if err := json.Unmarshal(row.EncodedArgs, &args); err != nil {
			return nil, err
		}
		add(placeOf(row, &args))
	}
	return found, nil
}
