package leadhook_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // a machine without zone files must pass

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func mapped(pairs ...string) (m mapping.Mapping) {
	for i := 0; i < len(pairs); i += 2 {
		m.Rules = append(m.Rules, mapping.Rule{Field: pairs[i], Name: pairs[i+1]})
	}
	return m
}

func endpoint(id string) leadhook.Endpoint {
	return leadhook.Endpoint{ID: id, URL: "https://example.com/" + id, Mapping: mapped("email", "email")}
}

func dispatcher(t *testing.T, d deliver.Deliverer, endpoints ...leadhook.Endpoint) *leadhook.Dispatcher {
	t.Helper()
	dispatcher, err := leadhook.New(d, nil)
	require.NoError(t, err)
	require.NoError(t, dispatcher.SetEndpoints(endpoints))
	return dispatcher
}

func newLead(fields ...string) routing.Message {
	lead := mapping.Lead{"leadId": "lead-1", "email": "jane@example.com"}
	for i := 0; i < len(fields); i += 2 {
		lead[fields[i]] = fields[i+1]
	}
	return routing.Message{ID: "msg_1", Type: routing.MessageNewLead, Lead: lead}
}

func TestDispatchTellsWhoShouldKnowAndSaysWhyTheOthersWereNot(t *testing.T) {
	f := &delivertest.Fake{}
	updates, other, disabled, xml := endpoint("updates"), endpoint("other"), endpoint("disabled"), endpoint("xml")
	updates.Type = routing.LeadUpdatesOnly
	other.LeadOrders = []string{"lo-2"}
	disabled.Disabled = true
	xml.Format = encode.XML
	d := dispatcher(t, f, endpoint("crm"), updates, other, disabled, xml)

	deliveries, err := d.Dispatch(t.Context(), newLead("leadOrderId", "lo-1"))
	require.NoError(t, err)
	var got []string
	for _, d := range deliveries {
		got = append(got, fmt.Sprint(d.EndpointID, " ", d.Receipt != nil, " ", d.Decision.Reason))
	}
	assert.Equal(t, []string{
		"crm true The endpoint takes this message.",
		"updates false The endpoint takes lead updates only.",
		"other false The endpoint is attached to other lead orders.",
		"disabled false The endpoint is disabled.",
		"xml true The endpoint takes this message.",
	}, got)
	f.AssertSent(t, "crm", `{"messageType":"new_lead","email":"jane@example.com"}`)
	f.AssertSent(t, "xml", `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<lead><messageType>new_lead</messageType><email>jane@example.com</email></lead>`)
	f.AssertNotSent(t, "updates", "other", "disabled")
	req := f.To("xml")[0]
	assert.Equal(t, []string{"msg_1", "xml", "lead-1", "new_lead", "application/xml"}, []string{req.ID, req.EndpointID, req.LeadID, req.MessageType, req.ContentType})
	assert.Equal(t, "https://example.com/xml", req.Destination.URL)
	assert.False(t, req.Test)
}

func TestAMeetingMakesAnUpdate(t *testing.T) {
	f := &delivertest.Fake{}
	plain, both := endpoint("plain"), endpoint("both")
	plain.Type, both.Type = routing.NewLeadsAndUpdates, routing.NewLeadsAndUpdates
	both.Mapping = mapped("email", "email", "formattedRequestedMeetingTime", "meeting")
	d := dispatcher(t, f, plain, both)
	lead := mapping.Lead{"leadId": 17, "email": "a@b.c"}
	lead.SetMeeting(time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), nil)
	deliveries, err := d.Dispatch(t.Context(), routing.Message{Type: routing.MessageLeadUpdate, Lead: lead})
	require.NoError(t, err)
	assert.Equal(t, routing.NoMeetingTime, deliveries[0].Decision.Reason)
	f.AssertSent(t, "both", `{"messageType":"lead_update","email":"a@b.c","meeting":"Wednesday, April 22, 2026 at 7:45 PM Coordinated Universal Time"}`)
	assert.Equal(t, "17", f.To("both")[0].LeadID)
	assert.True(t, strings.HasPrefix(f.To("both")[0].ID, "msg_"), "a message without an ID gets one")
}

