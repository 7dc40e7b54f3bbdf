package delivertest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

func TestFakePassesRun(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		f := &delivertest.Fake{}
		return delivertest.Rig{
			Deliverer:   f,
			Destination: deliver.Destination{URL: "https://example.com/leads"},
			Answers:     func(a ...delivertest.Answer) { f.Answers(delivertest.EndpointID, a...) },
			Exchanges:   f.Exchanges,
		}
	})
}

type recorder struct{ faults []string }

func (*recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func TestFakeAssertions(t *testing.T) {
	f := &delivertest.Fake{} // the zero value needs no URL either
	for _, body := range []string{"a", "b"} {
		_, err := f.Deliver(context.Background(), &deliver.Request{EndpointID: "crm", Body: []byte(body)})
		require.NoError(t, err)
	}
	faults := func(check func(delivertest.TB)) []string {
		r := &recorder{}
		check(r)
		return r.faults
	}
	assert.Empty(t, faults(func(t delivertest.TB) { f.AssertSent(t, "crm", "a", "b") }))
	assert.Empty(t, faults(func(t delivertest.TB) { f.AssertSent(t, "other") }))
	assert.Empty(t, faults(func(t delivertest.TB) { f.AssertNotSent(t, "other") }))
	assert.Len(t, faults(func(t delivertest.TB) { f.AssertSent(t, "crm", "a") }), 1)
	assert.Len(t, faults(func(t delivertest.TB) { f.AssertSent(t, "crm", "a", "x", "c") }), 2)
	assert.Len(t, faults(func(t delivertest.TB) { f.AssertNotSent(t, "crm") }), 2)
	assert.Len(t, faults(func(t delivertest.TB) { f.AssertNotSent(t) }), 2)

	requests := f.Requests()
	requests[0].Body[0] = 'X'
	assert.Equal(t, "a", string(f.Requests()[0].Body), "they are copies")
	f.Reset()
	f.AssertNotSent(t)
}

func TestFakeAnswersAsTold(t *testing.T) {
	f := &delivertest.Fake{}
	f.Answers("crm", delivertest.Code(503), delivertest.Code(422))
	req := &deliver.Request{EndpointID: "crm"}
	_, err := f.Deliver(context.Background(), req)
	require.ErrorIs(t, err, deliver.ErrRejected)
	var e *deliver.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, deliver.CauseFieldMapping, e.Cause)
	assert.Len(t, e.Attempts, 2)

	f.Answers("crm", delivertest.Answer{Reset: true})
	_, err = f.Deliver(context.Background(), req)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, deliver.CauseConnection, e.Cause)
	_, err = f.Deliver(context.Background(), &deliver.Request{EndpointID: "another"})
	assert.NoError(t, err)
	assert.Equal(t, []string{"crm", "crm", "another"}, endpoints(f.Requests()))
	assert.Len(t, f.Exchanges(), 2+4+1)
}

func endpoints(requests []deliver.Request) (ids []string) {
	for _, r := range requests {
		ids = append(ids, r.EndpointID)
	}
	return slices.Clip(ids)
}

// A queue stores requests and delivers them later, without their destination
// once it was resolved: the suite must let an honest one pass.
type queue struct {
	fake *delivertest.Fake
	work sync.WaitGroup
}

func (q *queue) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	if ctx.Err() != nil {
		return q.fake.Deliver(ctx, req)
	}
	stored := *req
	stored.Body = bytes.Clone(req.Body)
	stored.Destination.Header = req.Destination.Header.Clone()
	q.work.Go(func() { q.fake.Deliver(context.Background(), &stored) })
	return &deliver.Receipt{Status: deliver.Queued}, nil
}

func TestAQueuePassesRun(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		q := &queue{fake: &delivertest.Fake{}}
		return delivertest.Rig{
			Deliverer:   q,
			Destination: deliver.Destination{URL: "https://example.com/leads", Timeout: 100 * time.Millisecond},
			Answers:     func(a ...delivertest.Answer) { q.fake.Answers(delivertest.EndpointID, a...) },
			Exchanges:   q.fake.Exchanges,
			Settle:      q.work.Wait,
		}
	})
}
