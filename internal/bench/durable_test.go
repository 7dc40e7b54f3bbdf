package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

func TestWaysWorkInTurns(t *testing.T) {
	var order strings.Builder
	w := func(name string, took time.Duration) way {
		return way{name, func() time.Duration { order.WriteString(name); return took }}
	}
	r := inTurns(3, w("a", 2*time.Second), w("b", time.Second))
	assert.Equal(t, "ab"+"abbaab", order.String())
	assert.Equal(t, []float64{2e9, 2e9, 2e9}, r.took[0])
	var s section
	s.rates(r, 10, "work", atLeast(0.8))
	require.Len(t, s.rows, 1)
	assert.Equal(t, "5/s", s.rows[0].ours)
	assert.Equal(t, "10/s", s.rows[0].theirs)
	assert.Equal(t, 0.5, s.rows[0].ratio.median, "slower is below 1")
	assert.Len(t, s.below(), 1)
}

func TestAChoreIsAsLongAsItIsSaidToBe(t *testing.T) {
	req := newStock([]string{"http://127.0.0.1:1"}).ready[0]
	for _, size := range []int{100, 1863, 10_000} {
		args, err := json.Marshal(choreOf(size, req))
		require.NoError(t, err)
		assert.Len(t, args, size)
	}
}

func TestNoRequestIsTakenTwice(t *testing.T) {
	l := newStock([]string{"http://127.0.0.1:1", "http://127.0.0.1:2"})
	ids, leads := make(map[string]bool), make(map[string]bool)
	endpoints := make(map[string]int)
	for range 3 {
		for _, req := range l.requests(4) {
			ids[req.ID], leads[req.LeadID] = true, true
			endpoints[req.EndpointID]++
		}
	}
	assert.Len(t, ids, 12)
	assert.Len(t, leads, 12)
	assert.Equal(t, map[string]int{"e0": 6, "e1": 6}, endpoints)
}

// testDatabase checks what the measurements rely on.
func testDatabase[TTx any](t *testing.T, db *database[TTx], indexes string) {
	ctx := context.Background()
	r := startFleet(fleet{Slow: 1})
	defer r.stop()
	l := newStock(r.urls(r.Slow))
	h, poster := newHTTP(nil), tuned(nil)
	done := make(chan bool, 10)
	chored := func() { done <- true }

	work := func(d deliver.Deliverer, store func(*river.Client[TTx])) error {
		db.clear()
		require.Error(t, db.exec(indexes), "plain jobs do not pay for it")
		client := db.working(l, d, poster, chored)
		store(client)
		_, err := completed(client, 3)
		return err
	}
	deliveries := func(client *river.Client[TTx]) {
		_, err := db.queue(client).DeliverBatch(ctx, l.requests(3))
		require.NoError(t, err)
		require.NoError(t, db.exec(indexes))
	}
	plain := func(args river.JobArgs) func(*river.Client[TTx]) {
		return func(client *river.Client[TTx]) {
			_, err := client.InsertMany(ctx, plainJobs(3, args))
			require.NoError(t, err)
		}
	}
	require.NoError(t, work(h, deliveries))
	assert.Equal(t, int64(3), r.counts().Requests)
	require.NoError(t, work(h, plain(errand{l.urls[0], []byte("{}")})))
	assert.Equal(t, int64(6), r.counts().Requests)
	require.NoError(t, work(h, plain(chore{})))
	assert.Len(t, done, 3)
	assert.Equal(t, int64(6), r.counts().Requests)

	gone := deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseGone}
	assert.ErrorContains(t, work(refusing{&gone}, deliveries), "job_cancelled")
	later := deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseRateLimited, RetryAfter: time.Minute}
	assert.ErrorContains(t, work(refusing{&later}, deliveries), "job_snoozed")
}

func TestSQLite(t *testing.T) {
	db := openSQLite()
	t.Cleanup(db.close)
	testDatabase(t, db, "REINDEX leadhook_river_job_stream")
}

func TestPostgres(t *testing.T) {
	db, err := openPostgres()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(db.close)
	testDatabase(t, db, "REINDEX INDEX leadhook_river_job_stream")
}

// refusing is a Deliverer that fails.
type refusing struct{ err error }

func (f refusing) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return nil, f.err
}