func TestADispatcherWithoutEndpointsTellsNobody(t *testing.T) {
	d, err := leadhook.New(&delivertest.Fake{}, nil)
	require.NoError(t, err)
	deliveries, err := d.Dispatch(t.Context(), newLead())
	require.NoError(t, err)
	assert.Empty(t, deliveries)
	_, err = d.Preview("crm", newLead())
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
	assert.Equal(t, "dispatcher of 0 endpoints", d.String())
}

// Either meeting field is enough for updates.
func TestEitherMeetingFieldIsAMeeting(t *testing.T) {
	for _, field := range []string{"requestedMeetingTime", "formattedRequestedMeetingTime"} {
		f := &delivertest.Fake{}
		e := endpoint("crm")
		e.Type, e.Mapping = routing.LeadUpdatesOnly, mapped(field, "at")
		m := newLead()
		m.Type = routing.MessageLeadUpdate
		_, err := dispatcher(t, f, e).Dispatch(t.Context(), m)
		require.NoError(t, err)
		assert.Len(t, f.To("crm"), 1, field)
	}
}

func TestDispatchRefuses(t *testing.T) {
	f := &delivertest.Fake{}
	d := dispatcher(t, f, endpoint("crm"))
	for proves, m := range map[string]routing.Message{
		"a lead without leadId":     {Type: routing.MessageNewLead, Lead: mapping.Lead{"email": "x"}},
		"an empty leadId":           newLead("leadId", ""),
		"a leadId that has no text": {Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": []string{"x"}}},
		"an unknown type":           {Type: "lead_deleted", Lead: mapping.Lead{"leadId": "1"}},
		"no type":                   {Lead: mapping.Lead{"leadId": "1"}},
		"no lead":                   {Type: routing.MessageNewLead},
		"a dot in the ID":           {ID: "a.b", Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "1"}},
	} {
		deliveries, err := d.Dispatch(t.Context(), m)
		assert.Error(t, err, proves)
		assert.Nil(t, deliveries, proves)
		_, err = d.Preview("crm", m)
		assert.Error(t, err, proves)
	}
	f.AssertNotSent(t)
}

func TestAValueThatCannotBeWrittenCostsOneEndpointOnly(t *testing.T) {
	f := &delivertest.Fake{}
	xml := endpoint("xml")
	xml.Format, xml.Mapping = encode.XML, mapped("company", "company")
	d := dispatcher(t, f, xml, endpoint("crm"))
	m := newLead()
	m.Lead.(mapping.Lead)["company"] = map[string]any{"name": "personal"}
	deliveries, err := d.Dispatch(t.Context(), m)
	assert.ErrorContains(t, err, `endpoint "xml": deliver: example.com: rejected (field_mapping): encode: field "company"`)
	assert.ErrorContains(t, err, "map[string]interface {}")
	assert.NotContains(t, err.Error(), "personal")
	var fault *encode.ValueError
	assert.ErrorAs(t, deliveries[0].Err, &fault)
	assert.ErrorIs(t, deliveries[0].Err, deliver.ErrRejected, "it would not be written the next time either")
	assert.NotNil(t, deliveries[1].Receipt)
	f.AssertNotSent(t, "xml")
	req, err := d.Preview("xml", m)
	assert.Nil(t, req)
	assert.ErrorAs(t, err, &fault)
}

