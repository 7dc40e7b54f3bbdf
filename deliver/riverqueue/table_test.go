package riverqueue_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// Among thousands that wait, a lead's other jobs and those of an endpoint are found
// by the index, whatever the database knows of the table.
func TestTheIndexIsUsed(t *testing.T) {
	fill := func(t *testing.T, l *lab, jobs int) {
		require.NoError(t, l.queue.migrate(t.Context()))
		for i := 0; i < jobs; i += 500 {
			var reqs []*deliver.Request
			for j := range 500 {
				reqs = append(reqs, request(fmt.Sprint("crm-", j%20), fmt.Sprint(i+j), "new_lead"))
			}
			_, err := l.queue.DeliverBatch(t.Context(), reqs)
			require.NoError(t, err)
		}
	}
	check := func(t *testing.T, plan, question string) {
		assert.Contains(t, plan, riverqueue.IndexName, question)
		assert.NotContains(t, plan, "Seq Scan", question)
	}
	t.Run("SQLite", func(t *testing.T) {
		db := migrated(t, filepath.Join(t.TempDir(), "queue.db"))
		t.Cleanup(func() { db.Close() })
		fill(t, newLab(t, func(t *testing.T) connection { return onSQLite(t, db) }, nil), 2000)
		streams, err := json.Marshal([]string{"crm-1/1", "crm-2/2"})
		require.NoError(t, err)
		for _, known := range []string{"nothing", "ANALYZE"} {
			if known == "ANALYZE" {
				_, err := db.Exec("ANALYZE")
				require.NoError(t, err)
			}
			for _, question := range []string{riverqueue.EndsSQL(false, false), riverqueue.EndsSQL(false, true), riverqueue.HeldSQL(false)} {
				args := []any{sql.Named("lh_streams", string(streams)), sql.Named("lh_last", 1600)}
				if question == riverqueue.HeldSQL(false) {
					args = []any{"crm-1/", "crm-10"}
				}
				rows, err := db.Query("EXPLAIN QUERY PLAN "+question, args...)
				require.NoError(t, err)
				var plan strings.Builder
				for rows.Next() {
					var id, parent, unused int
					var detail string
					require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
					fmt.Fprintln(&plan, detail)
				}
				require.NoError(t, rows.Err())
				check(t, plan.String(), question)
			}
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		pool := migratedPool(t, pgtest.Start(t))
		fill(t, newLab(t, func(t *testing.T) connection { return onPostgres(t, pool) }, nil), 5000)
		for _, known := range []string{"nothing", "ANALYZE"} {
			if known == "ANALYZE" {
				_, err := pool.Exec(t.Context(), "ANALYZE")
				require.NoError(t, err)
			}
			for _, question := range []string{riverqueue.EndsSQL(true, false), riverqueue.EndsSQL(true, true), riverqueue.HeldSQL(true)} {
				args := []any{pgx.NamedArgs{"lh_streams": []string{"crm-1/1", "crm-2/2"}, "lh_last": 1600}}
				if question == riverqueue.HeldSQL(true) {
					args = []any{"crm-1/", "crm-10"}
				}
				rows, err := pool.Query(t.Context(), "EXPLAIN "+question, args...)
				require.NoError(t, err)
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				require.NoError(t, err)
				check(t, strings.Join(lines, "\n"), question)
			}
		}
	})
}

// Migrate may be called by many at once, and again. Who did not is told once.
func TestMigrate(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		told := make(chan error, 100)
		l := newLab(t, open, func(l *lab) { l.onError = func(_ context.Context, err error) { told <- err } })
		l.start()
		l.deliver(request("crm", "1", "new_lead"), request("crm", "2", "new_lead"))
		l.settled(20 * time.Second)
		assert.ErrorIs(t, <-told, riverqueue.ErrNoIndex)
		assert.Empty(t, told)
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() { assert.NoError(t, l.queue.migrate(context.Background())) })
		}
		wait.Wait()
		require.NoError(t, l.queue.migrate(t.Context()))
	})
}

// SQLite has schemas, too.
func TestMigrateInASchema(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "queue.db")))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Schema: "main"})
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	client, err := river.NewClient(riversqlite.New(db), &river.Config{Schema: "main"})
	require.NoError(t, err)
	q, err := riverqueue.New(client, nil)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, q.Migrate(t.Context()))
	}
	req := request("crm", "1", "new_lead")
	req.Destination.Held = true
	_, err = q.Deliver(t.Context(), req)
	require.NoError(t, err)
	n, err := q.Release(t.Context(), "crm")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}
