package leadhook_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/health"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/limit"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// Limits, health and history around HTTP, each a Deliverer around the one before.
func Example_trusted() {
	crm := delivertest.NewReceiver()
	defer crm.Close()
	crm.Answers(delivertest.Answer{Body: `{"success":false,"reason":"jane@example.com is known"}`}, delivertest.Code(200))
	leads := map[string]mapping.Lead{"1": {"leadId": "1", "email": "jane@example.com"}}

	h := &deliver.HTTP{AllowPrivate: true} // for a receiver on loopback; leave it out elsewhere
	limited, err := limit.New(h, &limit.Options{Limits: deliver.Limits{Concurrency: 8, Rate: 20}})
	if err != nil {
		log.Fatal(err)
	}
	h.Observe, h.Pause = limited.Observe, limited.Pause
	watched, err := health.New(limited, &health.Options{
		OnUnhealthy: func(_ context.Context, r health.Record) { log.Print(r) }, // and perhaps disable it
	})
	if err != nil {
		log.Fatal(err)
	}
	var d *leadhook.Dispatcher
	kept, err := history.New(watched, &history.Memory{}, &history.Options{
		Rebuild: func(_ context.Context, e history.Entry) (*deliver.Request, error) { // to send it once more
			lead := leads[e.LeadID] // from your database
			return d.Rebuild(e.EndpointID, routing.Message{ID: e.MessageID, Type: routing.MessageType(e.MessageType), Lead: lead})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if d, err = leadhook.New(kept, nil); err != nil {
		log.Fatal(err)
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: crm.URL, Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}},
		Outcomes: []deliver.OutcomeRule{{Path: "success", Equals: "false", Verdict: deliver.VerdictRejected, ReasonPath: "reason"}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := d.Dispatch(context.Background(), routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: leads["1"]}); err != nil {
		fmt.Println("rejected:", errors.Is(err, deliver.ErrRejected))
	}
	page, err := kept.Store().List(context.Background(), history.Filter{EndpointID: "crm", Status: history.Failed})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Entries {
		fmt.Printf("%s, reason %q, sent %s\n", e, e.Reason, e.Body)
	}
	resent, err := kept.ResendFailed(context.Background(), history.Filter{EndpointID: "crm"})
	fmt.Println(len(resent), resent[0].Receipt.Status, err)
	// Output:
	// rejected: true
	// new-1 for endpoint crm (lead 1, new_lead): failed (outcome), 1 attempts, reason "*** is known", sent {"messageType":"new_lead","email":"***"}
	// 1 delivered <nil>
}

// All of them together keep the contract of one.
func TestTheWholeChainIsADeliverer(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		r := delivertest.NewReceiver()
		t.Cleanup(r.Close)
		h := &deliver.HTTP{AllowPrivate: true, Backoff: func(int) time.Duration { return time.Millisecond }}
		t.Cleanup(h.CloseIdleConnections)
		limited, err := limit.New(h, &limit.Options{Limits: deliver.Limits{Concurrency: 100, Rate: 10_000}, HostPause: time.Millisecond})
		require.NoError(t, err)
		h.Observe, h.Pause = limited.Observe, limited.Pause
		watched, err := health.New(limited, nil)
		require.NoError(t, err)
		kept, err := history.New(watched, &history.Memory{}, nil)
		require.NoError(t, err)
		return delivertest.Rig{Deliverer: kept, Destination: deliver.Destination{URL: r.URL}, Answers: r.Answers, Exchanges: r.Exchanges}
	})
}

