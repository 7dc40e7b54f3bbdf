package deliver_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// clientCertificate makes one that signs itself.
func clientCertificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A mutual is an endpoint that asks for a client certificate, and knows who came
// by which connection.
type mutual struct {
	*httptest.Server
	mu          sync.Mutex
	connections map[string]string // remote address → the certificate's name
	mixed       bool              // a connection was used with two of them
	open        atomic.Int32
}

func newMutual(t *testing.T, http2 bool) *mutual {
	m := &mutual{connections: map[string]string{}}
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		name, who := r.TLS.PeerCertificates[0].Subject.CommonName, r.Header.Get("X-Who")
		m.connections[r.RemoteAddr] = name
		m.mixed = m.mixed || name != who
	}))
	m.Config.ErrorLog = log.New(io.Discard, "", 0)
	m.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			m.open.Add(1)
		case http.StateClosed:
			m.open.Add(-1)
		}
	}
	m.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	m.EnableHTTP2 = http2
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func TestClientCertificatesByDestination(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %t", http2), func(t *testing.T) {
			m := newMutual(t, http2)
			h := &deliver.HTTP{Transport: &deliver.Transport{AllowPrivate: true, RootCAs: roots(m.Server)}}
			defer h.CloseIdleConnections()
			send := func(who string, c *tls.Certificate) error {
				req := request(m.URL)
				req.Destination.MaxAttempts, req.Destination.Certificate = 1, c
				req.Destination.Header = http.Header{"X-Who": {who}}
				_, err := h.Deliver(t.Context(), req)
				return err
			}
			jane, john := clientCertificate(t, "jane"), clientCertificate(t, "john")
			for range 5 {
				require.NoError(t, send("jane", jane))
				require.NoError(t, send("john", john))
			}
			assert.False(t, m.mixed, "nobody comes by another's connection")
			assert.Len(t, m.connections, 2, "and one serves many requests")
			err := send("nobody", nil)
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrExhausted)
			assert.Contains(t, []deliver.Cause{deliver.CauseTLS, deliver.CauseConnection}, e.Cause)
			if e.Cause == deliver.CauseTLS {
				assert.Contains(t, e.Error(), "certificate required")
				assert.Contains(t, e.Remedy(), "client certificate")
			}
			assert.ErrorContains(t, send("empty", &tls.Certificate{}), "certificate: it has no certificate")
		})
	}
}

func TestPoolsOfCertificatesAreBounded(t *testing.T) {
	m := newMutual(t, false)
	h := &deliver.HTTP{Transport: &deliver.Transport{AllowPrivate: true, RootCAs: roots(m.Server)}}
	defer h.CloseIdleConnections()
	const many = 300
	for i := range many {
		req := request(m.URL)
		who := fmt.Sprint(i)
		req.Destination.Certificate = clientCertificate(t, who)
		req.Destination.Header = http.Header{"X-Who": {who}}
		_, err := h.Deliver(t.Context(), req)
		require.NoError(t, err)
	}
	assert.Len(t, m.connections, many)
	assert.Eventually(t, func() bool { return m.open.Load() <= 256 }, 10*time.Second, time.Millisecond)
	h.CloseIdleConnections()
	assert.Eventually(t, func() bool { return m.open.Load() == 0 }, 10*time.Second, time.Millisecond)
}

func TestAnAuthorityOfTheHostsOwn(t *testing.T) {
	r := delivertest.NewTLSReceiver()
	defer r.Close()
	for trusted, want := range map[bool]error{true: nil, false: deliver.ErrExhausted} {
		transport := &deliver.Transport{AllowPrivate: true, RootCAs: x509.NewCertPool()}
		if trusted {
			transport.RootCAs = roots(r.Server)
		}
		h := &deliver.HTTP{Transport: transport, Backoff: shortBackoff}
		_, err := h.Deliver(t.Context(), request(r.URL))
		assert.ErrorIs(t, err, want)
		h.CloseIdleConnections()
	}
}

func TestATransportAloneIsGuarded(t *testing.T) {
	r := receiver(t)
	h := &deliver.HTTP{Transport: &deliver.Transport{}}
	_, err := h.Deliver(t.Context(), request(r.URL))
	assert.Equal(t, deliver.CauseBlockedAddress, failure(t, err).Cause)
	assert.Zero(t, r.Connections())
}

// proxy stands in for every host: it never dials, and answers by itself.
func proxy(t *testing.T) (u *url.URL, asked func() []string) {
	var mu sync.Mutex
	var lines []string
	s := raw(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			mu.Lock()
			lines = append(lines, req.Method+" "+req.RequestURI+" "+req.Header.Get("Proxy-Authorization"))
			mu.Unlock()
			if req.Method == http.MethodConnect {
				io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	u, err := url.Parse(s)
	require.NoError(t, err)
	u.User = url.UserPassword("jane", "proxy-secret")
	return u, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), lines...)
	}
}

