package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
	"github.com/topprovider/leadhook/routing"
)

const (
	batch          = 100
	durableHosts   = 20
	durableWorkers = 200
)

// durable measures deliver/riverqueue beside River's plain jobs in the same
// database.
func durable(b *bench) {
	sqlite := openSQLite()
	defer sqlite.close()
	onDatabase(b, sqlite)
	postgres, err := openPostgres()
	if err != nil {
		s := section{title: "Durable, PostgreSQL", about: "Not measured: " + err.Error() + "."}
		b.add(s)
		return
	}
	defer postgres.close()
	onDatabase(b, postgres)
}

func onDatabase[TTx any](b *bench, db *database[TTx]) {
	s := section{title: "Durable, " + db.name, about: fmt.Sprintf("`deliver/riverqueue` beside plain jobs of River that do nothing, in the same database and with args of the same length, which is committed to disk. Storing: %d at a time. Delivering: from Start until River has completed all of a backlog, with %d workers that fetch each millisecond, to %d endpoints that answer after 1 ms. Both ways the ratio is leadhook's rate by the other's.", batch, durableWorkers, durableHosts)}
	r := startFleet(fleet{Slow: durableHosts, Delay: time.Millisecond})
	defer r.stop()
	l := newStock(r.urls(r.Slow))
	storing(b, &s, db, l)
	fanningOut(b, &s, db, l)
	working(b, &s, db, l, r)
	idle(b, &s, db, l)
	b.add(s)
}

// A chore is a plain job that does nothing.
type chore struct {
	Text string `json:"text,omitempty"`
}

func (chore) Kind() string { return "chore" }

type choreWorker struct {
	river.WorkerDefaults[chore]
	done func() // nil: nobody is told
}

func (w *choreWorker) Work(context.Context, *river.Job[chore]) error {
	if w.done != nil {
		w.done()
	}
	return nil
}

// An errand is a plain job that posts a body, as one would write it who needs
// neither order nor another schedule than River's.
type errand struct {
	URL  string `json:"url"`
	Body []byte `json:"body"`
}

func (errand) Kind() string { return "errand" }

type errandWorker struct {
	river.WorkerDefaults[errand]
	post func(url string, body []byte) error
}

func (w *errandWorker) Work(_ context.Context, job *river.Job[errand]) error {
	return w.post(job.Args.URL, job.Args.Body)
}

// A stock is what jobs are made of.
type stock struct {
	dispatcher *leadhook.Dispatcher
	message    routing.Message
	ready      []*deliver.Request // one for each endpoint
	urls       []string
	chore      chore // as long as a job of ours
	next       int   // no two requests have the same ID
}

func newStock(urls []string) *stock {
	s := newSample(len(rules))
	l := &stock{urls: urls, message: routing.Message{ID: "msg_000000", Type: routing.MessageNewLead, Lead: s.lead}}
	l.dispatcher = dispatcher(nothing{}, nil, endpoints(len(urls), func(i int) string { return urls[i] }, secret))
	for i := range urls {
		req, err := l.dispatcher.Preview("e"+strconv.Itoa(i), l.message)
		must(err)
		l.ready = append(l.ready, req)
	}
	return l
}

// requests returns n that were not stored before, each of another lead.
func (l *stock) requests(n int) []*deliver.Request {
	reqs := make([]*deliver.Request, n)
	for i := range reqs {
		req := *l.ready[l.next%len(l.ready)]
		req.ID, req.LeadID = fmt.Sprintf("msg_%06d", l.next), fmt.Sprintf("ld_%08d", l.next)
		l.next++
		reqs[i] = &req
	}
	return reqs
}

// plain returns n jobs with the same args.
func plainJobs(n int, args river.JobArgs) []river.InsertManyParams {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i].Args = args
	}
	return params
}

// A counter counts what a client inserts.
type counter struct{ inserts, jobs, bytes int }

func (c *counter) middleware() rivertype.Middleware {
	return river.JobInsertMiddlewareFunc(func(ctx context.Context, params []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
		c.inserts++
		for _, p := range params {
			c.jobs++
			c.bytes += len(p.EncodedArgs)
		}
		return insert(ctx)
	})
}

// A way does a piece of work and says how long it took.
type way struct {
	name string
	run  func() time.Duration
}

// inTurns lets ways work in turns, as contend does, a piece a round. It counts
// what was done once before.
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

