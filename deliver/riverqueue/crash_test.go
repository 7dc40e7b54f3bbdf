package riverqueue_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// TestMain makes this program the host that is killed, where it is told to.
func TestMain(m *testing.M) {
	if at := os.Getenv("LEADHOOK_CRASH_DB"); at != "" {
		if err := host(at, os.Getenv("LEADHOOK_CRASH_URL"), os.Getenv("LEADHOOK_CRASH_TAKES") != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// host runs on PostgreSQL where at is a URL, else on a SQLite file.
func host(at, url string, takes bool) error {
	ctx := context.Background()
	if strings.HasPrefix(at, "postgres://") {
		pool, err := pgxpool.New(ctx, at)
		if err != nil {
			return err
		}
		return run(ctx, riverpgxv5.New(pool), url, takes, func(do func(tx pgx.Tx, insert func(id string) error) (commit bool, err error)) error {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return err
			}
			defer tx.Rollback(ctx)
			commit, err := do(tx, func(id string) error {
				_, err := tx.Exec(ctx, "INSERT INTO leads (id) VALUES ($1)", id)
				return err
			})
			if err != nil || !commit {
				return err
			}
			return tx.Commit(ctx)
		})
	}
	db, err := sql.Open("sqlite", dsn(at))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return run(ctx, riversqlite.New(db), url, takes, func(do func(tx *sql.Tx, insert func(id string) error) (commit bool, err error)) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		commit, err := do(tx, func(id string) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO leads (id) VALUES (?)", id)
			return err
		})
		if err != nil || !commit {
			return err
		}
		return tx.Commit()
	})
}

// run is a host with one endpoint. It takes leads until it is killed, one of four
// in a transaction that it rolls back, or only sends what it took, until its input
// ends.
func run[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], url string, takes bool, inTx func(func(tx TTx, insert func(id string) error) (commit bool, err error)) error) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Deliverer: &deliver.HTTP{AllowPrivate: true},
		Resolve: func(context.Context, string) (deliver.Destination, error) {
			return deliver.Destination{URL: url, Timeout: time.Second}, nil
		},
		Schedule: crashSchedule,
		Limits:   deliver.Limits{Concurrency: 10},
	})
	client, err := river.NewClient(driver, &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		Workers:              workers,
		FetchCooldown:        time.Millisecond,
		FetchPollInterval:    20 * time.Millisecond,
		JobTimeout:           2 * time.Second,
		RescueStuckJobsAfter: 3 * time.Second,
		Logger:               slog.New(slog.DiscardHandler),
		TestOnly:             true, // maintenance begins at once
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	queue, err := riverqueue.New(client, &riverqueue.Options{Schedule: crashSchedule})
	if err != nil {
		return err
	}
	d, err := dispatcher(queue, url)
	if err != nil {
		return err
	}
	fmt.Println("ready", client.ID())
	if !takes {
		io.Copy(io.Discard, os.Stdin)
		return client.StopAndCancel(ctx)
	}
	for {
		id := fmt.Sprintf("%016x", rand.Uint64())
		back := rand.IntN(4) == 0
		if back {
			id = "back-" + id
		}
		err := inTx(func(tx TTx, insert func(id string) error) (commit bool, err error) {
			if err := insert(id); err != nil {
				return false, err
			}
			return !back, take(ctx, id, d.Using(queue.Tx(tx)))
		})
		if err != nil {
			return err
		}
	}
}

// dispatcher has one endpoint at url.
func dispatcher(queue deliver.Deliverer, url string) (*leadhook.Dispatcher, error) {
	d, err := leadhook.New(queue, nil)
	if err != nil {
		return nil, err
	}
	return d, d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: url, Type: routing.NewLeadsAndUpdates,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: mapping.FieldLeadID, Name: "id"}, {Field: mapping.FieldRequestedMeetingTime, Name: "meeting"}}},
	}})
}

// A hostProcess is this program as a host.
type hostProcess struct {
	t        *testing.T
	cmd      *exec.Cmd
	in       io.Closer
	clientID string // River's
}

// startHost starts a host on the database at that place, which sends to url.
func startHost(t *testing.T, at, url, takes string) *hostProcess {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEADHOOK_CRASH_DB="+at, "LEADHOOK_CRASH_URL="+url, "LEADHOOK_CRASH_TAKES="+takes)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() }) // where the test fails
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	id, ready := strings.CutPrefix(line, "ready ")
	require.True(t, ready, line)
	return &hostProcess{t, cmd, in, strings.TrimSpace(id)}
}

func (h *hostProcess) kill() {
	require.NoError(h.t, h.cmd.Process.Kill())
	var exit *exec.ExitError
	require.True(h.t, errors.As(h.cmd.Wait(), &exit) && !exit.Exited(), "it ended by itself")
}

// end lets a host that takes nothing end by itself.
func (h *hostProcess) end() {
	h.in.Close()
	require.NoError(h.t, h.cmd.Wait())
}

func crashSchedule(string) []time.Duration {
	return append([]time.Duration{0}, slices.Repeat([]time.Duration{100 * time.Millisecond}, 49)...)
}