func TestAProxy(t *testing.T) {
	u, asked := proxy(t)
	h := &deliver.HTTP{Transport: &deliver.Transport{Proxy: u}} // whose own address is private
	defer h.CloseIdleConnections()
	send := func(to string) error {
		req := request(to)
		req.Destination.MaxAttempts = 1
		_, err := h.Deliver(t.Context(), req)
		return err
	}
	credentials := " Basic " + base64.StdEncoding.EncodeToString([]byte("jane:proxy-secret"))
	require.NoError(t, send("http://crm.example.com/leads?key=1"))
	err := send("https://crm.example.com/leads")
	require.ErrorIs(t, err, deliver.ErrExhausted)
	assert.NotContains(t, err.Error(), "proxy-secret")
	assert.Equal(t, []string{"POST http://crm.example.com/leads?key=1" + credentials, "CONNECT crm.example.com:443" + credentials}, asked())

	for _, name := range []string{
		"127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "localhost", "a.localhost.", "LOCALHOST",
		"169。254。169。254", "１２７.0.0.1", "0x7f.1", "127.0.0.1..", "localhost..", ".", "..", "a..b", "ip6-localhost", "localhost.localdomain", "metadata.google.internal", "db.internal", "müller.example",
	} {
		for _, scheme := range []string{"http://", "https://"} {
			err := send(scheme + name + "/x")
			require.ErrorIs(t, err, deliver.ErrRejected, name)
			assert.Equal(t, deliver.CauseBlockedAddress, failure(t, err).Cause, name)
		}
	}
	assert.Len(t, asked(), 2, "the proxy is not asked")
	assert.NoError(t, send("http://8.8.8.8/"), "a public address")
	assert.NoError(t, send("http://xn--mller-kva.example/"))
	assert.NoError(t, send("http://"+strings.Repeat("a", 60)+".example/"))
}

// A client certificate is for the endpoint. An https proxy has its own connection.
func TestAProxyIsShownNoClientCertificate(t *testing.T) {
	asked := make(chan int, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- len(r.TLS.PeerCertificates)
		w.WriteHeader(http.StatusBadGateway)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	defer s.Close()
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("jane", "proxy-secret")
	transport := &deliver.Transport{Proxy: u, RootCAs: roots(s)}
	h := &deliver.HTTP{Transport: transport}
	defer h.CloseIdleConnections()
	req := request("https://crm.example.com/")
	req.Destination.MaxAttempts, req.Destination.Certificate = 1, clientCertificate(t, "jane")
	_, err = h.Deliver(t.Context(), req)
	require.Error(t, err)
	assert.Zero(t, <-asked)
	req.Destination.URL = "http://crm.example.com/"
	assert.ErrorContains(t, req.Destination.Validate(), "over https only")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", transport, transport, transport), "proxy-secret")
	assert.Contains(t, fmt.Sprint(transport), u.Host)
}

// An owner who adds a missing intermediate, or another key, gets connections of
// its own.
func TestConnectionsGoByTheWholeChainAndItsKey(t *testing.T) {
	presented := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { presented = len(r.TLS.PeerCertificates) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	h := &deliver.HTTP{Transport: &deliver.Transport{AllowPrivate: true, RootCAs: roots(s)}}
	defer h.CloseIdleConnections()
	send := func(c *tls.Certificate) error {
		req := request(s.URL)
		req.Destination.MaxAttempts, req.Destination.Certificate = 1, c
		_, err := h.Deliver(t.Context(), req)
		return err
	}
	leaf, other := clientCertificate(t, "leaf"), clientCertificate(t, "other")
	require.NoError(t, send(leaf))
	require.NoError(t, send(&tls.Certificate{Certificate: [][]byte{leaf.Certificate[0], other.Certificate[0]}, PrivateKey: leaf.PrivateKey}))
	assert.Equal(t, 2, presented)
	require.Error(t, send(&tls.Certificate{Certificate: leaf.Certificate, PrivateKey: other.PrivateKey}), "who has no key has no connection")
	require.NoError(t, send(leaf))
}

// A host's own http.RoundTripper around a Transport hands everything through.
func TestATransportWithinAnother(t *testing.T) {
	m := newMutual(t, false)
	inner := &deliver.Transport{AllowPrivate: true, RootCAs: roots(m.Server)}
	defer inner.CloseIdleConnections()
	calls := 0
	h := &deliver.HTTP{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		calls++
		return inner.RoundTrip(r)
	})}
	req := request(m.URL)
	req.Destination.Certificate = clientCertificate(t, "jane")
	req.Destination.Header = http.Header{"X-Who": {"jane"}}
	_, err := h.Deliver(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
	assert.False(t, m.mixed)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func ExampleTransport() {
	authority := x509.NewCertPool() // of a customer whose systems have a CA of their own
	h := &deliver.HTTP{Transport: &deliver.Transport{
		RootCAs: authority,
		Proxy:   &url.URL{Scheme: "http", Host: "egress.internal:3128"},
	}}
	defer h.CloseIdleConnections()
	d := deliver.Destination{URL: "https://crm.example.com/leads", Certificate: &tls.Certificate{}}
	fmt.Println(d.Validate())
	// Output: certificate: it has no certificate or no key; tls.X509KeyPair makes one of both
}