func TestDispatchToTellsThoseThatFailedOnceMore(t *testing.T) {
	f := &delivertest.Fake{}
	f.Answers("down", delivertest.Code(503))
	d := dispatcher(t, f, endpoint("crm"), endpoint("down"))
	m := newLead()
	m.ID = ""
	deliveries, err := d.Dispatch(t.Context(), m)
	require.ErrorIs(t, err, deliver.ErrExhausted)
	assert.Len(t, deliveries[0].Attempts(), 1)
	assert.Len(t, deliveries[1].Attempts(), 4)

	f.Answers("down")
	m.ID = deliveries[1].MessageID
	again, err := d.DispatchTo(t.Context(), m, "down")
	require.NoError(t, err)
	require.Len(t, again, 1)
	assert.Equal(t, deliver.Delivered, again[0].Receipt.Status)
	assert.Len(t, f.To("crm"), 1)
	assert.Equal(t, f.To("down")[0].ID, f.To("down")[1].ID, "the receiver knows the repeat")
	_, err = d.DispatchTo(t.Context(), m, "crm", "nobody")
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
	_, err = d.DispatchTo(t.Context(), m, "crm", "crm")
	assert.ErrorContains(t, err, "given twice")
	assert.Len(t, f.To("crm"), 1)
}

func TestAnOddByteIsNoReasonNotToDeliver(t *testing.T) {
	f := &delivertest.Fake{}
	d := dispatcher(t, f, endpoint("crm"))
	_, err := d.Dispatch(t.Context(), newLead("email", "j\xffne"))
	require.NoError(t, err)
	f.AssertSent(t, "crm", `{"messageType":"new_lead","email":"j`+"\uFFFD"+`ne"}`)
}

func TestFailuresAreJoinedAndActedOn(t *testing.T) {
	f := &delivertest.Fake{}
	f.Answers("bad", delivertest.Code(422))
	f.Answers("down", delivertest.Code(503))
	d := dispatcher(t, f, endpoint("bad"), endpoint("good"), endpoint("down"))
	deliveries, err := d.Dispatch(t.Context(), newLead())
	assert.ErrorIs(t, err, deliver.ErrRejected)
	assert.ErrorIs(t, err, deliver.ErrExhausted)
	assert.ErrorIs(t, deliveries[0].Err, deliver.ErrRejected)
	assert.NoError(t, deliveries[1].Err)
	assert.ErrorIs(t, deliveries[2].Err, deliver.ErrExhausted)
	assert.NotErrorIs(t, deliveries[2].Err, deliver.ErrRejected)
	var e *deliver.Error
	require.ErrorAs(t, deliveries[0].Err, &e)
	assert.Equal(t, deliver.CauseFieldMapping, e.Cause)
	assert.ErrorContains(t, err, `endpoint "bad": deliver: example.com: rejected (field_mapping): status 422`)
}

func TestASlowEndpointDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		done := map[string]time.Duration{}
		began := time.Now()
		d := dispatcher(t, deliverFunc(func(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			if strings.HasPrefix(req.EndpointID, "slow") {
				time.Sleep(time.Minute)
			}
			mu.Lock()
			defer mu.Unlock()
			done[req.EndpointID] = time.Since(began)
			return &deliver.Receipt{Status: deliver.Delivered}, nil
		}), endpoint("slow1"), endpoint("fast"), endpoint("slow2"))
		_, err := d.Dispatch(t.Context(), newLead())
		require.NoError(t, err)
		assert.Equal(t, map[string]time.Duration{"slow1": time.Minute, "fast": 0, "slow2": time.Minute}, done)
	})
}

type deliverFunc func(context.Context, *deliver.Request) (*deliver.Receipt, error)

func (f deliverFunc) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	return f(ctx, req)
}

func TestSetEndpointsIsAllOrNothing(t *testing.T) {
	f := &delivertest.Fake{}
	d := dispatcher(t, f, endpoint("old"))
	broken := endpoint("broken")
	broken.URL = "ftp://example.com"
	err := d.SetEndpoints([]leadhook.Endpoint{endpoint("new"), broken, endpoint("new"), {}})
	assert.ErrorContains(t, err, `endpoint "broken": url: it must start with https:// or http://`)
	assert.ErrorContains(t, err, `endpoint "new": id: endpoint 0 has it already, this is endpoint 2`)
	assert.ErrorContains(t, err, `endpoint "": id: it is empty`)
	_, err = d.Dispatch(t.Context(), newLead())
	require.NoError(t, err)
	assert.Len(t, f.To("old"), 1, "the endpoints before are still there")

	require.NoError(t, d.SetEndpoints(nil))
	deliveries, err := d.Dispatch(t.Context(), newLead())
	require.NoError(t, err)
	assert.Empty(t, deliveries)
}

