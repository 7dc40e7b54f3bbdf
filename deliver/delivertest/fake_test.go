package delivertest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

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
