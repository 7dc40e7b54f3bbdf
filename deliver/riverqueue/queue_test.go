package riverqueue_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// A lab is a host with a queue on SQLite, whose worker delivers to a fake.
type lab struct {
	t      *testing.T
	db     *sql.DB
	client *river.Client[*sql.Tx]
	queue  *riverqueue.Queue[*sql.Tx]
	worker *riverqueue.Worker[*sql.Tx]
	fake   *delivertest.Fake
	// schedule is that of queue and worker; nil is the default.
	schedule func(string) []time.Duration
}

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

// newLab makes a lab; adjust may change its worker.
func newLab(t *testing.T, adjust func(*lab)) *lab {
	l := &lab{t: t, db: migrated(t, filepath.Join(t.TempDir(), "queue.db")), fake: &delivertest.Fake{}}
	l.worker = &riverqueue.Worker[*sql.Tx]{
		Deliverer: l.fake,
		Resolve: func(_ context.Context, endpointID string) (deliver.Destination, error) {
			return deliver.Destination{URL: "https://" + endpointID + ".example.com/leads"}, nil
		},
	}
	t.Cleanup(func() { l.db.Close() })
	if adjust != nil {
		adjust(l)
	}
	l.worker.Schedule = l.schedule
	workers := river.NewWorkers()
	river.AddWorker(workers, l.worker)
	client, err := river.NewClient(riversqlite.New(l.db), &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 20}},
		Workers:           workers,
		FetchCooldown:     time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		Logger:            slog.New(slog.DiscardHandler),
		TestOnly:          true,
	})
	require.NoError(t, err)
	l.client = client
	l.queue, err = riverqueue.New(client, &riverqueue.Options{Schedule: l.schedule})
	require.NoError(t, err)
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
	l := newLab(t, nil)
	l.start()
	receipt, err := l.queue.Deliver(t.Context(), request("crm", "1", "new_lead"))
	require.NoError(t, err)
	assert.Equal(t, deliver.Queued, receipt.Status)
	require.Eventually(t, func() bool { return len(l.fake.Requests()) == 1 }, 10*time.Second, 5*time.Millisecond)
	got := l.fake.Requests()[0]
	assert.Equal(t, "https://crm.example.com/leads", got.Destination.URL, "where it goes is looked up when it is sent")
	assert.Equal(t, `{"id":"1"}`, string(got.Body))
	assert.Equal(t, []string{"new_lead-1", "crm", "1", "new_lead", "application/json"}, []string{got.ID, got.EndpointID, got.LeadID, got.MessageType, got.ContentType})
}

func TestOneTransaction(t *testing.T) {
	l := newLab(t, nil)
	l.start()
	for i, commit := range []bool{false, true} {
		tx, err := l.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = l.queue.Tx(tx).Deliver(t.Context(), request("crm", []string{"rolled back", "committed"}[i], "new_lead"))
		require.NoError(t, err)
		if commit {
			require.NoError(t, tx.Commit())
		} else {
			require.NoError(t, tx.Rollback())
		}
	}
	require.Eventually(t, func() bool { return len(l.fake.Requests()) > 0 }, 10*time.Second, 5*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	require.Len(t, l.fake.Requests(), 1)
	assert.Equal(t, "committed", l.fake.Requests()[0].LeadID)
}
