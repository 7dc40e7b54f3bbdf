package deliver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

func TestWaitsAreCappedAtMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{503}}
		h := &deliver.HTTP{Transport: a, MaxWait: 3 * time.Second, Backoff: func(attempt int) time.Duration { return time.Duration(attempt-1) * 2 * time.Second }}
		req := request("https://example.com")
		req.Destination.MaxAttempts = 5
		_, err := h.Deliver(t.Context(), req)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, []time.Duration{2 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second}, a.waits())
	})
}

func TestDefaultWaitsAndAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{500}}
		_, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
		e := failure(t, err)
		assert.Len(t, e.Attempts, 4)
		for i, wait := range a.waits() {
			base := 500 * time.Millisecond << i
			assert.GreaterOrEqual(t, wait, base/2)
			assert.LessOrEqual(t, wait, base*3/2)
		}
		assert.Equal(t, "deliver: example.com: attempts exhausted after 4 attempts (http_status): status 500", err.Error())
	})
}

func TestANegativeBackoffIsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{500}}
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return -time.Hour }}
		_, err := h.Deliver(t.Context(), request("https://example.com"))
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, []time.Duration{0, 0, 0}, a.waits())
	})
}

func TestRetryAfterIsHonouredUpToMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{429, 200}, header: http.Header{"Retry-After": {"30"}}}
		receipt, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{30 * time.Second}, a.waits())
		assert.Equal(t, 30*time.Second, receipt.Attempts[0].RetryAfter)
	})
	for _, value := range []string{"31", "484289h", "1743442000", "99999999999999999999"} {
		synctest.Test(t, func(t *testing.T) {
			a := &answers{codes: []int{503}, header: http.Header{"Retry-After": {value}}}
			_, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrExhausted)
			if value == "484289h" { // no Retry-After at all
				assert.Len(t, e.Attempts, 4)
				assert.Zero(t, e.RetryAfter)
				return
			}
			assert.Len(t, e.Attempts, 1, "it comes back at once")
			assert.Greater(t, e.RetryAfter, 30*time.Second)
		})
	}
}

func TestTheContextMayEndDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{503}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return 20 * time.Second }}
		_, err := h.Deliver(ctx, request("https://example.com"))
		e := failure(t, err)
		assert.Equal(t, 10*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, deliver.CauseCanceled, e.Cause)
		assert.Len(t, e.Attempts, 1, "what was tried is not forgotten")
	})
}

func TestEachAttemptHasItsOwnTimeAndTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{err: errors.New("broken"), took: 20 * time.Second}
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return 5 * time.Second }}
		began := time.Now()
		req := request("https://example.com")
		req.Destination.Secrets = []string{secret}
		_, err := h.Deliver(t.Context(), req)
		e := failure(t, err)
		assert.Equal(t, 4*15*time.Second+3*5*time.Second, time.Since(began), "15 s an attempt by default")
		signatures := map[string]bool{}
		for i, h := range a.headers {
			assert.Equal(t, "msg_1", h.Get("Webhook-Id"), "the same on all")
			assert.Equal(t, fmt.Sprint(began.Unix()+int64(i)*20), h.Get("Webhook-Timestamp"))
			signatures[h.Get("Webhook-Signature")] = true
			assert.Equal(t, deliver.CauseTimeout, e.Attempts[i].Cause)
			assert.Equal(t, 15*time.Second, e.Attempts[i].Duration)
			assert.Equal(t, began.Add(time.Duration(i)*20*time.Second), e.Attempts[i].At)
		}
		assert.Len(t, signatures, 4)
	})
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

