package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func request(url string) *deliver.Request {
	return &deliver.Request{
		ID: "msg_1", EndpointID: "crm", LeadID: "lead-1", MessageType: "new_lead", ContentType: "application/json",
		Body: []byte(`{"email":"jane@example.com"}`), Destination: deliver.Destination{URL: url},
	}
}

func receiver(t *testing.T) *delivertest.Receiver {
	r := delivertest.NewReceiver()
	t.Cleanup(r.Close)
	return r
}

func sender(t *testing.T) *deliver.HTTP {
	h := &deliver.HTTP{AllowPrivate: true, Backoff: shortBackoff}
	t.Cleanup(h.CloseIdleConnections)
	return h
}

func failure(t *testing.T, err error) *deliver.Error {
	t.Helper()
	var e *deliver.Error
	require.ErrorAs(t, err, &e)
	return e
}

// answers is a transport that answers without a network, in the time of a
// synctest bubble.
type answers struct {
	codes   []int
	header  http.Header
	took    time.Duration
	err     error
	headers []http.Header
	at      []time.Time
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.headers, a.at = append(a.headers, r.Header), append(a.at, time.Now())
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	select {
	case <-time.After(a.took):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	code := a.codes[min(len(a.at), len(a.codes))-1]
	header := a.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: code, Header: header, Body: http.NoBody, Request: r}, nil
}

func (a *answers) waits() (waits []time.Duration) {
	for i := 1; i < len(a.at); i++ {
		waits = append(waits, a.at[i].Sub(a.at[i-1]))
	}
	return waits
}

func TestWhatGoesOverTheWire(t *testing.T) {
	r := receiver(t)
	h := sender(t)
	req := request(r.URL + "/leads?key=1")
	req.Destination.Secrets = []string{secret}
	req.Destination.Header = http.Header{"Authorization": {"Bearer x"}, "x-lower": {"a", "b"}}
	receipt, err := h.Deliver(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, deliver.Delivered, receipt.Status)
	got := r.Received()[0]
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/leads", got.Path)
	assert.Equal(t, "key=1", got.Query)
	assert.Equal(t, string(req.Body), string(got.Body))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, "leadhook", got.Header.Get("User-Agent"))
	assert.Equal(t, "Bearer x", got.Header.Get("Authorization"))
	assert.Equal(t, []string{"a", "b"}, got.Header.Values("X-Lower"))
	assert.Equal(t, "28", got.Header.Get("Content-Length"))
	wh, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	assert.NoError(t, wh.Verify(got.Body, got.Header), "an independent library verifies the signature")
}

func TestWithoutSecretsNothingIsSigned(t *testing.T) {
	r := receiver(t)
	_, err := sender(t).Deliver(t.Context(), request(r.URL))
	require.NoError(t, err)
	assert.Equal(t, "msg_1", r.Received()[0].Header.Get("Webhook-Id"))
	assert.Empty(t, r.Received()[0].Header.Get("Webhook-Signature"))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A host's own transport may be careless.
func TestCarelessTransports(t *testing.T) {
	h := &deliver.HTTP{Backoff: shortBackoff, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200}, nil // neither header nor body
	})}
	receipt, err := h.Deliver(t.Context(), request("https://example.com"))
	require.NoError(t, err)
	assert.Equal(t, deliver.Delivered, receipt.Status)

	h = &deliver.HTTP{Backoff: shortBackoff, Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })}
	_, err = h.Deliver(t.Context(), request("https://example.com"))
	assert.ErrorIs(t, err, deliver.ErrExhausted)
}

// A slowReader ends with an error, and writes to what it was given when the next
// one has read.
type slowReader struct{ next, written chan struct{} }

func (r slowReader) Read(p []byte) (int, error) {
	go func() {
		<-r.next
		copy(p, "late")
		close(r.written)
	}()
	return 0, errors.New("broken off")
}

// A nextReader reads at last.
type nextReader slowReader

func (r nextReader) Read(p []byte) (int, error) {
	n := copy(p, "good")
	close(r.next)
	<-r.written
	return n, io.EOF
}

// A host's transport may read an answer in another goroutine, which goes on when
// the attempt is over.
func TestAnAnswerThatBrokeOffChangesNoOther(t *testing.T) {
	r := slowReader{make(chan struct{}), make(chan struct{})}
	bodies := []io.Reader{r, nextReader(r)}
	h := &deliver.HTTP{Backoff: func(int) time.Duration { return 0 }, Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		body := bodies[0]
		bodies = bodies[1:]
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
	})}
	receipt, err := h.Deliver(t.Context(), request("https://example.com"))
	require.NoError(t, err)
	require.Len(t, receipt.Attempts, 2)
	assert.Equal(t, "good", string(receipt.Attempts[1].Body))
}

