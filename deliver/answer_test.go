package deliver_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

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

// refusing returns an address that refuses connections. Its port is that of a
// connection which stays open, so that no listener of another test gets it.
func refusing(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		l.Close()
	})
	return c.LocalAddr().String()
}

// answerWith reads a request and writes these bytes.
func answerWith(answer string) func(net.Conn) {
	return func(c net.Conn) {
		if readRequest(c) == nil {
			io.WriteString(c, answer)
		}
	}
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
			url := raw(t, answerWith(answer))
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
		address := refusing(t)
		e := deliver1("http://" + address + "/?key=secret")
		assert.Equal(t, deliver.CauseConnection, e.Cause)
		assert.Equal(t, "deliver: "+address+": attempts exhausted (connection): connection refused", e.Error())
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
