package riverqueue

import (
	"context"
	"time"
)

// NewJob is what a Queue stores.
var NewJob = newJob

const IndexName = indexName

// EndsSQL is the question for the ends of some streams, and HeldSQL that for what
// waits for an endpoint, in the words of SQLite or PostgreSQL.
func EndsSQL(onPostgres, update bool) string {
	return "SELECT id FROM river_job WHERE " + endsOf(dialects[onPostgres], "river_job", update) + " ORDER BY id LIMIT 10000"
}

func HeldSQL(onPostgres bool) string {
	where, _ := held(dialects[onPostgres], "crm-1")
	return "SELECT count(*) FROM river_job" + where
}

var dialects = map[bool]dialect{false: sqlite, true: postgres}

// Verdict is what River is to do after a delivery.
var Verdict = verdict

// A Gate is a gate.
type Gate struct{ gate }

func (g *Gate) Enter(ctx context.Context, endpointID string, limit int) (func(), time.Duration) {
	return g.enter(ctx, endpointID, limit)
}

// Lanes is how many endpoints it keeps something of.
func (g *Gate) Lanes() int { return len(g.lanes) }
