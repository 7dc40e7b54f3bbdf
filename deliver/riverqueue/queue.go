package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/topprovider/leadhook/deliver"
)

// MaxBody is how long a body may be that is stored, in bytes.
const MaxBody = 256 << 10

// Options adjust a Queue. The zero value is ready.
type Options struct {
	// Queue is River's queue for the jobs. "" means River's default queue.
	Queue string
	// Priority is River's, from 1, the first, to 4. 0 means 1.
	Priority int
	// Schedule returns an endpoint's waits before each attempt, of which there are
	// as many as it has; nil or none: DefaultSchedule. The first is mostly 0: at
	// once. Worker.Schedule must say the same.
	Schedule func(endpointID string) []time.Duration
}

// A Queue is a deliver.Deliverer that stores requests as River's jobs. TTx is the
// transaction of River's driver: pgx.Tx or *sql.Tx. It is safe for concurrent
// use.
type Queue[TTx any] struct {
	client  *river.Client[TTx]
	options Options
	insert  func(context.Context, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

var _ deliver.BatchDeliverer = (*Queue[any])(nil)

// New returns a Queue over the host's client. Nil options are the defaults.
func New[TTx any](client *river.Client[TTx], o *Options) (*Queue[TTx], error) {
	if client == nil {
		return nil, errors.New("riverqueue: there is no River client")
	}
	if o == nil {
		o = &Options{}
	}
	if o.Priority < 0 || o.Priority > 4 {
		return nil, fmt.Errorf("riverqueue: the priority is %d; River has 1 to 4, and 0 for its default", o.Priority)
	}
	return &Queue[TTx]{client: client, options: *o, insert: client.InsertMany}, nil
}

// Tx returns a Queue that stores within tx: what it stores is there when tx is
// committed, and never where it is rolled back. After an error in PostgreSQL there
// is nothing left to do with tx but that. Where there is one connection, as for
// SQLite, whatever is stored outside of tx waits for tx: give it a deadline.
func (q *Queue[TTx]) Tx(tx TTx) *Queue[TTx] {
	within := *q
	var mu sync.Mutex // tx is for one at a time
	within.insert = func(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
		mu.Lock()
		defer mu.Unlock()
		return q.client.InsertManyTx(ctx, tx, params)
	}
	return &within
}

// Deliver stores req. A nil error means that it will be sent, or that it was
// stored before.
func (q *Queue[TTx]) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	if len(req.Body) > MaxBody {
		return nil, &deliver.Error{
			Kind: deliver.ErrRejected, Cause: deliver.CauseConfiguration, Host: host(req),
			Err: fmt.Errorf("the body has %d bytes; a queue takes %d at the most", len(req.Body), MaxBody),
		}
	}
	receipts, err := q.DeliverBatch(ctx, []*deliver.Request{req})
	if err != nil {
		return nil, err
	}
	return receipts[0], nil
}

// DeliverBatch stores all of reqs in one insert, or none of them. It takes no batch
// with a body that is too long (errors.ErrUnsupported), so that one does not cost
// the others: each is to be delivered alone then.
func (q *Queue[TTx]) DeliverBatch(ctx context.Context, reqs []*deliver.Request) ([]*deliver.Receipt, error) {
	params := make([]river.InsertManyParams, 0, len(reqs))
	receipts := make([]*deliver.Receipt, len(reqs))
	seen := make(map[string]bool, len(reqs)) // PostgreSQL refuses a batch that repeats itself
	for i, req := range reqs {
		if len(req.Body) > MaxBody {
			return nil, errors.ErrUnsupported
		}
		receipts[i] = &deliver.Receipt{Status: deliver.Queued}
		job := newJob(req)
		if seen[job.Message] {
			continue
		}
		seen[job.Message] = true
		params = append(params, river.InsertManyParams{Args: job, InsertOpts: q.insertOpts(req)})
	}
	if len(reqs) == 0 {
		return nil, nil
	}
	if _, err := q.insert(ctx, params); err != nil {
		return nil, failed(ctx, err)
	}
	return receipts, nil
}

func (q *Queue[TTx]) insertOpts(req *deliver.Request) *river.InsertOpts {
	waits := schedule(q.options.Schedule, req.EndpointID)
	o := &river.InsertOpts{
		MaxAttempts: len(waits),
		Queue:       q.options.Queue,
		Priority:    q.options.Priority,
		Pending:     req.Destination.Held,
		UniqueOpts:  river.UniqueOpts{ByArgs: true},
	}
	if waits[0] > 0 && !o.Pending {
		o.ScheduledAt = time.Now().Add(jittered(waits[0]))
	}
	return o
}

// schedule is that of an endpoint.
func schedule(of func(string) []time.Duration, endpointID string) []time.Duration {
	if of != nil {
		if s := of(endpointID); len(s) > 0 {
			return s
		}
	}
	return defaultSchedule
}

// failed is the error for requests that could not be stored now.
func failed(ctx context.Context, err error) *deliver.Error {
	if ctx.Err() != nil {
		return &deliver.Error{Kind: ctx.Err(), Cause: deliver.CauseCanceled, Err: fmt.Errorf("riverqueue: storing: %w", err)}
	}
	return &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseQueue, Err: fmt.Errorf("riverqueue: storing: %w", err)}
}

func host(req *deliver.Request) string {
	u, err := url.Parse(req.Destination.URL)
	if err != nil {
		return ""
	}
	return u.Host
}