func TestAnswersAreBoundedWhileReading(t *testing.T) {
	r := receiver(t)
	h := sender(t)
	t.Run("a gzip bomb", func(t *testing.T) {
		r.Answers(delivertest.Answer{Body: "boom", Bomb: 1 << 30})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		receipt, err := h.Deliver(t.Context(), request(r.URL))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		assert.Len(t, receipt.Attempts[0].Body, 4<<10)
		assert.True(t, strings.HasPrefix(string(receipt.Attempts[0].Body), "boom\x00"), "it was inflated")
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	})
	t.Run("a long body", func(t *testing.T) {
		r.Answers(delivertest.Answer{Code: 400, Body: strings.Repeat("x", 1<<20)})
		_, err := h.Deliver(t.Context(), request(r.URL))
		assert.Len(t, failure(t, err).Attempts[0].Body, 4<<10)
	})
	t.Run("a dripping body is a timeout", func(t *testing.T) {
		r.Answers(delivertest.Answer{Body: "drip drip drip drip", Drip: 20 * time.Millisecond})
		req := request(r.URL)
		req.Destination.Timeout, req.Destination.MaxAttempts = 100*time.Millisecond, 2
		_, err := h.Deliver(t.Context(), req)
		e := failure(t, err)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, deliver.CauseTimeout, e.Cause)
		assert.Len(t, e.Attempts, 2)
		assert.NotEmpty(t, e.Attempts[0].Body, "what came is kept")
	})
	t.Run("a refusal stands, however its body ends", func(t *testing.T) {
		r.Answers(delivertest.Answer{Code: 422, Body: "drip drip drip drip", Drip: 20 * time.Millisecond})
		req := request(r.URL)
		req.Destination.Timeout = 100 * time.Millisecond
		_, err := h.Deliver(t.Context(), req)
		e := failure(t, err)
		require.ErrorIs(t, err, deliver.ErrRejected)
		assert.Equal(t, deliver.CauseFieldMapping, e.Cause)
		assert.Len(t, e.Attempts, 1)
	})
}

// raw serves connections by hand. It answers what a server library would not.
func raw(t *testing.T, serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		conns.Wait()
	})
	return "http://" + l.Addr().String()
}

func readRequest(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

func TestBrokenAnswersAreConnectionFaultsAndQuoteNothing(t *testing.T) {
	for proves, answer := range map[string]string{
		"no HTTP at all":      "secret-garbage\r\n\r\n",
		"a broken status":     "HTTP/1.1 secret\r\n\r\n",
		"a broken header":     "HTTP/1.1 200 OK\r\nsecret\r\n\r\n",
		"a broken length":     "HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nsecret",
		"a truncated body":    "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nsecret",
		"a truncated chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nsecret",
		"a broken chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
		"an odd encoding":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: secret\r\n\r\n",
		"broken gzip":         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nsecret",
		"nothing":             "",
		"headers without end": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: secret\r\n", 10_000),
		"a flood of 1xx":      strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <secret>\r\n\r\n", 5000),
	} {
		t.Run(proves, func(t *testing.T) {
			url := raw(t, func(c net.Conn) {
				if readRequest(c) == nil {
					io.WriteString(c, answer)
				}
			})
			req := request(url)
			req.Destination.MaxAttempts = 2
			_, err := sender(t).Deliver(t.Context(), req)
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrExhausted)
			assert.Equal(t, deliver.CauseConnection, e.Cause)
			assert.NotEmpty(t, e.Attempts[1].Err)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, e.Attempts[0].Err, "secret")
		})
	}
}

// After a 101 net/http hands the bare connection over, and no context ends it.
func TestSwitchingProtocolsIsRefusedInTime(t *testing.T) {
	hold := make(chan struct{})
	url := raw(t, func(c net.Conn) {
		if readRequest(c) == nil {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			<-hold
		}
	})
	defer close(hold)
	began := time.Now()
	_, err := sender(t).Deliver(t.Context(), request(url))
	e := failure(t, err)
	assert.Less(t, time.Since(began), 10*time.Second)
	require.ErrorIs(t, err, deliver.ErrRejected)
	assert.Equal(t, 101, e.StatusCode)
}

// A certificate is the receiver's to write, and so is nothing of an error.
func TestCertificatesAreNotQuoted(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"secret\n" + strings.Repeat("secret", 1000)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	r := httptest.NewUnstartedServer(http.NotFoundHandler())
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	r.StartTLS()
	defer r.Close()
	req := request(strings.Replace(r.URL, "127.0.0.1", "localhost", 1))
	req.Destination.MaxAttempts = 1
	_, err = sender(t).Deliver(t.Context(), req)
	e := failure(t, err)
	assert.Equal(t, deliver.CauseTLS, e.Cause)
	assert.Contains(t, err.Error(), "the certificate is for other host names")
	assert.NotContains(t, err.Error()+e.Attempts[0].Err, "secret")
	_, ok := errors.AsType[x509.HostnameError](err)
	assert.True(t, ok, "who wants it can find it")
}