// A host's transport sees what it would see of a client of net/http's.
func TestARequestIsWhatNetHTTPMakes(t *testing.T) {
	for _, url := range []string{"https://example.com/leads?key=1", "http://example.com:/"} {
		req := request(url)
		want, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(req.Body))
		require.NoError(t, err)
		h := &deliver.HTTP{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			assert.Equal(t, want.Body, r.Body)
			assert.Nil(t, r.GetBody, "so that only attempts repeat it")
			got := *r.WithContext(want.Context())
			got.Header, got.Body, got.GetBody = want.Header, want.Body, nil
			want.GetBody = nil
			assert.Equal(t, *want, got)
			return &http.Response{StatusCode: 200}, nil
		})}
		_, err = h.Deliver(t.Context(), req)
		require.NoError(t, err)
	}
}

func TestUserAgent(t *testing.T) {
	r := receiver(t)
	h := sender(t)
	h.UserAgent = "acme/2"
	req := request(r.URL)
	_, err := h.Deliver(t.Context(), req)
	require.NoError(t, err)
	req.Destination.Header = http.Header{"User-Agent": {"theirs"}}
	_, err = h.Deliver(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "acme/2", r.Received()[0].Header.Get("User-Agent"))
	assert.Equal(t, "theirs", r.Received()[1].Header.Get("User-Agent"))
}

func TestAnEndedContextIsNoAttempt(t *testing.T) {
	r := receiver(t)
	h := sender(t)
	h.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { t.Error("nothing was tried") }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Deliver(ctx, request(r.URL))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, failure(t, err).Attempts)
}

// A HubSpot answer names the field; what else it says stays out of errors.
func TestAHubSpotAnswerNamesTheField(t *testing.T) {
	r := receiver(t)
	errs := func(errs string) string { return `{"status":"error","message":"secret","errors":[` + errs + `]}` }
	for _, test := range []struct {
		says, body string
		cause      deliver.Cause
		fields     []string
	}{
		{
			"HubSpot refuses field email (INVALID_EMAIL), field 0-2/name (REQUIRED_FIELD)",
			errs(`{"message":"Error in 'fields.email'. Invalid email address 'secret'","errorType":"INVALID_EMAIL"},{"message":"Error in 'fields.0-2/name'. Required","errorType":"REQUIRED_FIELD"}`),
			deliver.CauseLeadData, []string{"email", "0-2/name"},
		},
		{
			"field email (INVALID_EMAIL), field nick (FIELD_NOT_IN_FORM_DEFINITION)", // what concerns every lead decides
			errs(`{"message":"Error in 'fields.email'. secret","errorType":"INVALID_EMAIL"},{"message":"Error in 'fields.nick'","errorType":"FIELD_NOT_IN_FORM_DEFINITION"}`),
			deliver.CauseFieldMapping, []string{"nick"},
		},
		{"the submission (FORM_HAS_RECAPTCHA_ENABLED)", errs(`{"message":"secret","errorType":"FORM_HAS_RECAPTCHA_ENABLED"}`), deliver.CauseConfiguration, nil},
		{"field x (SOMETHING_NEW)", errs(`{"message":"Error in 'fields.x'","errorType":"SOMETHING_NEW"}`), deliver.CauseFieldMapping, []string{"x"}},
		{"status 400", errs(`{"message":"secret 'fields.email'","errorType":"UNKNOWN_TYPE"},{"message":"Error in 'fields.email'","errorType":"secret"},{"message":"Error in 'secret secret'","errorType":"OK_TYPE"}`), deliver.CauseFieldMapping, nil},
		{"(field_mapping)", `["secret"]`, deliver.CauseFieldMapping, nil},
		{"field email", errs(`{"message":"Error in 'fields.email'","errorType":"INVALID_EMAIL"},{"message":"` + strings.Repeat("x", 10_000) + `"}`), deliver.CauseLeadData, []string{"email"}},
	} {
		r.Answers(delivertest.Answer{Code: 400, Body: test.body})
		_, err := sender(t).Deliver(t.Context(), request(r.URL))
		e := failure(t, err)
		require.ErrorIs(t, err, deliver.ErrRejected)
		assert.Equal(t, test.cause, e.Cause, test.says)
		assert.Equal(t, test.fields, e.Attempts[0].Fields)
		assert.ErrorContains(t, err, test.says)
		assert.NotContains(t, err.Error()+e.Attempts[0].Err, "secret")
		for _, f := range test.fields {
			assert.Contains(t, e.Remedy(), f)
		}
		assert.Contains(t, e.Remedy(), e.Cause.Remedy())
	}
}