// rates adds rows of the first beside all others, which each did n pieces.
func (r race) rates(s *section, work string, n int, goals ...goal) {
	rate := func(i int) string { return thousands(int(float64(n)*1e9/r.time(i).median)) + "/s" }
	for i := 1; i < len(r.names); i++ {
		s.add(row{work: work, beside: r.names[i], ours: rate(0), theirs: rate(i), ratio: r.times(i, 0), goal: goals[i-1]})
	}
}

// storing measures how fast jobs are stored.
func storing[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	var count counter
	client := db.client(river.Config{Middleware: []rivertype.Middleware{count.middleware()}})
	queue, err := riverqueue.New(client, nil)
	must(err)
	ctx := context.Background()

	_, err = queue.Deliver(ctx, l.requests(1)[0])
	must(err)
	// What both hold is the same, too: the database compresses it.
	text := base64.StdEncoding.EncodeToString(append(l.ready[0].Body, l.ready[0].Masked...))
	text = strings.Repeat(text, 1+count.bytes/len(text))
	l.chore.Text = text[:count.bytes-len(`{"text":""}`)]
	one := count
	_, err = client.InsertMany(ctx, plainJobs(1, l.chore))
	must(err)
	b.check(count.bytes == 2*one.bytes, "the args of a plain job have %d bytes, and ours %d", count.bytes-one.bytes, one.bytes)

	batches, rounds := 20, 15
	if b.quick {
		batches, rounds = 2, 3
	}
	timed := func(store func()) func() time.Duration {
		return func() time.Duration {
			must(db.exec(db.clear))
			began := time.Now()
			for range batches {
				store()
			}
			return time.Since(began)
		}
	}
	insert := func(args river.JobArgs) func() time.Duration {
		return timed(func() {
			_, err := client.InsertMany(ctx, plainJobs(batch, args))
			must(err)
		})
	}
	r := inTurns(rounds, way{"", timed(func() {
		_, err := queue.DeliverBatch(ctx, l.requests(batch))
		must(err)
	})}, way{"InsertMany of plain jobs", insert(l.chore)}, way{"InsertMany of plain jobs without args", insert(chore{})})
	r.rates(s, "stored, 100 at a time", batches*batch, atLeast(0.8), goal{})
}

// fanningOut measures a message to ten endpoints.
func fanningOut[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	var count counter
	client := db.client(river.Config{Middleware: []rivertype.Middleware{count.middleware()}})
	queue, err := riverqueue.New(client, nil)
	must(err)
	ctx := context.Background()
	d := dispatcher(queue, nil, endpoints(10, func(i int) string { return l.urls[i] }, secret))

	messages, rounds := 50, 15
	if b.quick {
		messages, rounds = 10, 3
	}
	dispatched := 0
	r := inTurns(rounds, way{"", func() time.Duration {
		must(db.exec(db.clear))
		count = counter{}
		began := time.Now()
		for range messages {
			dispatched++
			m := l.message
			m.ID = fmt.Sprintf("msg_%06d", dispatched)
			_, err := d.Dispatch(ctx, m)
			must(err)
		}
		took := time.Since(began)
		b.check(count.inserts == messages && count.jobs == 10*messages, "%d messages to ten endpoints were %d inserts of %d jobs", messages, count.inserts, count.jobs)
		return took
	}}, way{"InsertMany of ten plain jobs", func() time.Duration {
		must(db.exec(db.clear))
		began := time.Now()
		for range messages {
			_, err := client.InsertMany(ctx, plainJobs(10, l.chore))
			must(err)
		}
		return time.Since(began)
	}})
	r.rates(s, "messages dispatched to ten endpoints, one insert each", messages, goal{})
}

