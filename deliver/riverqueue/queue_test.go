package riverqueue_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// migrated opens a SQLite file and gives it River's tables.
func migrated(t *testing.T, file string) *sql.DB {
	db, err := sql.Open("sqlite", dsn(file))
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	migrator, err := rivermigrate.New(riversqlite.New(db), nil)
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	return db
}

// The databases that every test runs on.
var databases = map[string]func(*testing.T) connection{"SQLite": openSQLite, "PostgreSQL": openPostgres}

// each runs a test on every database.
func each(t *testing.T, test func(t *testing.T, open func(*testing.T) connection)) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// A connection is a database with River's tables, whatever its driver.
type connection struct {
	// host makes River's client with a worker, and a queue over it.
	host func(*lab) (riverClient, *queue)
}

// A riverClient is a *river.Client, whatever its transactions are.
type riverClient interface {
	Start(context.Context) error
	StopAndCancel(context.Context) error
	JobList(context.Context, *river.JobListParams) (*river.JobListResult, error)
}

// A queue is a *riverqueue.Queue, whatever its transactions are.
type queue struct {
	deliver.BatchDeliverer
	Held, Release, Discard func(ctx context.Context, endpointID string) (int, error)
	migrate                func(context.Context) error
	// within stores in a transaction that is committed or rolled back then.
	within func(commit bool, reqs ...*deliver.Request) error
}

func openSQLite(t *testing.T) connection {
	db := migrated(t, filepath.Join(t.TempDir(), "queue.db"))
	t.Cleanup(func() { db.Close() })
	return onSQLite(t, db)
}

func onSQLite(t *testing.T, db *sql.DB) connection {
	return connection{func(l *lab) (riverClient, *queue) {
		return newHost(l, riversqlite.New(db), func(commit bool, do func(*sql.Tx) error) error {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if err := do(tx); err != nil || !commit {
				return err
			}
			return tx.Commit()
		})
	}}
}

// migratedPool opens a PostgreSQL database and gives it River's tables.
func migratedPool(t *testing.T, url string) *pgxpool.Pool {
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	return pool
}

func openPostgres(t *testing.T) connection {
	return onPostgres(t, migratedPool(t, pgtest.Start(t)))
}

func onPostgres(t *testing.T, pool *pgxpool.Pool) connection {
	return connection{func(l *lab) (riverClient, *queue) {
		return newHost(l, riverpgxv5.New(pool), func(commit bool, do func(pgx.Tx) error) error {
			tx, err := pool.Begin(t.Context())
			if err != nil {
				return err
			}
			defer tx.Rollback(context.Background())
			if err := do(tx); err != nil || !commit {
				return err
			}
			return tx.Commit(t.Context())
		})
	}}
}

func newHost[TTx any](l *lab, driver riverdriver.Driver[TTx], inTx func(commit bool, do func(TTx) error) error) (riverClient, *queue) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Resolve: l.resolve, Deliverer: l.deliverer, Limits: l.limits, Schedule: l.schedule, Supersede: l.supersede, OnError: l.onError,
	})
	client, err := river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 20}},
		Workers:           workers,
		FetchCooldown:     time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		JobTimeout:        l.jobTimeout,
		Logger:            slog.New(slog.DiscardHandler),
		TestOnly:          true,
	})
	require.NoError(l.t, err)
	q, err := riverqueue.New(client, &riverqueue.Options{Schedule: l.schedule})
	require.NoError(l.t, err)
	return client, &queue{
		BatchDeliverer: q, Held: q.Held, Release: q.Release, Discard: q.Discard, migrate: q.Migrate,
		within: func(commit bool, reqs ...*deliver.Request) error {
			return inTx(commit, func(tx TTx) error {
				within := q.Tx(tx)
				errs := make([]error, len(reqs))
				var wait sync.WaitGroup
				for i, req := range reqs {
					wait.Go(func() { _, errs[i] = within.Deliver(l.t.Context(), req) })
				}
				wait.Wait()
				return errors.Join(errs...)
			})
		},
	}
}

// A lab is a host with a queue, whose worker delivers to a fake, if to nothing
// else.
type lab struct {
	t      *testing.T
	client riverClient
	queue  *queue
	fake   *delivertest.Fake

	// What the worker is made of.
	resolve    func(context.Context, string) (deliver.Destination, error)
	deliverer  deliver.Deliverer
	limits     deliver.Limits
	schedule   func(string) []time.Duration
	supersede  bool
	jobTimeout time.Duration
	onError    func(context.Context, error)
}

// newLab makes a lab; adjust may change what its worker is made of.
func newLab(t *testing.T, open func(*testing.T) connection, adjust func(*lab)) *lab {
	l := &lab{t: t, fake: &delivertest.Fake{}}
	l.deliverer = l.fake
	l.resolve = func(_ context.Context, endpointID string) (deliver.Destination, error) {
		return deliver.Destination{URL: "https://" + endpointID + ".example.com/leads"}, nil
	}
	if adjust != nil {
		adjust(l)
	}
	l.client, l.queue = open(t).host(l)
	return l
}

// start works until the test ends.
func (l *lab) start() {
	require.NoError(l.t, l.client.Start(context.Background()))
	l.t.Cleanup(func() { assert.NoError(l.t, l.client.StopAndCancel(context.Background())) })
}

func request(endpointID, leadID, messageType string) *deliver.Request {
	return &deliver.Request{
		ID: messageType + "-" + leadID, EndpointID: endpointID, LeadID: leadID, MessageType: messageType,
		ContentType: "application/json", Body: []byte(`{"id":"` + leadID + `"}`),
		Destination: deliver.Destination{URL: "https://old.example.com", Secrets: []string{deliver.NewSecret()}},
	}
}

func TestWhatIsStoredIsSent(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		l.start()
		receipt, err := l.queue.Deliver(t.Context(), request("crm", "1", "new_lead"))
		require.NoError(t, err)
		assert.Equal(t, deliver.Queued, receipt.Status)
		require.Eventually(t, func() bool { return len(l.fake.Requests()) == 1 }, 10*time.Second, 5*time.Millisecond)
		got := l.fake.Requests()[0]
		assert.Equal(t, "https://crm.example.com/leads", got.Destination.URL, "where it goes is looked up when it is sent")
		assert.Equal(t, `{"id":"1"}`, string(got.Body))
		assert.Equal(t, []string{"new_lead-1", "crm", "1", "new_lead", "application/json"}, []string{got.ID, got.EndpointID, got.LeadID, got.MessageType, got.ContentType})
	})
}

func TestOneTransaction(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		l := newLab(t, open, nil)
		l.start()
		require.NoError(t, l.queue.within(false, request("crm", "rolled back", "new_lead")))
		require.NoError(t, l.queue.within(true, request("crm", "committed", "new_lead")))
		l.settled(20 * time.Second)
		require.Len(t, l.fake.Requests(), 1)
		assert.Equal(t, "committed", l.fake.Requests()[0].LeadID)
		assert.Len(t, l.jobs(), 1)
	})
}
