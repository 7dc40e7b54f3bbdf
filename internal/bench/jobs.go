package main

import (
	"context"
	"encoding/base64"
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

// A chore is a plain job that does nothing.
type chore struct {
	Text string `json:"text,omitempty"`
}

func (chore) Kind() string { return "chore" }

// choreOf is one whose args have so many bytes. They hold what ours hold, since a
// database compresses them.
func choreOf(size int, req *deliver.Request) chore {
	text := base64.StdEncoding.EncodeToString(append(req.Body[:len(req.Body):len(req.Body)], req.Masked...))
	size -= len(`{"text":""}`)
	return chore{strings.Repeat(text, 1+size/len(text))[:size]}
}

type choreWorker struct {
	river.WorkerDefaults[chore]
	done func()
}

func (w *choreWorker) Work(context.Context, *river.Job[chore]) error {
	w.done()
	return nil
}

// An errand is a plain job that posts a body: what somebody writes who needs no
// more than that.
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

// plainJobs are n with the same args.
func plainJobs(n int, args river.JobArgs) []river.InsertManyParams {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i].Args = args
	}
	return params
}

// A stock is what jobs are made of.
type stock struct {
	urls       []string
	dispatcher *leadhook.Dispatcher // knows an endpoint for each
	message    routing.Message
	ready      []*deliver.Request // of the message, for each
	chore      chore              // as long as a job of ours
	taken      int
}

func newStock(urls []string) *stock {
	lead := newSample(len(rules)).lead
	l := &stock{urls: urls, message: routing.Message{ID: "msg_000000", Type: routing.MessageNewLead, Lead: lead}}
	l.dispatcher = dispatcher(nothing{}, nil, endpoints(len(urls), func(i int) string { return urls[i] }, secret))
	for i := range urls {
		req, err := l.dispatcher.Preview("e"+strconv.Itoa(i), l.message)
		must(err)
		l.ready = append(l.ready, req)
	}
	return l
}

// requests returns n, to the endpoints in turns. Each is of another message and
// lead than all before, since a queue stores none twice.
func (l *stock) requests(n int) []*deliver.Request {
	reqs := make([]*deliver.Request, n)
	for i := range reqs {
		req := *l.ready[l.taken%len(l.ready)]
		l.taken++
		req.ID, req.LeadID = fmt.Sprintf("msg_%06d", l.taken), fmt.Sprintf("ld_%08d", l.taken)
		reqs[i] = &req
	}
	return reqs
}

// A counter counts what a client inserts.
type counter struct{ inserts, jobs, bytes int }

func (c *counter) config() river.Config {
	return river.Config{Middleware: []rivertype.Middleware{river.JobInsertMiddlewareFunc(func(ctx context.Context, params []*rivertype.JobInsertParams, insert func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
		c.inserts++
		c.jobs += len(params)
		for _, p := range params {
			c.bytes += len(p.EncodedArgs)
		}
		return insert(ctx)
	})}}
}

// working returns a client that works all of these jobs; done is told of each
// chore.
func (db *database[TTx]) working(l *stock, d deliver.Deliverer, c client, done func()) *river.Client[TTx] {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverqueue.Worker[TTx]{
		Deliverer: d,
		Limits:    deliver.Limits{Concurrency: durableWorkers},
		Resolve: func(_ context.Context, endpointID string) (deliver.Destination, error) {
			return l.dispatcher.Destination(endpointID)
		},
	})
	river.AddWorker(workers, &choreWorker{done: done})
	river.AddWorker(workers, &errandWorker{post: c.post})
	return db.client(river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: durableWorkers}},
		Workers:           workers,
		FetchCooldown:     durableCooldown,
		FetchPollInterval: 100 * time.Millisecond,
	})
}
