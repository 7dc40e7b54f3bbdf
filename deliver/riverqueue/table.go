package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// Here is what River's table is asked for by SQL: jobs by their stream, which is in
// their args.

const (
	indexName = "leadhook_river_job_stream"
	// isUnfinished is for jobs that may still be sent. The index has the same words,
	// by which SQLite knows that it will do.
	isUnfinished = "state IN ('available', 'pending', 'retryable', 'running', 'scheduled')"
	// maxPage is as much as River lists.
	maxPage = 10_000
)

// A dialect is what the databases write differently.
type dialect struct {
	stream string // a job's stream, as the index has it, in the order of its bytes
	oneOf  string // is one of the values of an argument
	values func(any) any
}

func dialectOf[TTx any](client *river.Client[TTx]) dialect {
	if client.Driver().DatabaseName() == "postgres" {
		return dialect{`((args->>'stream') COLLATE "C")`, "= ANY(@%s)", func(values any) any { return values }}
	}
	return dialect{"(args->>'stream')", "IN (SELECT value FROM json_each(@%s))", func(values any) any {
		text, _ := json.Marshal(values)
		return string(text)
	}}
}

// table is River's, in the schema that the client has.
func table[TTx any](client *river.Client[TTx]) string {
	if schema := client.Schema(); schema != "" {
		return schema + ".river_job"
	}
	return "river_job"
}

// Migrate adds an index to River's table, unless it is there: of the jobs that may
// still be sent, by endpoint and lead. It is called when the host starts, after
// River's own migrations, by as many processes as there are. Without it all works,
// the slower the more jobs wait.
func (q *Queue[TTx]) Migrate(ctx context.Context) error {
	if err := migrate(ctx, q.client); err != nil {
		return fmt.Errorf("riverqueue: adding the index %s: %w", indexName, err)
	}
	return nil
}

func migrate[TTx any](ctx context.Context, client *river.Client[TTx]) (err error) {
	db := client.Driver().GetExecutor()
	// Making it if it does not exist would wait for all who write.
	if there, err := db.IndexesExist(ctx, &riverdriver.IndexesExistParams{IndexNames: []string{indexName}, Schema: client.Schema()}); err != nil || there[indexName] {
		return err
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tx.Rollback(context.WithoutCancel(ctx))
		}
	}()
	d := dialectOf(client)
	if client.Driver().DatabaseName() == "postgres" { // where two that make it at once fail
		if err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('"+indexName+"'))"); err != nil {
			return err
		}
	}
	if err := tx.Exec(ctx, "CREATE INDEX IF NOT EXISTS "+indexName+" ON "+table(client)+" ("+d.stream+", id) WHERE "+isUnfinished); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

var errTooMany = errors.New("too many jobs wait for others at once")

// listEnds returns the ends of streams that are none of those jobs.
func listEnds[TTx any](ctx context.Context, client *river.Client[TTx], streams []string, ids []int64, update bool) ([]*rivertype.JobRow, error) {
	d := dialectOf(client)
	of := " FROM " + table(client) + " WHERE " + isUnfinished + " AND " + d.stream + " " + fmt.Sprintf(d.oneOf, "lh_streams")
	where := "SELECT min(id)" + of + " GROUP BY " + d.stream
	if update {
		where += " UNION SELECT max(id)" + of + " AND args->>'message' LIKE '" + updates + "%' GROUP BY " + d.stream
	}
	list, err := client.JobList(ctx, river.NewJobListParams().States().First(maxPage).
		Where("id IN ("+where+")", river.NamedArgs{"lh_streams": d.values(streams)}).
		Where("NOT id "+fmt.Sprintf(d.oneOf, "lh_ids"), river.NamedArgs{"lh_ids": d.values(ids)}))
	switch {
	case err != nil:
		return nil, err
	case len(list.Jobs) == maxPage:
		return nil, errTooMany
	}
	return list.Jobs, nil
}
