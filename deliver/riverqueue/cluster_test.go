package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/internal/pgtest"
)

// A cluster is a PostgreSQL that can be stopped, and a host that stores in it,
// without a worker.
type cluster struct {
	t          *testing.T
	server     *pgtest.Server
	pool       *pgxpool.Pool
	queue      *riverqueue.Queue[pgx.Tx]
	dispatcher *leadhook.Dispatcher // by queue

	mu    sync.Mutex
	leads map[string]fate
}

// A fate is what the host was told of a lead that it stored.
type fate int

const (
	stored fate = iota
	rolledBack
	refused
	unknown // the commit failed, which does not say whether it was done
	fates
)

func newCluster(t *testing.T, url string) *cluster {
	c := &cluster{t: t, server: pgtest.NewServer(t), leads: make(map[string]fate)}
	c.pool = migratedPool(t, c.server.DSN())
	_, err := c.pool.Exec(t.Context(), "CREATE TABLE leads (id TEXT PRIMARY KEY)")
	require.NoError(t, err)
	client, err := river.NewClient(riverpgxv5.New(c.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	c.queue, err = riverqueue.New(client, &riverqueue.Options{Schedule: crashSchedule})
	require.NoError(t, err)
	require.NoError(t, c.queue.Migrate(t.Context()))
	c.dispatcher, err = dispatcher(c.queue, url)
	require.NoError(t, err)
	return c
}

// store stores a lead, a new_lead and a lead_update in one transaction.
func (c *cluster) store(id string, commit bool) fate {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer func() { assert.NoError(c.t, ctx.Err(), "the host hangs") }()
	tx, err := c.pool.Begin(ctx)
	if err != nil {
		return refused
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "INSERT INTO leads (id) VALUES ($1)", id); err != nil {
		return refused
	}
	if err := take(ctx, id, c.dispatcher.Using(c.queue.Tx(tx))); err != nil {
		cannotStore(c.t, err)
		return refused
	}
	if !commit {
		return rolledBack
	}
	if err := tx.Commit(ctx); err != nil {
		return unknown
	}
	return stored
}

// cannotStore checks that err is that of a queue which cannot store now.
func cannotStore(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*deliver.Error](err)
	if assert.True(t, ok, "%v", err) {
		assert.Equal(t, deliver.ErrExhausted, e.Kind)
		assert.Equal(t, deliver.CauseQueue, e.Cause)
	}
}

// storeUntil stores leads until done closes, one of four in a transaction that is
// rolled back.
func (c *cluster) storeUntil(done <-chan struct{}, storer int) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
		id := fmt.Sprintf("%d-%d", storer, i)
		f := c.store(id, i%4 != 3)
		c.mu.Lock()
		c.leads[id] = f
		c.mu.Unlock()
	}
}

// told counts the leads of each fate.
func (c *cluster) told() (n [fates]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.leads {
		n[f]++
	}
	return n
}

// query returns a column of text.
func (c *cluster) query(sql string, args ...any) []string {
	c.t.Helper()
	rows, err := c.pool.Query(context.Background(), sql, args...)
	require.NoError(c.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c.t, err)
	return list
}

// eventually waits for what may take as long as a leader's term and a rescuer's
// interval: River's, 15 s and 30 s.
func (c *cluster) eventually(what string, is func() bool) {
	c.t.Helper()
	require.Eventually(c.t, is, 2*time.Minute, 20*time.Millisecond, what)
}

// The condition that a host has a job, or had it last.
const by = "attempted_by[array_upper(attempted_by, 1)] = $1"

