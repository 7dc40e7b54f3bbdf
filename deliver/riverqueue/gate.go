package riverqueue

import (
	"context"
	"slices"
	"sync"
	"time"
)

// patience is how long a job waits where it is, with one of the client's workers,
// for others of its endpoint. Longer ones go back to the queue.
const patience = 100 * time.Millisecond

// A gate lets so many jobs of an endpoint through at a time. An endpoint that
// answers soon is waited for; a slow or dead one keeps only those workers that it
// has. The zero value is ready.
type gate struct {
	mu    sync.Mutex
	lanes map[string]*lane // of endpoints to which something is under way
}

type lane struct {
	limit   int
	began   []time.Time      // those under way, the oldest first
	waiting []chan time.Time // those that wait here, each for the time at which it begins
	took    time.Duration    // a moving average; 0 before the first is over
}

// enter lets a job through, and leave is to be called when it was sent; or leave is
// nil, and the job should wait in the queue for about so long.
func (g *gate) enter(ctx context.Context, endpointID string, limit int) (leave func(), wait time.Duration) {
	g.mu.Lock()
	l := g.lanes[endpointID]
	if l == nil {
		if g.lanes == nil {
			g.lanes = make(map[string]*lane)
		}
		l = &lane{}
		g.lanes[endpointID] = l
	}
	l.limit = limit
	through := func(began time.Time) func() { return func() { g.leave(endpointID, l, began) } }
	if len(l.began) < limit && len(l.waiting) == 0 {
		defer g.mu.Unlock()
		return through(l.begin()), 0
	}
	// What is under way takes at least as long as it already took.
	each := max(l.took, time.Since(l.began[0]))
	if wait := each * time.Duration(len(l.waiting)+1) / time.Duration(limit); wait > patience {
		g.mu.Unlock()
		return nil, wait
	}
	turn := make(chan time.Time, 1)
	l.waiting = append(l.waiting, turn)
	g.mu.Unlock()

	timer := time.NewTimer(2 * patience)
	defer timer.Stop()
	select {
	case began := <-turn:
		return through(began), 0
	case <-timer.C:
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return nil, 2 * patience
	}
	return through(<-turn), 0 // it was its turn meanwhile
}

func (l *lane) begin() time.Time {
	now := time.Now()
	l.began = append(l.began, now)
	return now
}

func (g *gate) leave(endpointID string, l *lane, began time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(l.began, began)
	l.began = slices.Delete(l.began, i, i+1)
	if took := time.Since(began); l.took == 0 {
		l.took = took
	} else {
		l.took += (took - l.took) / 8
	}
	for len(l.waiting) > 0 && len(l.began) < l.limit {
		l.waiting[0] <- l.begin()
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	if len(l.began) == 0 {
		delete(g.lanes, endpointID)
	}
}
