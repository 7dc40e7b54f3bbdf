package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/topprovider/leadhook/deliver"
)

// How River works, whoever's jobs they are.
const (
	durableBatch    = 100 // jobs that are stored at a time
	durableWorkers  = 200
	durableCooldown = time.Millisecond
	durableHosts    = 20
	durableDelay    = time.Millisecond // until they answer
)

// onSQLite and onPostgres measure deliver/riverqueue beside plain jobs of River in
// the same database.
func onSQLite(b *bench) {
	db := openSQLite()
	defer db.close()
	b.add(durableOn(b, db))
}

func onPostgres(b *bench) {
	db, err := openPostgres()
	if err != nil {
		b.add(section{title: "Durable, on PostgreSQL", about: "Not measured: " + err.Error() + "."})
		return
	}
	defer db.close()
	b.add(durableOn(b, db))
}

func durableOn[TTx any](b *bench, db *database[TTx]) section {
	s := section{title: "Durable, on " + db.name, about: fmt.Sprintf("`deliver/riverqueue` beside plain jobs of River, with args of the same length and in the same database, which has on disk what is committed. "+
		"What is delivered is a backlog, from Start until River has completed all of it, to %d endpoints that answer after %v. For all of them River has %d workers and a FetchCooldown of %v. "+
		"The ratio is leadhook's rate by the other's; idle, its time by the other's.", durableHosts, durableDelay, durableWorkers, durableCooldown)}
	r := startFleet(fleet{Slow: durableHosts, Delay: durableDelay})
	defer r.stop()
	l := newStock(r.urls(r.Slow))
	storing(b, &s, db, l)
	fanningOut(b, &s, db, l)
	clearing(b, &s, db, l, r)
	idle(b, &s, db, l)
	return s
}

// A way does a piece of work and says how long it took.
type way struct {
	name string
	run  func() time.Duration
}

// inTurns lets ways do their pieces in turns, beginning with another one each
// round, and once before, which does not count.
func inTurns(rounds int, ways ...way) race {
	r := race{took: make([][]float64, len(ways))}
	for _, w := range ways {
		r.names = append(r.names, w.name)
		w.run()
	}
	for round := range rounds {
		for k := range ways {
			i := (round + k) % len(ways)
			r.took[i] = append(r.took[i], float64(ways[i].run().Nanoseconds()))
		}
	}
	return r
}

// rates adds the first way of a race beside each of the others, all of which did n
// of something. Only the first of these has a goal.
func (s *section) rates(r race, n int, work string, g goal) {
	rate := func(i int) string { return thousands(int(1e9*float64(n)/r.time(i).median)) + "/s" }
	for i := 1; i < len(r.names); i++ {
		s.add(row{work: work, beside: r.names[i], ours: rate(0), theirs: rate(i), ratio: r.times(i, 0), goal: g})
		g = goal{}
	}
}

// timed is the time that it takes to do something n times.
func timed(n int, do func()) time.Duration {
	began := time.Now()
	for range n {
		do()
	}
	return time.Since(began)
}

// storing measures how fast jobs are stored in batches.
func storing[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	batches, rounds := 10, 15
	if b.quick {
		batches, rounds = 2, 3
	}
	ctx := context.Background()
	var count counter
	client := db.client(count.config())
	queue := db.queue(client)
	ours := func() {
		_, err := queue.DeliverBatch(ctx, l.requests(durableBatch))
		must(err)
	}
	insert := func(args river.JobArgs) {
		_, err := client.InsertMany(ctx, plainJobs(durableBatch, args))
		must(err)
	}
	ours()
	bytes := count.bytes
	l.chore = choreOf(bytes/durableBatch, l.ready[0])
	insert(l.chore)
	b.check(count.bytes-bytes == bytes, "the args of %d plain jobs have %d bytes, and ours %d", durableBatch, count.bytes-bytes, bytes)

	plain := func(args river.JobArgs) func() time.Duration {
		return func() time.Duration {
			db.clear()
			return timed(batches, func() { insert(args) })
		}
	}
	s.rates(inTurns(rounds, way{"", func() time.Duration {
		db.clear()
		queue = db.queue(client)
		return timed(batches, ours)
	}}, way{"InsertMany of plain jobs", plain(l.chore)}, way{"InsertMany of plain jobs without args", plain(chore{})}),
		batches*durableBatch, fmt.Sprintf("jobs stored, %d at a time", durableBatch), atLeast(0.8))
}

// fanningOut measures messages that go to ten endpoints.
func fanningOut[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	messages, rounds := 50, 15
	if b.quick {
		messages, rounds = 10, 3
	}
	ctx := context.Background()
	var count counter
	client := db.client(count.config())
	inserts, sent := 0, 0
	s.rates(inTurns(rounds, way{"", func() time.Duration {
		db.clear()
		d := dispatcher(db.queue(client), nil, endpoints(10, func(i int) string { return l.urls[i] }))
		count = counter{}
		took := timed(messages, func() {
			sent++
			m := l.message
			m.ID = fmt.Sprintf("msg_%06d", sent)
			_, err := d.Dispatch(ctx, m)
			must(err)
		})
		b.check(count.inserts == messages && count.jobs == 10*messages, "%d messages to ten endpoints were %d inserts of %d jobs", messages, count.inserts, count.jobs)
		inserts += count.inserts
		return took
	}}, way{"InsertMany of ten plain jobs", func() time.Duration {
		db.clear()
		return timed(messages, func() {
			_, err := client.InsertMany(ctx, plainJobs(10, l.chore))
			must(err)
		})
	}}), messages, "messages dispatched to ten endpoints", goal{})
	s.limit("inserts for a message to ten endpoints", float64(inserts)/float64(sent), atMost(1))
}