// Of two workers the leader is killed at work, and PostgreSQL crashes twice. The
// other worker takes over; whatever was committed is sent, an update never before
// its lead, and nothing of what was not.
func TestAWorkerIsKilledAndPostgreSQLCrashes(t *testing.T) {
	t.Parallel() // for half of its time it waits, for a leader's term to end
	crm := newCRM(t)
	crm.slow = 300 * time.Millisecond
	c := newCluster(t, crm.URL)
	start := func() *hostProcess { return startHost(t, c.server.DSN(), crm.URL, "") }
	first := start()
	c.eventually("first leads", func() bool { return len(c.query("SELECT leader_id FROM river_leader")) == 1 })
	second := start()
	require.Equal(t, []string{first.clientID}, c.query("SELECT leader_id FROM river_leader"))

	done := make(chan struct{})
	var storers sync.WaitGroup
	for i := range 2 {
		storers.Go(func() { c.storeUntil(done, i) })
	}
	running := "SELECT id::text FROM river_job WHERE state = 'running' AND " + by
	c.eventually("first is at work", func() bool { return len(c.query(running, first.clientID)) >= 3 })
	first.kill()
	killed := time.Now()
	left := c.query(running, first.clientID)
	require.NotEmpty(t, left)
	c.eventually("second does what first has left", func() bool {
		return len(c.query("SELECT id::text FROM river_job WHERE state = 'completed' AND "+by+" AND id::text = ANY($2)", second.clientID, left)) == len(left)
	})
	takeover := time.Since(killed)

	hosts := []*hostProcess{second, start()}
	for range 2 {
		before := c.told()
		c.server.Stop()
		c.eventually("the host is told", func() bool { return c.told()[refused] > before[refused]+10 })
		c.server.Start()
		var now string
		c.eventually("the host's connections recover", func() bool {
			return c.pool.QueryRow(t.Context(), "SELECT now()::text").Scan(&now) == nil
		})
		for _, h := range hosts {
			c.eventually("the workers go on", func() bool {
				return len(c.query("SELECT id::text FROM river_job WHERE finalized_at > $2::text::timestamptz AND "+by, h.clientID, now)) > 0
			})
		}
		before = c.told()
		c.eventually("the host goes on", func() bool { return c.told()[stored] > before[stored]+10 })
	}
	close(done)
	storers.Wait()
	c.eventually("all is sent", func() bool {
		return len(c.query("SELECT id::text FROM river_job WHERE finalized_at IS NULL LIMIT 1")) == 0
	})
	for _, h := range hosts {
		h.end()
	}

	told := c.told()
	again := c.check(crm)
	t.Logf("2 kills of PostgreSQL and 1 of a worker, whose %d jobs the other had done after %v; %d leads stored, %d rolled back, %d refused, %d uncertain; %d requests received, %d of them again",
		len(left), takeover.Round(time.Millisecond), told[stored], told[rolledBack], told[refused], told[unknown], len(crm.arrivals), again)
	for f, n := range told {
		assert.True(t, n > 0 || fate(f) == unknown, "no lead of fate %d", f)
	}
}

// check compares what was received and what is in the database with what the host
// was told, and returns how many requests came again.
func (c *cluster) check(crm *crmServer) (again int) {
	t := c.t
	crm.mu.Lock()
	defer crm.mu.Unlock()
	accepted := make(map[string]int) // by webhook-id
	updated := make(map[string]bool) // leads whose update came, accepted or not
	for _, a := range crm.arrivals {
		switch a.messageType {
		case "new_lead":
			assert.Equal(t, "new-"+a.leadID, a.webhookID)
			assert.False(t, updated[a.leadID], "the update of lead %s overtook it", a.leadID)
		case "lead_update":
			assert.Equal(t, "update-"+a.leadID, a.webhookID)
			updated[a.leadID] = true
		}
		if a.accepted {
			accepted[a.webhookID]++
		}
	}
	inDatabase := make(map[string]bool)
	for _, id := range c.query("SELECT id FROM leads") {
		inDatabase[id] = true
	}
	jobs := make(map[string]bool)
	for _, job := range c.query("SELECT state::text || ' ' || split_part(args->>'message', '/', 3) FROM river_job") {
		id, completed := strings.CutPrefix(job, "completed ")
		assert.True(t, completed, job)
		jobs[id] = true
	}
	for id, f := range c.leads {
		there := inDatabase[id]
		if f != unknown {
			assert.Equal(t, f == stored, there, "lead %s, of which the host was told %d", id, f)
		}
		for _, message := range []string{"new-" + id, "update-" + id} {
			assert.Equal(t, there, jobs[message], "%s and its lead are stored together", message)
			assert.Equal(t, there, accepted[message] > 0, "%s is received, if it was stored", message)
			again += max(0, accepted[message]-1)
		}
	}
	return again
}

// Without PostgreSQL the host is told at once, and nothing is stored then or later.
func TestPostgreSQLIsAway(t *testing.T) {
	c := newCluster(t, "http://127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begin := func() pgx.Tx {
		tx, err := c.pool.Begin(ctx)
		require.NoError(t, err)
		t.Cleanup(func() { tx.Rollback(context.Background()) })
		_, err = tx.Exec(ctx, "INSERT INTO leads (id) VALUES ($1)", fmt.Sprint(tx.Conn().PgConn().PID()))
		require.NoError(t, err)
		return tx
	}
	before, between := begin(), begin()
	require.NoError(t, take(ctx, "late", c.dispatcher.Using(c.queue.Tx(between))))

	c.server.Stop()
	cannotStore(t, take(ctx, "within", c.dispatcher.Using(c.queue.Tx(before))))
	cannotStore(t, take(ctx, "alone", c.dispatcher))
	_, err := c.queue.DeliverBatch(ctx, []*deliver.Request{request("crm", "batch", "new_lead"), request("crm", "batch", "lead_update")})
	cannotStore(t, err)
	assert.Error(t, before.Commit(ctx))
	assert.Error(t, between.Commit(ctx))
	assert.Equal(t, refused, c.store("away", true))
	require.NoError(t, ctx.Err(), "it took its time")

	c.server.Start()
	c.eventually("PostgreSQL is back", func() bool { return c.store("back", true) == stored })
	assert.Equal(t, []string{"back"}, c.query("SELECT id FROM leads"))
	assert.Equal(t, []string{"new-back", "update-back"}, c.query("SELECT split_part(args->>'message', '/', 3) FROM river_job ORDER BY id"))
}
