package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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
	// as many as it has; nil or none: DefaultSchedule. Worker.Schedule must say the
	// same.
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
	return &Queue[TTx]{client: client, options: *o, insert: client.InsertMany}, nil
}

// Tx returns a Queue that stores within tx: what it stores is there when tx is
// committed, and never where it is rolled back. Like tx it is for one goroutine.
func (q *Queue[TTx]) Tx(tx TTx) *Queue[TTx] {
	within := *q
	within.insert = func(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
		return q.client.InsertManyTx(ctx, tx, params)
	}
	return &within
}

// Deliver stores req. A nil error means that it will be sent, or that it was
// stored before.
func (q *Queue[TTx]) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	receipts, err := q.DeliverBatch(ctx, []*deliver.Request{req})
	if err != nil {
		return nil, err
	}
	return receipts[0], nil
}

// DeliverBatch stores all of reqs in one insert, or none of them.
func (q *Queue[TTx]) DeliverBatch(ctx context.Context, reqs []*deliver.Request) ([]*deliver.Receipt, error) {
	params := make([]river.InsertManyParams, len(reqs))
	receipts := make([]*deliver.Receipt, len(reqs))
	for i, req := range reqs {
		if len(req.Body) > MaxBody {
			return nil, refused(req, fmt.Errorf("the body has %d bytes; a queue takes %d at the most", len(req.Body), MaxBody))
		}
		params[i] = river.InsertManyParams{Args: newJob(req), InsertOpts: &river.InsertOpts{
			MaxAttempts: len(schedule(q.options.Schedule, req.EndpointID)),
			Queue:       q.options.Queue,
			Priority:    q.options.Priority,
			Pending:     req.Destination.Held,
			UniqueOpts:  river.UniqueOpts{ByArgs: true},
		}}
		receipts[i] = &deliver.Receipt{Status: deliver.Queued}
	}
	if len(reqs) == 0 {
		return nil, nil
	}
	if _, err := q.insert(ctx, params); err != nil {
		return nil, failed(ctx, err)
	}
	return receipts, nil
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

// refused is the error for a request that cannot be stored.
func refused(req *deliver.Request, err error) *deliver.Error {
	return &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseConfiguration, Host: host(req), Err: err}
}

// failed is the error for requests that could not be stored now.
func failed(ctx context.Context, err error) *deliver.Error {
	if ctx.Err() != nil {
		return &deliver.Error{Kind: ctx.Err(), Cause: deliver.CauseCanceled}
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
