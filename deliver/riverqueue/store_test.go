package riverqueue_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// With the history in River's database, what is delivered and that its job is
// done are known together; while a queue keeps it, a failure is not the end.
func TestHistoryInRiversDatabase(t *testing.T) {
	t.Parallel() // it waits for River to make failed jobs available again
	t.Run("SQLite", func(t *testing.T) {
		db := migrated(t, filepath.Join(t.TempDir(), "queue.db"))
		t.Cleanup(func() { db.Close() })
		store, err := sqlhistory.New(db, sqlhistory.SQLite, nil)
		require.NoError(t, err)
		testHistory(t, riversqlite.New(db), store, func(tx *sql.Tx) history.Store { return store.Tx(tx) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		pool := migratedPool(t, pgtest.Start(t))
		db := stdlib.OpenDBFromPool(pool)
		t.Cleanup(func() { db.Close() })
		store, err := sqlhistory.New(db, sqlhistory.PostgreSQL, nil)
		require.NoError(t, err)
		testHistory(t, riverpgxv5.New(pool), store, func(tx pgx.Tx) history.Store { return sqlhistory.Pgx(store, tx) })
	})
}

// A failing store records nothing.
type failing struct{ history.Store }

var errStore = errors.New("the history is away")

func (failing) Record(context.Context, history.Entry) error { return errStore }

func testHistory[TTx any](t *testing.T, driver riverdriver.Driver[TTx], plain *sqlhistory.Store, within func(TTx) history.Store) {
	ctx := t.Context()
	require.NoError(t, plain.Migrate(ctx))
	var queue *riverqueue.Queue[TTx]
	var client *river.Client[TTx]
	answers := func() error { return nil }
	fails := false
	seen := make(chan rivertype.JobState, 100) // of the job, when it was delivered and Work goes on
	told := make(chan error, 100)
	store := &riverqueue.Store[TTx]{Store: plain, Tx: func(tx TTx) history.Store {
		if fails {
			return failing{}
		}
		return within(tx)
	}}
	kept, err := history.New(deliverFunc(func(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
		a := deliver.Attempt{Number: 1, At: time.Now(), StatusCode: 200}
		if err := answers(); err != nil {
			failure := *err.(*deliver.Error)
			a.StatusCode, a.Cause = failure.StatusCode, failure.Cause
			failure.Attempts = []deliver.Attempt{a}
			return nil, &failure
		}
		return &deliver.Receipt{Status: deliver.Delivered, Attempts: []deliver.Attempt{a}}, nil
	}), store, &history.Options{OnError: func(_ context.Context, err error) { told <- err }})
	require.NoError(t, err)
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Deliverer: deliverFunc(func(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			receipt, err := kept.Deliver(ctx, req)
			list, listErr := client.JobList(ctx, river.NewJobListParams().OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1))
			if assert.NoError(t, listErr) {
				seen <- list.Jobs[0].State
			}
			return receipt, err
		}),
		Resolve: func(context.Context, string) (deliver.Destination, error) {
			return deliver.Destination{URL: "https://crm.example.com/leads"}, nil
		},
		Schedule: func(string) []time.Duration { return []time.Duration{0, 0} },
	})
	client, err = river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}, Workers: workers,
		FetchCooldown: time.Millisecond, FetchPollInterval: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler), TestOnly: true,
	})
	require.NoError(t, err)
	queue, err = riverqueue.New(client, &riverqueue.Options{Schedule: func(string) []time.Duration { return []time.Duration{0, 0} }})
	require.NoError(t, err)
	require.NoError(t, client.Start(ctx))
	t.Cleanup(func() { assert.NoError(t, client.StopAndCancel(context.Background())) })

	entry := func(leadID string) history.Entry {
		page, err := plain.List(ctx, history.Filter{LeadID: leadID})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Entries), 1)
		if len(page.Entries) == 0 {
			return history.Entry{}
		}
		return page.Entries[0]
	}
	deliver1 := func(leadID string) {
		_, err := queue.Deliver(ctx, request("crm", leadID, "new_lead"))
		require.NoError(t, err)
	}
	completed := func() {
		require.Eventually(t, func() bool {
			list, err := client.JobList(ctx, river.NewJobListParams().OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1))
			require.NoError(t, err)
			return list.Jobs[0].State == rivertype.JobStateCompleted
		}, 20*time.Second, 5*time.Millisecond)
	}

	deliver1("delivered")
	assert.Equal(t, rivertype.JobStateCompleted, <-seen, "the job is done as soon as the delivery is known")
	assert.Equal(t, history.Delivered, entry("delivered").Status)
	completed()

	unavailable := &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseHTTPStatus, StatusCode: 503}
	failed := false
	answers = func() error {
		if failed {
			return nil
		}
		failed = true
		return unavailable
	}
	again := make(chan struct{})
	next := answers
	answers = func() error {
		if failed {
			<-again
		}
		return next()
	}
	deliver1("tried again")
	assert.Equal(t, rivertype.JobStateRunning, <-seen)
	e := entry("tried again")
	assert.Equal(t, []any{history.Queued, deliver.CauseHTTPStatus, true, 1}, []any{e.Status, e.Cause, e.MayPass, len(e.Attempts)})
	close(again)
	assert.Equal(t, rivertype.JobStateCompleted, <-seen)
	e = entry("tried again")
	assert.Equal(t, []any{history.Delivered, deliver.Cause(""), 2}, []any{e.Status, e.Cause, len(e.Attempts)})
	completed()

	answers = func() error { return unavailable }
	deliver1("in vain")
	<-seen
	<-seen
	e = entry("in vain")
	assert.Equal(t, []any{history.Failed, true, 2}, []any{e.Status, e.MayPass, len(e.Attempts)})

	answers = func() error {
		return &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseRateLimited, StatusCode: 429, RetryAfter: time.Hour}
	}
	deliver1("asked to wait")
	<-seen
	assert.Equal(t, history.Queued, entry("asked to wait").Status)

	answers = func() error { return nil }
	fails = true
	deliver1("not recorded")
	assert.Equal(t, rivertype.JobStateRunning, <-seen)
	assert.ErrorIs(t, <-told, errStore)
	completed() // it was delivered all the same
	assert.Zero(t, entry("not recorded"))
}