func TestFewOfManyRefusedFieldsAreNamed(t *testing.T) {
	var errs []string
	for i := range 50 {
		errs = append(errs, fmt.Sprintf(`{"message":"Error in 'fields.f%d'","errorType":"REQUIRED_FIELD"}`, i))
	}
	a := deliver.Attempt{StatusCode: 400}
	err := (&deliver.Destination{}).Judge(&a, []byte(`{"errors":[`+strings.Join(errs, ",")+`]}`))
	require.ErrorIs(t, err, deliver.ErrRejected)
	assert.Len(t, a.Fields, 10)
	assert.Less(t, len(a.Err), 500)
}

// The classes of facts that HubSpot documents, each type once.
func TestHubSpotsErrorTypes(t *testing.T) {
	for cause, types := range map[deliver.Cause]string{
		deliver.CauseLeadData:      "INVALID_EMAIL BLOCKED_EMAIL REQUIRED_FIELD INVALID_NUMBER NUMBER_OUT_OF_RANGE INPUT_TOO_LARGE VALUE_NOT_IN_FIELD_DEFINITION MISSING_PROCESSING_CONSENT",
		deliver.CauseFieldMapping:  "FIELD_NOT_IN_FORM_DEFINITION MAX_NUMBER_OF_SUBMITTED_VALUES_EXCEEDED INVALID_FIELD",
		deliver.CauseConfiguration: "INVALID_METADATA INVALID_HUTK INVALID_IP_ADDRESS INVALID_PAGE_URI INVALID_GOTOWEBINAR_WEBINAR_KEY INVALID_LEGAL_OPTION_FORMAT MISSING_PROCESSING_CONSENT_TEXT MISSING_COMMUNICATION_CONSENT_TEXT MISSING_LEGITIMATE_INTEREST_TEXT DUPLICATE_SUBSCRIPTION_TYPE_ID FORM_HAS_RECAPTCHA_ENABLED INVALID_TIMESTAMP",
	} {
		for errorType := range strings.FieldsSeq(types) {
			a := deliver.Attempt{StatusCode: 400}
			err := (&deliver.Destination{}).Judge(&a, []byte(`{"errors":[{"message":"…","errorType":"`+errorType+`"}]}`))
			assert.ErrorIs(t, err, deliver.ErrRejected)
			assert.Equal(t, cause, a.Cause, errorType)
		}
	}
}

func TestTheZeroValueReachesNoLoopback(t *testing.T) {
	r := receiver(t)
	h := &deliver.HTTP{}
	defer h.CloseIdleConnections()
	_, err := h.Deliver(t.Context(), request(r.URL))
	e := failure(t, err)
	require.ErrorIs(t, err, deliver.ErrRejected)
	assert.Equal(t, deliver.CauseBlockedAddress, e.Cause)
	assert.Contains(t, err.Error(), "127.0.0.1 is blocked")
	assert.Zero(t, r.Connections(), "nothing is sent")
}

func TestRedirectsAreReportedAndNotFollowed(t *testing.T) {
	elsewhere, r := receiver(t), receiver(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r.Answers(delivertest.Redirect(code, elsewhere.URL+"/new/place?token=hidden"))
		_, err := sender(t).Deliver(t.Context(), request(r.URL))
		e := failure(t, err)
		require.ErrorIs(t, err, deliver.ErrRejected)
		assert.Equal(t, deliver.CauseRedirect, e.Cause)
		assert.Contains(t, err.Error(), elsewhere.URL+"/new/place")
		assert.NotContains(t, err.Error(), "hidden")
	}
	for to, says := range map[string]string{
		"/hooks/T0KENHIDDEN/":                 "/…/…/",
		"/hooks-T0KENHIDDEN/v2/t0kenhidden/x": "/…/v2/…/x",
		"/thanks/jane@hidden.example":         "/thanks/…",
		"/" + strings.Repeat("hidden", 10):    "/…",
	} {
		r.Answers(delivertest.Redirect(301, to))
		_, err := sender(t).Deliver(t.Context(), request(r.URL+"/hooks/T0KENHIDDEN"))
		assert.ErrorContains(t, err, `redirected to "`+r.URL+says+`"`)
		assert.NotContains(t, strings.ToLower(err.Error()), "hidden")
	}
	assert.Empty(t, elsewhere.Received())
}