// An HTTP/2 client may repeat a refused stream by itself; no attempt may go
// unseen. The server speaks just enough HTTP/2 (RFC 9113 §4.1) to refuse.
func TestRefusedStreamsAreNotRepeatedUnseen(t *testing.T) {
	r := httptest.NewUnstartedServer(nil)
	r.EnableHTTP2 = true // for its certificate
	r.StartTLS()
	certificate := r.TLS.Certificates
	r.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificate, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	var requests atomic.Int32
	var conns sync.WaitGroup
	defer conns.Wait()
	defer l.Close()
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				refuseStreams(c, &requests)
			})
		}
	})
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	h := &deliver.HTTP{Transport: transport, Backoff: shortBackoff}
	_, err = h.Deliver(t.Context(), request("https://"+l.Addr().String()))
	e := failure(t, err)
	require.ErrorIs(t, err, deliver.ErrExhausted)
	assert.Equal(t, deliver.CauseConnection, e.Cause)
	assert.Len(t, e.Attempts, 4)
	assert.EqualValues(t, 4, requests.Load())
}

func refuseStreams(c net.Conn, requests *atomic.Int32) {
	const data, headers, rst, settings, endStream, ack = 0, 1, 3, 4, 1, 1
	frame := func(kind, flags byte, stream, payload []byte) {
		c.Write(slices.Concat([]byte{0, 0, byte(len(payload)), kind, flags}, stream, payload))
	}
	if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	frame(settings, 0, make([]byte, 4), nil)
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, c, size); err != nil {
			return
		}
		switch kind, flags := head[3], head[4]; {
		case kind == settings && flags&ack == 0:
			frame(settings, ack, make([]byte, 4), nil)
		case (kind == data || kind == headers) && flags&endStream != 0:
			requests.Add(1)
			frame(rst, 0, head[5:9], []byte{0, 0, 0, 7}) // REFUSED_STREAM
		}
	}
}

func TestNoAnswerAtAll(t *testing.T) {
	h := sender(t)
	deliver1 := func(url string) *deliver.Error {
		req := request(url)
		req.Destination.MaxAttempts = 1
		_, err := h.Deliver(t.Context(), req)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		return failure(t, err)
	}
	t.Run("refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		l.Close()
		e := deliver1("http://" + l.Addr().String() + "/?key=secret")
		assert.Equal(t, deliver.CauseConnection, e.Cause)
		assert.Equal(t, "deliver: "+l.Addr().String()+": attempts exhausted (connection): connection refused", e.Error())
	})
	t.Run("reset", func(t *testing.T) {
		r := receiver(t)
		r.Answers(delivertest.Answer{Reset: true})
		assert.Equal(t, deliver.CauseConnection, deliver1(r.URL).Cause)
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		r := delivertest.NewTLSReceiver()
		defer r.Close()
		e := deliver1(r.URL)
		assert.Equal(t, deliver.CauseTLS, e.Cause)
		assert.Contains(t, e.Error(), "certificate")
	})
	t.Run("TLS asked of a plain server", func(t *testing.T) {
		r := receiver(t)
		assert.Equal(t, deliver.CauseTLS, deliver1(strings.Replace(r.URL, "http:", "https:", 1)).Cause)
	})
	t.Run("a name that does not exist", func(t *testing.T) {
		h = &deliver.HTTP{Transport: &answers{err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}}}}
		e := deliver1("https://x.invalid")
		assert.Equal(t, deliver.CauseConnection, e.Cause)
		assert.Contains(t, e.Error(), "the host name does not exist")
	})
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