// pair is a client certificate and its key in PEM.
func pair(t *testing.T) *leadhook.ClientCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return &leadhook.ClientCertificate{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

func TestFaultsOfOutcomesLimitsAndCertificatesHaveTheirPlace(t *testing.T) {
	good, other := pair(t), pair(t)
	for place, change := range map[string]func(*leadhook.Endpoint){
		"outcomes[1].pattern": func(e *leadhook.Endpoint) {
			e.Outcomes = []deliver.OutcomeRule{{Path: "a", Verdict: "accepted"}, {Pattern: "(", Verdict: "accepted"}}
		},
		"outcomes[0].path":   func(e *leadhook.Endpoint) { e.Outcomes = []deliver.OutcomeRule{{Path: "a..b", Verdict: "accepted"}} },
		"outcomes":           func(e *leadhook.Endpoint) { e.Outcomes = make([]deliver.OutcomeRule, 100) },
		"limits.rate":        func(e *leadhook.Endpoint) { e.Limits.Rate = -1 },
		"limits.concurrency": func(e *leadhook.Endpoint) { e.Limits.Concurrency = -1 },
		"limits.burst":       func(e *leadhook.Endpoint) { e.Limits.Burst = -1 },
		"clientCertificate.key": func(e *leadhook.Endpoint) {
			e.ClientCertificate = &leadhook.ClientCertificate{Certificate: good.Certificate, Key: "hidden"}
		},
		"clientCertificate.certificate": func(e *leadhook.Endpoint) {
			e.ClientCertificate = &leadhook.ClientCertificate{Certificate: "hidden", Key: good.Key}
		},
	} {
		e := endpoint("crm")
		change(&e)
		err := e.Validate(nil)
		var fault *leadhook.EndpointError
		require.ErrorAs(t, err, &fault, place)
		assert.Equal(t, place, fault.Setting, err)
		assert.NotContains(t, err.Error(), "hidden")
		d, newErr := leadhook.New(&delivertest.Fake{}, nil)
		require.NoError(t, newErr)
		assert.Error(t, d.SetEndpoints([]leadhook.Endpoint{e}))
	}
	for place, c := range map[string]leadhook.ClientCertificate{
		"clientCertificate.key":                  {Certificate: good.Certificate, Key: other.Key},
		"clientCertificate.key: ":                {Certificate: good.Certificate, Key: good.Certificate},
		"clientCertificate.key: it":              {Certificate: good.Certificate, Key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		"clientCertificate.key: it is empty":     {Certificate: good.Certificate},
		"clientCertificate.key: it has the two":  {Certificate: good.Certificate, Key: strings.ReplaceAll(good.Key, "\n", `\n`)},
		"clientCertificate.key: it is PEM that":  {Certificate: good.Certificate, Key: strings.ReplaceAll(good.Key, "\n", " ")},
		"clientCertificate.key: it is no PEM":    {Certificate: good.Certificate, Key: "/etc/keys/client.pem"},
		"clientCertificate.key: it is encrypted": {Certificate: good.Certificate, Key: strings.ReplaceAll(good.Key, "PRIVATE", "ENCRYPTED PRIVATE")},
		"clientCertificate.certificate":          {Certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Key: good.Key},
	} {
		e := endpoint("crm")
		e.ClientCertificate = &c
		assert.ErrorContains(t, e.Validate(nil), place)
	}
	e := endpoint("crm")
	e.ClientCertificate = good
	require.NoError(t, e.Validate(nil))
	e.URL = "http://example.com"
	assert.ErrorContains(t, e.Validate(nil), `endpoint "crm": clientCertificate: it is presented over https only`)
	e.URL = "https://example.com"
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "endpoint", e, "certificate", *good)
	fmt.Fprintf(&out, "%v %+v %#v %s %v %+v", e, e, e, e, *good, good)
	assert.NotContains(t, out.String(), strings.Split(good.Key, "\n")[1])
}

func TestAnEndpointsCertificateIsPresented(t *testing.T) {
	presented := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { presented = len(r.TLS.PeerCertificates) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	h := &deliver.HTTP{Transport: &deliver.Transport{AllowPrivate: true, RootCAs: roots}}
	defer h.CloseIdleConnections()
	e := endpoint("crm")
	e.URL, e.ClientCertificate = s.URL, pair(t)
	_, err := dispatcher(t, h, e).Dispatch(t.Context(), newLead())
	require.NoError(t, err)
	assert.Equal(t, 1, presented)
}

// No format, no nesting and no list lets a sensitive value through.
func TestMaskedBodiesHoldNoSensitiveValue(t *testing.T) {
	catalog, err := mapping.Standard().Extend(
		mapping.Field{Key: "birthday", Kind: mapping.Time, Sensitive: true}, mapping.Field{Key: "income", Kind: mapping.Number, Sensitive: true},
		mapping.Field{Key: "phones", Kind: mapping.List, Sensitive: true}, mapping.Field{Key: "family", Sensitive: true}, mapping.Field{Key: "account", Sensitive: true}, mapping.Field{Key: "budget"},
	)
	require.NoError(t, err)
	phone := "+45 20 12 34 56"
	lead := mapping.Lead{
		"leadId": "lead-1", "firstName": "Zoë", "lastName": "O'Connor", "email": "zoe@example.com", "phone": &phone, "budget": 250000, "city": "Aarhus", "message": "",
		"account": struct {
			IBAN  string
			Big   int64
			Since map[string]time.Time
			Raw   json.RawMessage
		}{"DE02120300000000202051", 9007199254740993, map[string]time.Time{"x": time.Date(1999, 1, 2, 0, 0, 0, 0, time.UTC)}, json.RawMessage(`{"street":"Hauptstrasse 5"}`)}, "birthday": time.Date(1987, 3, 5, 0, 0, 0, 0, time.UTC), "income": 123456.78, "phones": []any{"+1 212 555 0123", 5551234}, "family": json.RawMessage(`{"spouse":"Bartholomew"}`),
	}
	m := mapped("leadId", "id", "firstName", "name.first", "lastName", "name.last", "email", "email", "phone", "phone", "budget", "budget", "city", "city",
		"birthday", "birthday", "income", "income", "phones", "phones", "message", "message", "address", "address")
	secrets := []string{"Zo", "Connor", "zoe", "20 12", "1987", "123456", "555", "Bartholomew"}
	for _, format := range encode.Formats() {
		fake := &delivertest.Fake{}
		d, err := leadhook.New(fake, &leadhook.Options{Catalog: catalog})
		require.NoError(t, err)
		e := leadhook.Endpoint{ID: "crm", URL: "https://example.com", Format: format, Mapping: m, Encoding: encode.Options{Missing: encode.Null}}
		if format == encode.JSON {
			e.Mapping = mapped("leadId", "id", "firstName", "name.first", "lastName", "name.last", "email", "a.0", "phone", "a.1", "budget", "budget", "city", "city",
				"birthday", "birthday", "income", "income", "phones", "phones", "family", "family", "account", "account", "message", "message", "address", "address")
		}
		require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{e}))
		_, err = d.Dispatch(t.Context(), routing.Message{ID: "msg_1", Type: routing.MessageNewLead, Lead: lead})
		require.NoError(t, err)
		sent := fake.Requests()[0]
		for _, secret := range secrets {
			if format == encode.JSON || secret != "Bartholomew" {
				found := bytes.Contains(sent.Body, []byte(secret)) || bytes.Contains(sent.Body, []byte(strings.ReplaceAll(secret, " ", "+")))
				assert.True(t, found, "%s: the body has %s: %s", format, secret, sent.Body)
			}
			assert.NotContains(t, string(sent.Masked), secret, format)
			assert.NotContains(t, string(sent.Masked), strings.ReplaceAll(secret, " ", "+"), format)
		}
		for _, kept := range []string{"lead-1", "250000", "Aarhus", "***"} {
			assert.Contains(t, string(sent.Masked), kept, format)
		}
		for _, value := range []string{"Zoë", "O'Connor", "zoe@example.com", phone, "1987-03-05T00:00:00+00:00", "123456.78", "+1 212 555 0123", "5551234"} {
			assert.Contains(t, sent.Sensitive, value, format)
		}
		if format == encode.JSON {
			assert.True(t, json.Valid(sent.Masked))
			assert.Contains(t, string(sent.Masked), `"message":"","address":null`, "what is empty or absent stays so")
			assert.Contains(t, sent.Sensitive, "Bartholomew")
			for _, inside := range []string{"DE02120300000000202051", "9007199254740993", "Hauptstrasse 5"} {
				assert.Contains(t, sent.Sensitive, inside, "in a struct")
				assert.Contains(t, string(sent.Body), inside)
				assert.NotContains(t, string(sent.Masked), inside)
			}
			assert.True(t, slices.ContainsFunc(sent.Sensitive, func(s string) bool {
				return strings.HasPrefix(s, "1999-01-02") && strings.Contains(string(sent.Body), s)
			}), "as the payload has it")
			assert.NotContains(t, sent.Sensitive, "new_lead")
		}
	}
	t.Run("what has nothing sensitive is its own mask", func(t *testing.T) {
		fake := &delivertest.Fake{}
		e := endpoint("crm")
		e.Mapping = mapped("leadId", "id")
		_, err := dispatcher(t, fake, e).Dispatch(t.Context(), newLead())
		require.NoError(t, err)
		assert.Equal(t, string(fake.Requests()[0].Body), string(fake.Requests()[0].Masked))
	})
	t.Run("a time that must stay one, and a URL in the payload", func(t *testing.T) {
		catalog, err := mapping.Standard().Extend(mapping.Field{Key: "at", Kind: mapping.Time, Sensitive: true})
		require.NoError(t, err)
		fake := &delivertest.Fake{}
		d, err := leadhook.New(fake, &leadhook.Options{Catalog: catalog})
		require.NoError(t, err)
		e := endpoint("crm")
		e.Format, e.Encoding.WebhookURL = encode.HubSpotForms, "https://host.example.com/path-secret?key=query-secret"
		e.Mapping = mapped("at", "submittedAt", "email", "email")
		require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{e}))
		m := newLead()
		m.Lead.(mapping.Lead)["at"] = time.Date(1987, 3, 5, 0, 0, 0, 0, time.UTC)
		_, err = d.Dispatch(t.Context(), m)
		require.NoError(t, err)
		sent := fake.Requests()[0]
		assert.Contains(t, string(sent.Body), `"submittedAt":"541900800000"`)
		assert.Contains(t, string(sent.Body), "https://host.example.com/path-secret?key=query-secret")
		assert.Equal(t, `{"fields":[],"WEBHOOKURL":"https://host.example.com/***"}`, string(sent.Masked))
		assert.Contains(t, sent.Sensitive, "jane@example.com")
	})
	t.Run("raw JSON alone", func(t *testing.T) {
		fake := &delivertest.Fake{}
		m := newLead()
		m.Lead.(mapping.Lead)["email"] = json.RawMessage(`{"home":"jane@example.com","since":1999}`)
		_, err := dispatcher(t, fake, endpoint("crm")).Dispatch(t.Context(), m)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"jane@example.com", "1999"}, fake.Requests()[0].Sensitive)
		assert.NotContains(t, string(fake.Requests()[0].Masked), "jane")
	})
	t.Run("a host that keeps no history can do without", func(t *testing.T) {
		fake := &delivertest.Fake{}
		d, err := leadhook.New(fake, &leadhook.Options{Unmasked: true})
		require.NoError(t, err)
		require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{endpoint("crm")}))
		_, err = d.Using(fake).Dispatch(t.Context(), newLead())
		require.NoError(t, err)
		assert.Empty(t, fake.Requests()[0].Masked)
		assert.Empty(t, fake.Requests()[0].Sensitive)
	})
}