// go-retryablehttp empties the pool when it gives up; an endpoint that is dead
// must not cost the others their connections.
func TestADeadEndpointNeverEmptiesThePool(t *testing.T) {
	healthy, dead := receiver(t), receiver(t)
	dead.Answers(delivertest.Code(503))
	h := sender(t)
	long := func(int) time.Duration { return time.Minute }
	for range 10 {
		_, err := h.Deliver(t.Context(), request(healthy.URL))
		require.NoError(t, err)
		_, err = h.Deliver(t.Context(), request(dead.URL))
		require.ErrorIs(t, err, deliver.ErrExhausted)

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		h.Backoff, h.MaxWait = long, time.Hour
		_, err = h.Deliver(ctx, request(dead.URL)) // the context ends during a wait
		h.Backoff, h.MaxWait = shortBackoff, 0
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	assert.Equal(t, 1, healthy.Connections())
	assert.Equal(t, 1, dead.Connections(), "a refusal keeps its own connection too")
}

func TestObserveIsToldOfEveryAttempt(t *testing.T) {
	r := receiver(t)
	r.Answers(delivertest.Answer{Code: 503, Body: "busy"}, delivertest.Answer{Code: 201, Body: "thanks"})
	h := sender(t)
	var seen []deliver.Attempt
	h.Observe = func(_ context.Context, req *deliver.Request, a deliver.Attempt) {
		assert.Equal(t, "crm", req.EndpointID)
		seen = append(seen, a)
	}
	receipt, err := h.Deliver(t.Context(), request(r.URL))
	require.NoError(t, err)
	assert.Equal(t, receipt.Attempts, seen)
	assert.Equal(t, "busy", string(seen[0].Body))
	assert.Equal(t, "thanks", string(seen[1].Body))
	assert.Equal(t, deliver.CauseHTTPStatus, seen[0].Cause)
	assert.Empty(t, seen[1].Cause)
}

// net/http repeats a POST with an idempotency key by itself on a connection that
// dies; no attempt may go unseen.
func TestNoAttemptGoesUnseen(t *testing.T) {
	for _, header := range []string{"Idempotency-Key", "X-Idempotency-Key", "X-Other"} {
		t.Run(header, func(t *testing.T) {
			var requests atomic.Int32
			url := raw(t, func(c net.Conn) {
				for readRequest(c) == nil {
					if requests.Add(1)%2 == 0 {
						return // dies as it is used again
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			h := sender(t)
			attempts := 0
			h.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { attempts++ }
			for i := range 8 {
				req := request(url)
				if i >= 4 {
					req.Body = nil
				}
				req.Destination.Header = http.Header{header: {"1"}}
				_, err := h.Deliver(t.Context(), req)
				require.NoError(t, err)
			}
			h.CloseIdleConnections()
			assert.Equal(t, int(requests.Load()), attempts)
		})
	}
}

// early answers before it reads the request, as a server may, and net/http is
// still sending then.
type early struct{ bodies []io.ReadCloser }

func (e *early) RoundTrip(r *http.Request) (*http.Response, error) {
	e.bodies = append(e.bodies, r.Body)
	return &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func TestTheBodyIsTheCallersAgainAfterDeliver(t *testing.T) {
	for _, size := range []int{100, 16 << 10, 16<<10 + 1, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			e := &early{}
			req := request("https://example.com")
			req.Body = bytes.Repeat([]byte{'a'}, size)
			_, err := (&deliver.HTTP{Transport: e}).Deliver(t.Context(), req)
			require.ErrorIs(t, err, deliver.ErrRejected)
			for i := range req.Body {
				req.Body[i] = 'X'
			}
			late, _ := io.ReadAll(e.bodies[0])
			assert.NotContains(t, string(late), "X", "a copy, or nothing at all")
		})
	}
}

func TestLargeBodiesArriveOnEveryAttempt(t *testing.T) {
	r := receiver(t)
	r.Answers(delivertest.Code(503), delivertest.Code(200))
	req := request(r.URL)
	req.Body = bytes.Repeat([]byte("0123456789"), 200_000)
	_, err := sender(t).Deliver(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, r.Received(), 2)
	for _, x := range r.Received() {
		assert.True(t, bytes.Equal(req.Body, x.Body))
		assert.Equal(t, "2000000", x.Header.Get("Content-Length"))
	}
	req.Body = nil
	r.Answers()
	_, err = sender(t).Deliver(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "0", r.Received()[2].Header.Get("Content-Length"), "no body at all is fine")
}

func TestManyAtOnceShareConnections(t *testing.T) {
	r := receiver(t)
	h := sender(t)
	for range 5 {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := h.Deliver(t.Context(), request(r.URL))
				assert.NoError(t, err)
			})
		}
		wg.Wait()
	}
	assert.Len(t, r.Received(), 100)
	assert.LessOrEqual(t, r.Connections(), 25)
}