// working measures how fast a backlog is delivered.
func working[TTx any](b *bench, s *section, db *database[TTx], l *stock, r *remote) {
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
			must(db.exec(db.clear))
			client := db.worker(l, h, poster, nil)
			store(client)
			before := r.counts().Requests
			took, err := drained(client, jobs)
			b.check(err == nil, "%s: %v", db.name, err)
			sent := r.counts().Requests - before
			b.check(sent == int64(requests), "%s: %d requests were sent, not %d", db.name, sent, requests)
			return took
		}
	}
	inserted := func(client *river.Client[TTx], params []river.InsertManyParams) {
		for len(params) > 0 {
			_, err := client.InsertMany(ctx, params[:batch])
			must(err)
			params = params[batch:]
		}
	}
	race := inTurns(rounds, way{"", backlog(jobs, func(client *river.Client[TTx]) {
		queue, err := riverqueue.New(client, nil)
		must(err)
		for range jobs / batch {
			_, err := queue.DeliverBatch(ctx, l.requests(batch))
			must(err)
		}
	})}, way{"plain jobs that do nothing", backlog(0, func(client *river.Client[TTx]) {
		inserted(client, plainJobs(jobs, l.chore))
	})}, way{"plain jobs that post with net/http, tuned by hand", backlog(jobs, func(client *river.Client[TTx]) {
		params := make([]river.InsertManyParams, jobs)
		for i := range params {
			params[i].Args = errand{l.urls[i%len(l.urls)], l.ready[0].Body}
		}
		inserted(client, params)
	})})
	race.rates(s, "delivered", jobs, atLeast(0.7), goal{})
}

// worker returns a client that works all kinds of jobs.
func (db *database[TTx]) worker(l *stock, d deliver.Deliverer, poster client, chored func()) *river.Client[TTx] {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Deliverer: d,
		Limits:    deliver.Limits{Concurrency: durableWorkers},
		Resolve: func(_ context.Context, endpointID string) (deliver.Destination, error) {
			return l.dispatcher.Destination(endpointID)
		},
	})
	river.AddWorker(workers, &choreWorker{done: chored})
	river.AddWorker(workers, &errandWorker{post: poster.post})
	return db.client(river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: durableWorkers}},
		Workers:           workers,
		FetchCooldown:     time.Millisecond,
		FetchPollInterval: 100 * time.Millisecond,
	})
}

// drained starts a client and says how long it took until n jobs were completed.
func drained[TTx any](client *river.Client[TTx], n int) (took time.Duration, err error) {
	ctx := context.Background()
	events, cancel := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: 2 * n, Kinds: []river.EventKind{
		river.EventKindJobCompleted, river.EventKindJobCancelled, river.EventKindJobFailed, river.EventKindJobSnoozed,
	}})
	defer cancel()
	began := time.Now()
	must(client.Start(ctx))
	defer func() { must(client.Stop(ctx)) }()
	deadline := time.After(2 * time.Minute)
	for done := 0; done < n; {
		select {
		case e := <-events:
			if e.Kind != river.EventKindJobCompleted {
				err = errors.Join(err, fmt.Errorf("job %d: %s", e.Job.ID, e.Kind))
			}
			if e.Kind != river.EventKindJobSnoozed {
				done++
			}
		case <-deadline:
			return time.Since(began), errors.Join(err, fmt.Errorf("%d of %d jobs were completed in two minutes", done, n))
		}
	}
	return time.Since(began), err
}

// idle measures how long a job takes when there is no other.
func idle[TTx any](b *bench, s *section, db *database[TTx], l *stock) {
	n := 200
	if b.quick {
		n = 30
	}
	ctx := context.Background()
	h := newHTTP(nil)
	defer h.CloseIdleConnections()
	done := make(chan time.Time)
	h.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { done <- time.Now() }
	must(db.exec(db.clear))
	client := db.worker(l, h, tuned(nil), func() { done <- time.Now() })
	queue, err := riverqueue.New(client, nil)
	must(err)
	must(client.Start(ctx))
	time.Sleep(time.Second) // it elects a leader, and looks around

	reqs := l.requests(n)
	took := [2][]float64{}
	for i := range n {
		for k := range took {
			way := (i + k) % 2
			began := time.Now()
			if way == 0 {
				_, err = queue.Deliver(ctx, reqs[i])
			} else {
				_, err = client.Insert(ctx, l.chore, nil)
			}
			must(err)
			took[way] = append(took[way], float64((<-done).Sub(began).Nanoseconds()))
			time.Sleep(time.Duration(10+i%20) * time.Millisecond)
		}
	}
	must(client.Stop(ctx))
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		ours, theirs := quantile(took[0], q.at), quantile(took[1], q.at)
		s.add(row{work: q.name + ", idle, from storing to the answer", beside: "a plain job, from storing to Work", ours: duration(ours), theirs: duration(theirs), ratio: summary{ours / theirs, ours / theirs, ours / theirs}})
	}
	if db.name == "PostgreSQL" {
		s.limit("p50 in milliseconds, idle, from storing to the answer", quantile(took[0], 0.5)/1e6, atMost(15))
	}
}