// A server may answer before it has read the request; net/http is still sending
// then. The race detector sees whether anything reads the caller's bytes.
func TestTheBodyIsTheCallersAgainAfterDeliver(t *testing.T) {
	for _, size := range []int{100, 16 << 10, 16<<10 + 1, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			url := raw(t, func(c net.Conn) {
				bufio.NewReaderSize(c, 16).Peek(1)
				io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
				time.Sleep(20 * time.Millisecond)
				io.CopyN(io.Discard, c, 1<<20)
			})
			h := sender(t)
			req := request(url)
			req.Body = bytes.Repeat([]byte{'a'}, size)
			h.Deliver(t.Context(), req)
			for i := range req.Body {
				req.Body[i] = 'X'
			}
			time.Sleep(30 * time.Millisecond)
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

func TestUnusableRequestsAreRejectedUnsent(t *testing.T) {
	r := receiver(t)
	for proves, change := range map[string]func(*deliver.Request){
		"no URL":                 func(req *deliver.Request) { req.Destination.URL = "" },
		"a relative URL":         func(req *deliver.Request) { req.Destination.URL = "/leads?key=hidden" },
		"another scheme":         func(req *deliver.Request) { req.Destination.URL = "ftp://example.com/hidden" },
		"no host":                func(req *deliver.Request) { req.Destination.URL = "http:///hidden" },
		"a user in the URL":      func(req *deliver.Request) { req.Destination.URL = "http://user:hidden@example.com" },
		"a port that is none":    func(req *deliver.Request) { req.Destination.URL = "http://example.com:99999" },
		"a control character":    func(req *deliver.Request) { req.Destination.URL = r.URL + "/\x01hidden" },
		"a reserved header":      func(req *deliver.Request) { req.Destination.Header = http.Header{"content-length": {"hidden"}} },
		"a webhook header":       func(req *deliver.Request) { req.Destination.Header = http.Header{"Webhook-Id": {"hidden"}} },
		"a line break in a name": func(req *deliver.Request) { req.Destination.Header = http.Header{"X\r\nY": {"1"}} },
		"a line break":           func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\r\nHost: evil"}} },
		"a NUL":                  func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\x00"}} },
		"a header twice":         func(req *deliver.Request) { req.Destination.Header = http.Header{"X-A": {"1"}, "x-a": {"2"}} },
		"a header in Latin-1":    func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\xe9"}} },
		"a space in the query":   func(req *deliver.Request) { req.Destination.URL = r.URL + "/?a=hidden HTTP/1.0" },
		"a URL in Latin-1":       func(req *deliver.Request) { req.Destination.URL = r.URL + "/hidden\xe9" },
		"a redirect as success":  func(req *deliver.Request) { req.Destination.Accept = []int{302} },
		"a timeout for ever":     func(req *deliver.Request) { req.Destination.Timeout = 1<<63 - 1 },
		"attempts for ever":      func(req *deliver.Request) { req.Destination.MaxAttempts = 1 << 40 },
		"no secret":              func(req *deliver.Request) { req.Destination.Secrets = []string{"hidden"} },
		"a dot in the ID":        func(req *deliver.Request) { req.ID = "a.b" },
		"a line break in the ID": func(req *deliver.Request) { req.ID = "a\r\nb" },
		"no ID to sign":          func(req *deliver.Request) { req.ID, req.Destination.Secrets = "", []string{secret} },
		"a negative timeout":     func(req *deliver.Request) { req.Destination.Timeout = -1 },
		"negative attempts":      func(req *deliver.Request) { req.Destination.MaxAttempts = -1 },
		"a code that is none":    func(req *deliver.Request) { req.Destination.Accept = []int{99} },
	} {
		t.Run(proves, func(t *testing.T) {
			req := request(r.URL)
			change(req)
			_, err := sender(t).Deliver(t.Context(), req)
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrRejected)
			assert.Equal(t, deliver.CauseConfiguration, e.Cause)
			assert.Empty(t, e.Attempts)
			assert.NotContains(t, err.Error(), "hidden")
		})
	}
	assert.Empty(t, r.Received())
}

func TestNothingShowsSecrets(t *testing.T) {
	req := request("https://user.example.com/path-hidden?key=hidden")
	req.Body = []byte("body-hidden")
	req.Destination.Header = http.Header{"Authorization": {"hidden"}}
	req.Destination.Secrets = []string{"whsec_hidden"}
	attempt := deliver.Attempt{Number: 1, StatusCode: 422, Cause: deliver.CauseFieldMapping, Body: []byte("hidden")}
	failed := &deliver.Error{Kind: deliver.ErrRejected, Attempts: []deliver.Attempt{attempt}}
	receipt := &deliver.Receipt{Status: deliver.Delivered, Attempts: failed.Attempts}
	for _, v := range []any{attempt, []deliver.Attempt{attempt}, failed, receipt, *receipt, req, *req, req.Destination, &req.Destination, []deliver.Request{*req}, struct{ R *deliver.Request }{req}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, "hidden", verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", "hidden"), verb)
		}
	}
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

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: ://\r\n\r\n", "HTTP/1.1 429 X\r\nRetry-After: 99999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b", "HTTP/1.0 999 ?\r\n\r\nbody", "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			if readRequest(server) == nil {
				server.Write(answer)
			}
		}()
		transport := &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return client, nil },
			DisableKeepAlives: true,
		}
		h := &deliver.HTTP{Transport: transport, Backoff: shortBackoff}
		req := request("http://example.com/")
		req.Destination.Timeout, req.Destination.MaxAttempts = 2*time.Second, 1
		receipt, err := h.Deliver(t.Context(), req)
		client.Close()
		<-done
		if (receipt == nil) == (err == nil) {
			t.Fatal("a receipt or an error, never both or none")
		}
		if err != nil {
			e := failure(t, err)
			require.True(t, errors.Is(err, deliver.ErrRejected) || errors.Is(err, deliver.ErrExhausted))
			require.NotEmpty(t, e.Cause.Remedy())
			require.Less(t, len(err.Error()), 1000)
		}
	})
}
