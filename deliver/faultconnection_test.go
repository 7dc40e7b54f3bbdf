package deliver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// What goes wrong before there is an answer.
func connecting() []fault {
	return []fault{
		{"a name that does not exist", lookup(3), deliver.CauseConnection, deliver.ErrExhausted, 2, "the host name does not exist"},
		{"a name server that fails", lookup(2), deliver.CauseConnection, deliver.ErrExhausted, 2, "could not be looked up"},
		{"a name server that is silent", lookup(silent), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"refused", func(s *scene) {
			s.req.Destination.URL = "http://" + refusing(s.T)
		}, deliver.CauseConnection, deliver.ErrExhausted, 2, "connection refused"},
		{"closed before the request", peer(func(*scene, net.Conn) {}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"reset before the request", peer(func(_ *scene, c net.Conn) { reset(c) }), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"reset during the request", largeTo(func(_ *scene, c net.Conn) {
			io.CopyN(io.Discard, c, 1<<20)
			reset(c)
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"closed during the request", largeTo(func(_ *scene, c net.Conn) { io.CopyN(io.Discard, c, 1<<20) }), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"reset after the request", peer(func(s *scene, c net.Conn) {
			s.request(c)
			reset(c)
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, "connection reset"},
		{"closed after the request", peer(func(s *scene, c net.Conn) { s.request(c) }), deliver.CauseConnection, deliver.ErrExhausted, 2, "before it answered"},
		{"reset during the answer", peer(func(s *scene, c net.Conn) {
			s.request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nsecret")
			reset(c)
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
		{"a request that nobody reads", largeTo(func(s *scene, _ net.Conn) { <-s.ctx.Done() }), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"no answer", peer(func(_ *scene, c net.Conn) { hold(c) }), deliver.CauseTimeout, deliver.ErrExhausted, 2, "no complete answer within"},
	}
}

// largeTo sends a peer more than it reads.
func largeTo(serve func(*scene, net.Conn)) func(*scene) {
	set := peer(serve)
	return func(s *scene) { s.large(); set(s) }
}

const silent = 255

// lookup asks a real name server, on loopback, which answers every question with
// a response code (RFC 1035 §4.1.1), or not at all.
func lookup(code byte) func(*scene) {
	return func(s *scene) {
		server, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(s, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			var b [1500]byte
			for {
				n, from, err := server.ReadFrom(b[:])
				if err != nil {
					return
				}
				if code != silent {
					b[2], b[3] = b[2]|0x80, 0x80|code
					server.WriteTo(b[:n], from)
				}
			}
		}()
		s.Cleanup(func() { server.Close(); <-done })
		// The resolver waits 5 s for an answer, whatever the context says, and its
		// goroutine ends then, or with its connection.
		life, end := context.WithCancel(context.Background())
		s.Cleanup(end)
		resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(life, "udp", server.LocalAddr().String())
			if err == nil {
				context.AfterFunc(life, func() { c.Close() })
			}
			return c, err
		}}
		s.http.Transport = &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext}
		s.req.Destination.URL = "http://leads.invalid/"
	}
}

func handshakes() []fault {
	return []fault{
		{"a good certificate", certified(authority(), unchanged), "", nil, 1, ""},
		{"an expired certificate", certified(authority(), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }),
			deliver.CauseTLS, deliver.ErrExhausted, 2, "the certificate has expired"},
		{"a certificate of tomorrow", certified(authority(), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }),
			deliver.CauseTLS, deliver.ErrExhausted, 2, "not valid yet"},
		{"a certificate for another host", certified(authority(), func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"secret.example"} }),
			deliver.CauseTLS, deliver.ErrExhausted, 2, "the certificate is for other host names"},
		{"a certificate of its own signature", certified(nil, unchanged), deliver.CauseTLS, deliver.ErrExhausted, 2, "unknown authority"},
		{"a certificate for clients", certified(authority(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			deliver.CauseTLS, deliver.ErrExhausted, 2, "not valid for this use"},
		{"TLS that is too old", secure(&tls.Config{Certificates: []tls.Certificate{authority().leaf(unchanged)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(*scene, net.Conn) {}), deliver.CauseTLS, deliver.ErrExhausted, 2, "handshake failed"},
		{"no TLS at all", overTLS(func(s *scene, c net.Conn) { io.WriteString(c, "HTTP/1.1 400 secret\r\n\r\n"); hold(c) }), deliver.CauseTLS, deliver.ErrExhausted, 2, "does not speak TLS"},
		{"a handshake without an answer", overTLS(func(s *scene, c net.Conn) { hold(c) }), deliver.CauseTimeout, deliver.ErrExhausted, 2, ""},
		{"a handshake that is cut", overTLS(func(s *scene, c net.Conn) {
			c.Read(make([]byte, 4<<10))
			io.WriteString(c, "\x16\x03\x03")
		}), deliver.CauseConnection, deliver.ErrExhausted, 2, ""},
	}
}

// overTLS serves by hand a client that comes for TLS.
func overTLS(serve func(*scene, net.Conn)) func(*scene) {
	set := peer(serve)
	return func(s *scene) {
		set(s)
		s.req.Destination.URL = "https" + s.req.Destination.URL[len("http"):]
	}
}

// An issuer signs certificates.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authority is trusted by who trusts its pool.
var authority = sync.OnceValue(func() *issuer {
	a := &issuer{key: newKey(), certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.certificate = a.sign(a.certificate, a.key)
	return a
})

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func (a *issuer) sign(template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// leaf is a certificate for 127.0.0.1, by the issuer, or by itself where there
// is none.
func (a *issuer) leaf(change func(*x509.Certificate)) tls.Certificate {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	if a == nil {
		a = &issuer{template, key}
	}
	return tls.Certificate{Certificate: [][]byte{a.sign(template, key).Raw}, PrivateKey: key}
}

func unchanged(*x509.Certificate) {}

// certified answers 200 over TLS. The sender trusts the authority().
func certified(by *issuer, change func(*x509.Certificate)) func(*scene) {
	return secure(&tls.Config{Certificates: []tls.Certificate{by.leaf(change)}}, func(s *scene, c net.Conn) {
		if s.request(c) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			hold(c)
		}
	})
}

// secure serves over TLS by hand. The sender trusts the authority().
func secure(config *tls.Config, serve func(*scene, net.Conn)) func(*scene) {
	set := overTLS(func(s *scene, c net.Conn) {
		server := tls.Server(c, config)
		if server.Handshake() != nil {
			hold(c) // to close at once would be a reset, which may overtake the alert
			return
		}
		serve(s, server)
	})
	return func(s *scene) {
		set(s)
		roots := x509.NewCertPool()
		roots.AddCert(authority().certificate)
		s.http.Own().TLSClientConfig.RootCAs = roots
	}
}