func TestRebuildRefusesWhatWouldNotBeTold(t *testing.T) {
	disabled, updates := endpoint("disabled"), endpoint("updates")
	disabled.Disabled, updates.Type = true, routing.LeadUpdatesOnly
	d := dispatcher(t, &delivertest.Fake{}, endpoint("crm"), disabled, updates)
	req, err := d.Rebuild("crm", newLead())
	require.NoError(t, err)
	assert.Equal(t, "msg_1", req.ID)
	_, err = d.Rebuild("disabled", newLead())
	assert.ErrorContains(t, err, "disabled")
	_, err = d.Rebuild("updates", newLead())
	assert.ErrorContains(t, err, routing.Route(routing.Endpoint{Type: routing.LeadUpdatesOnly}, newLead()).Reason.String())
	_, err = d.Rebuild("nobody", newLead())
	assert.ErrorIs(t, err, leadhook.ErrUnknownEndpoint)
}

func TestADelivererThatEndsItsGoroutineIsNoSuccess(t *testing.T) {
	deliveries, err := dispatcher(t, ends{}, endpoint("crm"), endpoint("shop")).Dispatch(t.Context(), newLead())
	assert.ErrorContains(t, err, "did not return")
	assert.Error(t, deliveries[0].Err)
	assert.NoError(t, deliveries[1].Err)
}

