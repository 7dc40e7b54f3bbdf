package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// Here is what River's table is asked for by SQL: jobs by their stream, which is in
// their args.

const (
	indexName = "leadhook_river_job_stream"
	// isUnfinished is the condition of a job that may still be sent, and of the index.
	// The cast keeps SQLite from reading all jobs of the kind.
	isUnfinished = "CAST(kind AS text) = 'leadhook_delivery' AND finalized_at IS NULL"
	// maxPage is as much as River lists.
	maxPage = 10_000
)

// A dialect is what the databases write differently.
type dialect struct {
	stream  string // a job's stream, as the index has it, in the order of its bytes
	oneOf   string // is one of the values of an argument
	values  func(any) any
	now     string // as River writes times
	far     string // long before heldFor is over, and after all else
	changes string // asks how many rows the last statement changed; "": an update returns them
}

var postgres = dialect{
	stream: `((args->>'stream') COLLATE "C")`,
	oneOf:  "= ANY(@%s)",
	values: func(values any) any { return values },
	now:    "now()",
	far:    "now() + interval '5 years'",
}

var sqlite = dialect{
	stream: "(args->>'stream')",
	oneOf:  "IN (SELECT value FROM json_each(@%s))",
	values: func(values any) any {
		text, _ := json.Marshal(values)
		return string(text)
	},
	now:     "datetime('now', 'subsec')",
	far:     "datetime('now', '+5 years')",
	changes: "SELECT changes()",
}

func dialectOf[TTx any](client *river.Client[TTx]) dialect {
	if isPostgres(client) {
		return postgres
	}
	return sqlite
}

func isPostgres[TTx any](client *river.Client[TTx]) bool {
	return client.Driver().DatabaseName() == "postgres"
}

// table is River's, in the schema that the client has.
func table[TTx any](client *river.Client[TTx]) string {
	if schema := client.Schema(); schema != "" {
		return schema + ".river_job"
	}
	return "river_job"
}

// ErrNoIndex is what Worker.OnError is told once where Queue.Migrate was not
// called.
var ErrNoIndex = errors.New("riverqueue: Queue.Migrate was not called: the more jobs wait, the slower is each")

// Migrate adds an index to River's table, unless it is there: of the jobs that may
// still be sent, by endpoint and lead. It is called when the host starts, after
// River's own migrations, by as many processes as there are. Without it all works,
// the slower the more jobs wait.
func (q *Queue[TTx]) Migrate(ctx context.Context) error {
	if err := migrate(ctx, q.client); err != nil {
		return fmt.Errorf("riverqueue: adding the index %s to the table that River's own migrations make: %w", indexName, err)
	}
	return nil
}

func migrate[TTx any](ctx context.Context, client *river.Client[TTx]) error {
	db := client.Driver().GetExecutor()
	// Making it if it does not exist would wait for all who write.
	if there, err := migrated(ctx, client); err != nil || there {
		return err
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing to do after Commit
	d, index, on := dialectOf(client), indexName, table(client)
	if isPostgres(client) { // where two that make it at once fail
		if err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('"+indexName+"'))"); err != nil {
			return err
		}
	} else if schema := client.Schema(); schema != "" { // which SQLite wants to be the index's
		index, on = schema+"."+indexName, "river_job"
	}
	if err := tx.Exec(ctx, "CREATE INDEX IF NOT EXISTS "+index+" ON "+on+" ("+d.stream+", id) WHERE "+isUnfinished); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// migrated says whether the index is there.
func migrated[TTx any](ctx context.Context, client *river.Client[TTx]) (bool, error) {
	there, err := client.Driver().GetExecutor().IndexesExist(ctx, &riverdriver.IndexesExistParams{IndexNames: []string{indexName}, Schema: client.Schema()})
	return there[indexName], err
}

var errTooMany = errors.New("too many jobs wait for others at once")

// endsOf is the condition of a job that is an end of one of @lh_streams: the first
// unfinished one before @lh_last and, where it is asked for, the last lead_update.
func endsOf(d dialect, table string, update bool) string {
	of := " FROM " + table + " WHERE " + isUnfinished + " AND " + d.stream + " " + fmt.Sprintf(d.oneOf, "lh_streams")
	by := " GROUP BY " + d.stream
	ends := "SELECT min(id)" + of + " AND id < @lh_last" + by
	if update {
		ends += " UNION SELECT max(id)" + of + " AND args->>'message' LIKE '" + updates + "%'" + by
	}
	return "id IN (" + ends + ")"
}

// listEnds returns the ends of streams, but for those jobs.
func listEnds[TTx any](ctx context.Context, client *river.Client[TTx], streams []string, ids []int64, update bool) ([]*rivertype.JobRow, error) {
	d := dialectOf(client)
	list, err := client.JobList(ctx, river.NewJobListParams().States().First(maxPage).
		Where(endsOf(d, table(client), update), river.NamedArgs{"lh_streams": d.values(streams), "lh_last": slices.Max(ids)}).
		Where("NOT id "+fmt.Sprintf(d.oneOf, "lh_ids"), river.NamedArgs{"lh_ids": d.values(ids)}))
	switch {
	case err != nil:
		return nil, err
	case len(list.Jobs) == maxPage:
		return nil, errTooMany
	}
	return list.Jobs, nil
}

// held is the condition of an endpoint's jobs that wait for Release, and its
// arguments. The cast keeps the databases from reading all jobs of those states.
func held(d dialect, endpointID string) (where string, args []any) {
	from := join(endpointID, "")
	to := from[:len(from)-1] + "0" // which comes after the slash
	return " WHERE " + isUnfinished + " AND " + d.stream + " >= $1 AND " + d.stream + " < $2" +
		" AND (CAST(state AS text) = 'pending' OR CAST(state AS text) = 'scheduled' AND scheduled_at > " + d.far + ")", []any{from, to}
}
