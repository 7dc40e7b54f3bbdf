package leadhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

const secretText = "hidden"

func secretive() leadhook.Endpoint {
	e := endpoint("crm")
	e.URL += "/" + secretText + "?key=" + secretText
	e.Headers = map[string]string{"Authorization": "Bearer " + secretText}
	e.Secrets = []string{"whsec_" + secretText + "AAAAAAAAAAAAAAAAAAAAAAAAAA"}
	return e
}

func TestSecretsNeverShow(t *testing.T) {
	e := secretive()
	d := dispatcher(t, &delivertest.Fake{}, e)
	req, err := d.Preview("crm", newLead())
	require.NoError(t, err)
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		log.Info("all", "endpoint", e, "pointer", &e, "request", req, "destination", req.Destination, "dispatcher", d)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+verb, e, &e, []leadhook.Endpoint{e}, map[string]leadhook.Endpoint{"a": e}, struct{ E leadhook.Endpoint }{e})
		fmt.Fprintf(&out, verb+verb+verb, d, req, *d)
	}
	e.URL, e.Headers["X"], e.Secrets[0], e.Timeout = "ftp://"+secretText, secretText+"\r\n", secretText, -1
	fmt.Fprint(&out, e.Validate(nil), d.SetEndpoints([]leadhook.Endpoint{e}))
	assert.NotContains(t, out.String(), secretText)
	assert.Contains(t, out.String(), "https://example.com")
}

func TestAnEndpointSurvivesJSON(t *testing.T) {
	e := secretive()
	e.Name, e.Format, e.Type = "Acme's CRM", encode.Form, routing.NewLeadsAndUpdates
	e.Encoding = encode.Options{Missing: encode.Null, Lists: encode.Indices, XMLRoot: "x", WebhookURL: "https://example.com"}
	e.Mapping.Constants = []mapping.Constant{{Name: "n", Value: json.Number("9007199254740993")}, {Name: "s", Value: "text"}, {Name: "b", Value: false}}
	e.LeadOrders, e.Disabled, e.Held, e.Timeout, e.MaxAttempts, e.Accept = []string{"lo-1"}, true, true, 3*time.Second, 7, []int{200, 204}
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var back leadhook.Endpoint
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, fmt.Sprintf("%+v", plain(e)), fmt.Sprintf("%+v", plain(back)))
	assert.True(t, assert.ObjectsAreEqual(e, back))

	text, err = json.Marshal(endpoint("crm"))
	require.NoError(t, err)
	assert.Equal(t, `{"id":"crm","url":"https://example.com/crm","mapping":{"rules":[{"field":"email","name":"email"}]}}`, string(text))
}

type plain leadhook.Endpoint

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	e := leadhook.Endpoint{
		ID: "crm\x00", URL: "example.com", Format: "yaml", Type: "sometimes", LeadOrders: []string{"a", ""},
		Headers: map[string]string{"Host": "x", "X-A": "1", "x-a": "2", "Bad Name": "1"},
		Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "short"},
		Timeout: -1, MaxAttempts: -1, Accept: []int{42},
		Encoding: encode.Options{WebhookURL: "nowhere"},
		Mapping:  mapped("frstName", "first"),
	}
	err := e.Validate(nil)
	var settings []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *leadhook.EndpointError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, "crm\x00", fault.Endpoint)
		settings = append(settings, fault.Setting)
	}
	assert.ElementsMatch(t, []string{
		"id", "url", "type", "leadOrders[1]", `headers."Host"`, `headers."x-a"`, `headers."Bad Name"`, "secrets[1]", "timeout", "maxAttempts", "accept", "encoding.webhookUrl", "mapping",
		"format",
	}, settings)
	assert.NoError(t, endpoint("crm").Validate(nil))

	e = endpoint("crm")
	e.Timeout = 15
	assert.ErrorContains(t, e.Validate(nil), "in JSON a timeout is in nanoseconds")
}

// A fault of the rules must not hide those of the format, nor move their index.
func TestValidateShowsFaultsOfRulesAndOfTheFormatTogether(t *testing.T) {
	e := endpoint("crm")
	e.Mapping = mapped("frstName", "first", "email", "a..b", "phone", "contact", "lstName", "last", "city", "contact.city")
	e.Mapping.Constants = []mapping.Constant{{Name: "", Value: 1}, {Name: ".x", Value: 1}}
	err := e.Validate(nil)
	for _, says := range []string{
		`endpoint "crm": mapping: rule 0 ("frstName" → "first"): field "frstName" is not in the catalog; did you mean "firstName"?`,
		`endpoint "crm": mapping: rule 1 ("email" → "a..b"): there is an empty key`,
		`endpoint "crm": mapping: rule 3 ("lstName" → "last")`,
		`endpoint "crm": mapping: rule 4 ("city" → "contact.city"): the name nests inside "contact", which is a value (rule 2)`,
		`endpoint "crm": mapping: constant 0 (""): the name is empty`,
		`endpoint "crm": mapping: constant 1 (".x"): there is an empty key`,
	} {
		assert.ErrorContains(t, err, says)
	}
	var order []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *mapping.RuleError
		require.True(t, errors.As(err, &fault))
		order = append(order, fmt.Sprint(fault.Constant, fault.Index))
	}
	assert.Equal(t, []string{"false 0", "false 1", "false 3", "false 4", "true 0", "true 1"}, order, "in the mapping's order")
}

// FuzzEndpoint: hostile configurations and leads give errors, never a panic.
func FuzzEndpoint(f *testing.F) {
	text, _ := json.Marshal(secretive())
	f.Add(text, []byte(`{"leadId":"1","email":"a"}`))
	f.Add([]byte(`{"id":"a","url":"http://x","mapping":{"constants":[{"name":"0.1","value":[{}]}]},"format":"hubspot_forms_v3"}`), []byte(`{"leadId":[]}`))
	f.Fuzz(func(t *testing.T, config, data []byte) {
		var e leadhook.Endpoint
		if json.Unmarshal(config, &e) != nil {
			return
		}
		fake := &delivertest.Fake{}
		d, err := leadhook.New(fake, nil)
		require.NoError(t, err)
		if err := d.SetEndpoints([]leadhook.Endpoint{e}); err != nil {
			require.Error(t, e.Validate(nil))
			return
		}
		require.NoError(t, e.Validate(nil))
		lead, err := mapping.ParseLead(data)
		if err != nil {
			return
		}
		d.Dispatch(context.Background(), routing.Message{Type: routing.MessageNewLead, Lead: lead})
		if _, err := d.SendTest(context.Background(), e.ID); err != nil && !e.Held {
			t.Fatalf("the example lead cannot be sent: %v", err)
		}
	})
}