func TestSetEndpointsKeepsNothingOfTheCallers(t *testing.T) {
	f := &delivertest.Fake{}
	e := endpoint("crm")
	e.Headers, e.LeadOrders, e.Accept = map[string]string{"X-Key": "1"}, []string{"lo-1"}, []int{200}
	e.Secrets = []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	d := dispatcher(t, f, e)
	e.Headers["X-Key"], e.LeadOrders[0], e.Accept[0], e.Secrets[0], e.Mapping.Rules[0].Name = "2", "lo-2", 500, "", "changed"
	_, err := d.Dispatch(t.Context(), newLead("leadOrderId", "lo-1"))
	require.NoError(t, err)
	f.AssertSent(t, "crm", `{"messageType":"new_lead","email":"jane@example.com"}`)
	got := f.To("crm")[0].Destination
	assert.Equal(t, []any{"1", 200, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, []any{got.Header.Get("X-Key"), got.Accept[0], got.Secrets[0]})
}

func TestEndpointsMayBeReplacedWhileMessagesGoOut(t *testing.T) {
	f := &delivertest.Fake{}
	d := dispatcher(t, f, endpoint("a"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				deliveries, err := d.Dispatch(t.Context(), newLead())
				assert.NoError(t, err)
				assert.Contains(t, []int{1, 2}, len(deliveries))
			}
		})
	}
	for i := range 100 {
		assert.NoError(t, d.SetEndpoints([]leadhook.Endpoint{endpoint("a"), endpoint("b")}[:1+i%2]))
	}
	wg.Wait()
}

func TestUsingHasTheSameEndpointsAndAnotherWayOut(t *testing.T) {
	first, second := &delivertest.Fake{}, &delivertest.Fake{}
	d := dispatcher(t, first)
	other := d.Using(second)
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{endpoint("crm")}))
	_, err := other.Dispatch(t.Context(), newLead())
	require.NoError(t, err)
	first.AssertNotSent(t)
	assert.Len(t, second.To("crm"), 1)
}

func TestPreviewSendsNothing(t *testing.T) {
	f := &delivertest.Fake{}
	e := endpoint("crm")
	e.Disabled, e.Headers, e.Accept = true, map[string]string{"X-Key": "1"}, []int{200}
	e.Secrets = []string{deliver.NewSecret()}
	d := dispatcher(t, f, e)
	req, err := d.Preview("crm", newLead())
	require.NoError(t, err)
	assert.Equal(t, `{"messageType":"new_lead","email":"jane@example.com"}`, string(req.Body))
	assert.Equal(t, "https://example.com/crm", req.Destination.URL)
	req.Destination.Header.Set("X-Key", "2")
	again, err := d.Preview("crm", newLead())
	require.NoError(t, err)
	assert.Equal(t, "1", again.Destination.Header.Get("X-Key"), "the request is the caller's to change")
	again.Destination.Secrets[0], again.Destination.Accept[0] = "***", 500
	again, err = d.Preview("crm", newLead())
	require.NoError(t, err)
	assert.Equal(t, e.Secrets, again.Destination.Secrets)
	assert.Equal(t, e.Accept, again.Destination.Accept)
	_, err = d.Preview("nobody", newLead())
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
	f.AssertNotSent(t)
}