// clearing measures how fast a backlog is delivered.
func clearing[TTx any](b *bench, s *section, db *database[TTx], l *stock, r *remote) {
	jobs, rounds := 3000, 9
	if b.quick {
		jobs, rounds = 300, 3
	}
	ctx := context.Background()
	h, poster := newHTTP(nil), tuned(nil)
	defer h.CloseIdleConnections()
	defer poster.close()
	backlog := func(requests int, store func(*river.Client[TTx])) func() time.Duration {
		return func() time.Duration {
			db.clear()
			client := db.working(l, h, poster, func() {})
			for range jobs / durableBatch {
				store(client)
			}
			before := r.counts().Requests
			took, err := completed(client, jobs)
			b.check(err == nil, "delivering on %s: %v", db.name, err)
			sent := r.counts().Requests - before
			b.check(sent == int64(requests), "on %s %d requests were sent, not %d", db.name, sent, requests)
			return took
		}
	}
	s.rates(inTurns(rounds, way{"", backlog(jobs, func(client *river.Client[TTx]) {
		_, err := db.queue(client).DeliverBatch(ctx, l.requests(durableBatch))
		must(err)
	})}, way{"plain jobs that do nothing", backlog(0, func(client *river.Client[TTx]) {
		_, err := client.InsertMany(ctx, plainJobs(durableBatch, l.chore))
		must(err)
	})}, way{"plain jobs that post with " + tunedName, backlog(jobs, func(client *river.Client[TTx]) {
		params := plainJobs(durableBatch, nil)
		for i := range params {
			params[i].Args = errand{l.urls[i%len(l.urls)], l.ready[0].Body}
		}
		_, err := client.InsertMany(ctx, params)
		must(err)
	})}), jobs, fmt.Sprintf("delivered, of %s", thousands(jobs)), atLeast(0.7))
}

// completed starts a client and says how long it took until its n jobs were
// completed. Every other end is an error, and so is a wait.
func completed[TTx any](client *river.Client[TTx], n int) (took time.Duration, err error) {
	ctx := context.Background()
	// None may be lost.
	events, cancel := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: 10 * n, Kinds: []river.EventKind{
		river.EventKindJobCompleted, river.EventKindJobCancelled, river.EventKindJobFailed, river.EventKindJobSnoozed,
	}})
	defer cancel()
	late := time.After(2 * time.Minute)
	began := time.Now()
	must(client.Start(ctx))
	defer func() { must(client.Stop(ctx)) }()
	for done := 0; done < n; {
		select {
		case e := <-events:
			switch e.Kind {
			case river.EventKindJobCompleted:
				done++
			default:
				return time.Since(began), fmt.Errorf("job %d: %s", e.Job.ID, e.Kind)
			}
		case <-late:
			return time.Since(began), errors.New("the backlog is not completed after two minutes")
		}
	}
	return time.Since(began), nil
}

// idle measures how long a job takes when there is no other.
func idle[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	n := 200
	if b.quick {
		n = 30
	}
	ctx := context.Background()
	done := make(chan time.Time)
	h := newHTTP(nil)
	defer h.CloseIdleConnections()
	h.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { done <- time.Now() }
	db.clear()
	client := db.working(l, h, tuned(nil), func() { done <- time.Now() })
	queue := db.queue(client)
	must(client.Start(ctx))
	defer func() { must(client.Stop(ctx)) }()

	var r race
	r.took = make([][]float64, 2)
	for i, req := range l.requests(n + 10) {
		for k := range 2 {
			which := (i + k) % 2
			time.Sleep(time.Duration(20+i%10) * time.Millisecond)
			began := time.Now()
			var err error
			if which == 0 {
				_, err = queue.Deliver(ctx, req)
			} else {
				_, err = client.Insert(ctx, l.chore, nil)
			}
			must(err)
			took := (<-done).Sub(began)
			if i >= 10 { // warm
				r.took[which] = append(r.took[which], float64(took.Nanoseconds()))
			}
		}
	}
	const work, beside = ", idle, from before storing to the answer", "a plain job, to its Work"
	median := quantile(r.took[0], 0.5)
	s.add(row{work: "p50" + work, beside: beside, ours: duration(median), theirs: duration(quantile(r.took[1], 0.5)), ratio: r.times(0, 1)})
	s.add(row{work: "p99" + work, beside: beside, ours: duration(quantile(r.took[0], 0.99)), theirs: duration(quantile(r.took[1], 0.99))})
	if db.name == "PostgreSQL" {
		s.limit("p50 of that, in milliseconds", median/1e6, atMost(15))
	}
}