// take dispatches a lead, and its update right behind.
func take(ctx context.Context, id string, d *leadhook.Dispatcher) error {
	lead := mapping.Lead{mapping.FieldLeadID: id}
	if _, err := d.Dispatch(ctx, routing.Message{ID: "new-" + id, Type: routing.MessageNewLead, Lead: lead}); err != nil {
		return err
	}
	lead.SetMeeting(time.Now(), nil)
	_, err := d.Dispatch(ctx, routing.Message{ID: "update-" + id, Type: routing.MessageLeadUpdate, Lead: lead})
	return err
}

// An arrival is a request that the receiver got.
type arrival struct {
	webhookID, leadID, messageType string
	at                             time.Time
	accepted                       bool
}

// A crmServer is the receiver, in another process than the host. One of ten
// requests fails, and one of four takes as long as slow says.
type crmServer struct {
	*httptest.Server
	slow     time.Duration
	mu       sync.Mutex
	arrivals []arrival
}

func newCRM(t *testing.T) *crmServer {
	s := &crmServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			ID          string `json:"id"`
			MessageType string `json:"messageType"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return // it was cut off by a kill
		}
		a := arrival{r.Header.Get("webhook-id"), body.ID, body.MessageType, time.Now(), rand.IntN(10) > 0}
		s.mu.Lock()
		s.arrivals = append(s.arrivals, a)
		s.mu.Unlock()
		if rand.IntN(4) == 0 {
			time.Sleep(s.slow)
		}
		if !a.accepted {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func dsn(file string) string {
	return "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate"
}

// A host is killed at random moments and started again. In the end every lead
// that it committed was received, none that it rolled back, nothing twice but what
// was under way at a kill, and no update before its lead.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "host.db")
		db := migrated(t, file)
		_, err := db.Exec("CREATE TABLE leads (id TEXT PRIMARY KEY)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		open := func() *sql.DB {
			db, err := sql.Open("sqlite", dsn(file))
			require.NoError(t, err)
			t.Cleanup(func() { db.Close() })
			db.SetMaxOpenConns(1)
			return db
		}
		killAndStart(t, file, 30, open, func() riverClient {
			client, err := river.NewClient(riversqlite.New(open()), &river.Config{Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			return client
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.Start(t)
		open := func() *sql.DB {
			db, err := sql.Open("pgx", url)
			require.NoError(t, err)
			t.Cleanup(func() { db.Close() })
			return db
		}
		migratedPool(t, url)
		_, err := open().Exec("CREATE TABLE leads (id TEXT PRIMARY KEY)")
		require.NoError(t, err)
		killAndStart(t, url, 15, open, func() riverClient {
			client, err := river.NewClient(riverpgxv5.New(migratedPool(t, url)), &river.Config{Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			return client
		})
	})
}

// count is how many requests came.
func (s *crmServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.arrivals)
}

// killAndStart kills a host on the database at that place so many times. open and
// observe look at what became of it.
func killAndStart(t *testing.T, at string, kills int, open func() *sql.DB, observe func() riverClient) {
	if testing.Short() {
		kills /= 5
	}
	crm := newCRM(t)
	var killed []time.Time
	for i := range kills {
		before := crm.count()
		h := startHost(t, at, crm.URL, "yes")
		if i%2 == 0 { // which is at work then, however slow the machine
			require.Eventually(t, func() bool { return crm.count() > before }, time.Minute, time.Millisecond)
		}
		time.Sleep(time.Duration(20+rand.IntN(300)) * time.Millisecond)
		killed = append(killed, time.Now())
		h.kill()
	}

	h := startHost(t, at, crm.URL, "")
	client := observe()
	require.Eventually(t, func() bool { return unsettled(t, client) == 0 }, 3*time.Minute, 200*time.Millisecond)
	h.end()

	committed := leads(t, open())
	crm.mu.Lock()
	defer crm.mu.Unlock()
	got := make(map[string][]arrival) // by webhook-id
	for _, a := range crm.arrivals {
		require.False(t, strings.HasPrefix(a.leadID, "back-"), "lead %s was rolled back", a.leadID)
		if a.accepted {
			got[a.webhookID] = append(got[a.webhookID], a)
		}
	}
	twice := 0
	for _, id := range committed {
		lead, update := got["new-"+id], got["update-"+id]
		require.NotEmpty(t, lead, "lead %s was not received", id)
		require.NotEmpty(t, update, "the update of lead %s was not received", id)
		assert.True(t, lead[0].at.Before(update[0].at), "the update of lead %s overtook it", id)
	}
	for id, list := range got {
		for i := 1; i < len(list); i++ {
			twice++
			assert.True(t, slices.ContainsFunc(killed, func(k time.Time) bool { return !k.Before(list[i-1].at.Add(-time.Second)) && k.Before(list[i].at) }), "%s came twice, without a kill between", id)
		}
	}
	assert.Len(t, got, 2*len(committed))
	assert.NotEmpty(t, committed)
	t.Logf("%d kills, %d leads committed, %d requests received, %d of them again", kills, len(committed), len(crm.arrivals), twice)
}

func leads(t *testing.T, db *sql.DB) (ids []string) {
	rows, err := db.Query("SELECT id FROM leads")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(t, rows.Err())
	return ids
}

// unsettled is how many jobs may still be sent, 1 standing for more.
func unsettled(t *testing.T, client riverClient) int {
	list, err := client.JobList(t.Context(), river.NewJobListParams().First(1).
		States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled))
	require.NoError(t, err)
	return len(list.Jobs)
}