func TestSendTest(t *testing.T) {
	f := &delivertest.Fake{}
	updates := endpoint("updates")
	updates.Type, updates.Mapping = routing.LeadUpdatesOnly, mapped("requestedMeetingTime", "at", "budget", "budget")
	c, err := mapping.NewCatalog(mapping.Field{Key: "email", Example: "test@example.com"}, mapping.Field{Key: "requestedMeetingTime"}, mapping.Field{Key: "budget", Example: 5})
	require.NoError(t, err)
	d, err := leadhook.New(f, &leadhook.Options{Catalog: c})
	require.NoError(t, err)
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{endpoint("crm"), updates}))
	for _, id := range []string{"crm", "updates"} {
		receipt, err := d.SendTest(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, deliver.Delivered, receipt.Status)
		assert.True(t, f.To(id)[0].Test)
	}
	f.AssertSent(t, "crm", `{"messageType":"new_lead","email":"test@example.com"}`)
	f.AssertSent(t, "updates", `{"messageType":"lead_update","at":"2026-04-22T19:45:00+00:00","budget":5}`)
	_, err = d.SendTest(t.Context(), "nobody")
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
}

func TestAHeldEndpointKeepsTheLeadWithoutAQueue(t *testing.T) {
	r := delivertest.NewReceiver()
	defer r.Close()
	h := &deliver.HTTP{AllowPrivate: true}
	defer h.CloseIdleConnections()
	held := endpoint("held")
	held.URL, held.Held = r.URL, true
	deliveries, err := dispatcher(t, h, held).Dispatch(t.Context(), newLead())
	assert.ErrorIs(t, err, deliver.ErrExhausted)
	assert.True(t, deliveries[0].Decision.Deliver, "it is told")
	assert.Empty(t, r.Received())
}

// A panic in a goroutine would end the process; in the caller's it can be
// recovered, and every other endpoint was told.
func TestAPanicOfTheDeliverersReachesTheCaller(t *testing.T) {
	var told sync.Map
	d := dispatcher(t, deliverFunc(func(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
		if req.EndpointID == "b" {
			panic("a host's mistake")
		}
		told.Store(req.EndpointID, true)
		return &deliver.Receipt{Status: deliver.Delivered}, nil
	}), endpoint("a"), endpoint("b"), endpoint("c"))
	assert.PanicsWithValue(t, "a host's mistake", func() { d.Dispatch(context.Background(), newLead()) })
	_, a := told.Load("a")
	_, c := told.Load("c")
	assert.True(t, a && c)
	_, err := d.Using(nil).Dispatch(t.Context(), newLead())
	assert.ErrorContains(t, err, "no deliverer")
}

func TestNewRefuses(t *testing.T) {
	_, err := leadhook.New(nil, nil)
	assert.ErrorContains(t, err, "&deliver.HTTP{}")
}

// What a queue's worker asks for when it sends.
func TestDestinationIsThatOfNow(t *testing.T) {
	d, err := leadhook.New(&delivertest.Fake{}, nil)
	require.NoError(t, err)
	_, err = d.Destination("crm")
	require.Error(t, err)
	assert.NotErrorIs(t, err, deliver.ErrUnknownEndpoint, "what waits is not to be canceled before anybody knows")
	m := mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}}
	e := leadhook.Endpoint{ID: "crm", URL: "https://crm.example.com/old", Mapping: m, Headers: map[string]string{"X-Key": "1"}, Timeout: time.Second}
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{e}))
	to, err := d.Destination("crm")
	require.NoError(t, err)
	assert.Equal(t, e.URL, to.URL)
	assert.Equal(t, time.Second, to.Timeout)
	to.Header.Set("X-Key", "of the caller")

	e.URL = "https://crm.example.com/new"
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{e, {ID: "off", URL: e.URL, Mapping: m, Disabled: true}}))
	to, err = d.Destination("crm")
	require.NoError(t, err)
	assert.Equal(t, e.URL, to.URL)
	assert.Equal(t, "1", to.Header.Get("X-Key"))
	assert.False(t, to.Held)

	to, err = d.Destination("off")
	require.NoError(t, err)
	assert.True(t, to.Held, "nothing may go to what is disabled")

	_, err = d.Destination("gone")
	assert.ErrorIs(t, err, deliver.ErrUnknownEndpoint)
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
}