type ends struct{}

func (ends) Deliver(_ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	if req.EndpointID == "crm" {
		runtime.Goexit()
	}
	return &deliver.Receipt{Status: deliver.Delivered}, nil
}

func TestDeliveriesShowNoAnswers(t *testing.T) {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Answer{Code: 422, Body: "answer-secret"})
	fake.Answers("shop", delivertest.Answer{Body: "answer-secret"})
	off := endpoint("off")
	off.Disabled = true
	deliveries, err := dispatcher(t, fake, endpoint("crm"), endpoint("shop"), off).Dispatch(t.Context(), newLead())
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "error", err, "errors", []error{deliveries[0].Err}, "first", deliveries[0], "second", deliveries[1], "third", deliveries[2])
	fmt.Fprintf(&out, "%v %+v %s", deliveries, deliveries[0], deliveries[1])
	assert.NotContains(t, out.String(), "answer-secret")
	assert.NotContains(t, out.String(), "jane@")
	assert.Contains(t, out.String(), "endpoint shop: delivered")
	assert.Contains(t, out.String(), "endpoint off was not told")
}

// The whole of it: a mapping is mended, and what failed is sent again.
func TestWhatFailedIsSentAgainAsTheEndpointIsNow(t *testing.T) {
	leads := map[string]mapping.Lead{}
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(422))
	var d *leadhook.Dispatcher
	kept, err := history.New(fake, &history.Memory{}, &history.Options{Rebuild: func(_ context.Context, e history.Entry) (*deliver.Request, error) {
		lead, ok := leads[e.LeadID]
		if !ok {
			return nil, errors.New("the lead is gone")
		}
		return d.Rebuild(e.EndpointID, routing.Message{ID: e.MessageID, Type: routing.MessageType(e.MessageType), Lead: lead})
	}})
	require.NoError(t, err)
	d = dispatcher(t, kept, endpoint("crm"))
	for i := range 3 {
		id := fmt.Sprint("lead-", i)
		leads[id] = mapping.Lead{"leadId": id, "email": fmt.Sprintf("jane%d@example.com", i)}
		_, err := d.Dispatch(t.Context(), routing.Message{ID: fmt.Sprint("new-", i), Type: routing.MessageNewLead, Lead: leads[id]})
		require.Error(t, err)
	}
	delete(leads, "lead-1")
	mended := endpoint("crm")
	mended.Mapping = mapped("email", "mail")
	require.NoError(t, d.SetEndpoints([]leadhook.Endpoint{mended}))
	fake.Reset()
	fake.Answers("crm")
	resent, err := kept.ResendFailed(t.Context(), history.Filter{EndpointID: "crm", Cause: deliver.CauseFieldMapping})
	require.NoError(t, err)
	require.Len(t, resent, 3)
	assert.ErrorContains(t, resent[1].Err, "the lead is gone")
	fake.AssertSent(t, "crm", `{"messageType":"new_lead","mail":"jane0@example.com"}`, `{"messageType":"new_lead","mail":"jane2@example.com"}`)
	page, err := kept.Store().List(t.Context(), history.Filter{Status: history.Delivered})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	assert.Equal(t, `{"messageType":"new_lead","mail":"***"}`, string(page.Entries[0].Body))
}
