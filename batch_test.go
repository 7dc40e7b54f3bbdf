package leadhook_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// A batch is a deliver.BatchDeliverer that keeps what it was given.
type batch struct {
	calls [][]*deliver.Request
	err   error
	short bool // it gives a receipt too few
}

func (b *batch) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return nil, errors.New("one by one is not how a batch is stored")
}

func (b *batch) DeliverBatch(_ context.Context, reqs []*deliver.Request) ([]*deliver.Receipt, error) {
	b.calls = append(b.calls, reqs)
	if b.err != nil {
		return nil, b.err
	}
	receipts := make([]*deliver.Receipt, len(reqs))
	for i := range receipts {
		receipts[i] = &deliver.Receipt{Status: deliver.Queued, Outcome: deliver.Outcome{Reference: reqs[i].EndpointID}}
	}
	if b.short {
		receipts = receipts[1:]
	}
	return receipts, nil
}

// A history in front of a queue stores a message at once and records it for each
// endpoint; in front of what takes no batches it delivers one by one.
func TestAHistoryPassesBatchesOn(t *testing.T) {
	for proves, next := range map[string]deliver.Deliverer{"a queue": &batch{}, "a fake": &delivertest.Fake{}} {
		t.Run(proves, func(t *testing.T) {
			kept, err := history.New(next, &history.Memory{}, nil)
			require.NoError(t, err)
			d, err := leadhook.New(kept, nil)
			require.NoError(t, err)
			m := mapping.Mapping{Rules: []mapping.Rule{{Field: "firstName", Name: "name"}}}
			require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{{ID: "a", URL: "https://a.example.com", Mapping: m}, {ID: "b", URL: "https://b.example.com", Mapping: m}}))
			deliveries, err := d.Dispatch(t.Context(), routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "1", "firstName": "Jane"}})
			require.NoError(t, err)
			status := history.Delivered
			if b, ok := next.(*batch); ok {
				require.Len(t, b.calls, 1)
				status = history.Queued
			}
			page, err := kept.Store().List(t.Context(), history.Filter{})
			require.NoError(t, err)
			require.Len(t, page.Entries, 2)
			for _, e := range page.Entries {
				assert.Equal(t, status, e.Status)
			}
			assert.NotNil(t, deliveries[1].Receipt)

			if b, ok := next.(*batch); ok {
				b.err = &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseConnection}
				_, err := d.Dispatch(t.Context(), routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "2", "firstName": "Jane"}})
				assert.ErrorIs(t, err, deliver.ErrExhausted)
				page, err := kept.Store().List(t.Context(), history.Filter{Status: history.Failed})
				require.NoError(t, err)
				assert.Len(t, page.Entries, 2)
			}
		})
	}
}

func TestABatchDelivererGetsAMessageForAllEndpoints(t *testing.T) {
	rules := []mapping.Rule{{Field: "firstName", Name: "name"}}
	b := &batch{}
	d, err := leadhook.New(b, nil)
	require.NoError(t, err)
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{
		{ID: "a", URL: "https://a.example.com", Mapping: mapping.Mapping{Rules: rules}},
		{ID: "off", URL: "https://b.example.com", Mapping: mapping.Mapping{Rules: rules}, Disabled: true},
		{ID: "xml", URL: "https://c.example.com", Format: "xml", Mapping: mapping.Mapping{Rules: rules}},
		{ID: "d", URL: "https://d.example.com", Mapping: mapping.Mapping{Rules: rules}},
	}))
	m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "1", "firstName": "Jane"}}
	deliveries, err := d.Dispatch(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, b.calls, 1)
	require.Len(t, b.calls[0], 3)
	for i, endpoint := range []string{"a", "off", "xml", "d"} {
		assert.Equal(t, endpoint, deliveries[i].EndpointID)
		if endpoint == "off" {
			assert.Nil(t, deliveries[i].Receipt)
			continue
		}
		assert.Equal(t, endpoint, deliveries[i].Receipt.Reference)
	}

	m.Lead = mapping.Lead{"leadId": "2", "firstName": map[string]any{"first": "Jane"}} // XML cannot write it
	deliveries, err = d.Dispatch(t.Context(), m)
	assert.ErrorIs(t, err, deliver.ErrRejected)
	assert.Error(t, deliveries[2].Err)
	assert.Equal(t, "d", deliveries[3].Receipt.Reference)
	require.Len(t, b.calls[1], 2, "one that cannot be encoded costs no other")

	m.Lead = mapping.Lead{"leadId": "3", "firstName": "Jane"}
	b.err = &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseConnection}
	deliveries, err = d.Dispatch(t.Context(), m)
	assert.ErrorIs(t, err, deliver.ErrExhausted)
	for _, i := range []int{0, 2, 3} {
		assert.Equal(t, b.err, deliveries[i].Err)
	}
	assert.NoError(t, deliveries[1].Err)

	b.err, b.short = nil, true
	deliveries, err = d.Dispatch(t.Context(), m)
	assert.Error(t, err)
	assert.Error(t, deliveries[0].Err)
	assert.Nil(t, deliveries[0].Receipt)

	calls := len(b.calls)
	m.Type = routing.MessageLeadUpdate // which none takes
	_, err = d.Dispatch(t.Context(), m)
	require.NoError(t, err)
	assert.Len(t, b.calls, calls, "nobody is to be told")
}
