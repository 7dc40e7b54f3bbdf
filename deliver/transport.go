package deliver

import (
	"bytes"
	"container/list"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Transport is the way to the network that HTTP has by itself: one pool of
// connections for all endpoints, each address checked as it is dialled, client
// certificates by destination, and bounded answers. The zero value is ready;
// copy none after first use. Its fields are not to be changed then.
//
// It is an http.RoundTripper, so that one that counts or traces can stand
// around it.
type Transport struct {
	// AllowPrivate lets it dial loopback and private addresses, for development
	// and tests. Cloud metadata stays blocked.
	AllowPrivate bool
	// RootCAs are the authorities whose certificates endpoints may have. nil: the
	// system's.
	RootCAs *x509.CertPool
	// Proxy is where all requests go through, http, https or socks5, its user
	// name and password included. nil: none; the environment's is not looked at.
	//
	// A proxy hides the address that a host name leads to, so the proxy has to
	// refuse what is not public. Here only host names are checked: addresses by
	// CheckAddress's rule, and what a proxy could take for an address or for
	// itself is refused. The proxy's own address may be private.
	Proxy *url.URL

	once  sync.Once
	plain *http.Transport

	mu    sync.Mutex
	pools map[[sha256.Size]byte]*list.Element // of mutual TLS, by certificate
	used  list.List                           // of *pool, the latest first
}

// A pool is the connections that one client certificate opened. Nobody else may
// use them: their other end knows them by it.
type pool struct {
	certificate [sha256.Size]byte
	transport   *http.Transport
}

// maxPools bounds the certificates whose connections are kept.
const maxPools = 256

var (
	_ http.RoundTripper = (*Transport)(nil)

	errNoCertificate = errors.New("the client certificate is empty, or its key cannot sign")
)

// RoundTrip sends r, whose Destination's certificate HTTP put into its context.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	certificate, _ := r.Context().Value(certificateKey{}).(*tls.Certificate)
	transport, err := t.of(certificate)
	if err == nil && t.Proxy != nil {
		err = checkName(r.URL.Hostname(), t.AllowPrivate)
	}
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return transport.RoundTrip(r)
}

// checkName is the guard where a proxy looks host names up.
func checkName(name string, allowPrivate bool) error {
	if a, err := netip.ParseAddr(name); err == nil {
		return checkAddress(a, allowPrivate)
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || strings.Contains("."+name+".", ".."):
		// Others net/http maps to ASCII, and ideographic digits and dots to addresses.
		return &nameError{"with a proxy, write it in ASCII (xn--…), without empty parts"}
	case last != "" && strings.Trim(last, "0123456789") == "", strings.HasPrefix(last, "0x"):
		// inet_aton takes 127.1, 0x7f000001 and 2130706433.
		return &nameError{"it could be taken for an address; write that as a.b.c.d"}
	case slices.Contains(cloudNames, name):
		return &nameError{"it is a cloud platform's own"}
	case slices.Contains(privateNames, last) && !allowPrivate:
		return &nameError{"it is not public"}
	}
	return nil
}

// Names that no public system has (RFC 6761, RFC 6762, ICANN's .internal, and
// what hosts files have for loopback), and those of metadata.
var (
	privateNames = []string{"localhost", "localdomain", "local", "internal", "localhost6", "ip6-localhost", "ip6-loopback", "home", "lan"}
	cloudNames   = []string{"metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)

// certificateKey is that of the client certificate in a request's context.
type certificateKey struct{}

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() {
	t.once.Do(t.open)
	t.plain.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.used.Front(); e != nil; e = e.Next() {
		e.Value.(*pool).transport.CloseIdleConnections()
	}
}

// Format writes nothing of the proxy's password, whatever the verb.
func (t *Transport) Format(s fmt.State, _ rune) {
	proxy := "none"
	if t.Proxy != nil {
		proxy = t.Proxy.Scheme + "://" + t.Proxy.Host
	}
	fmt.Fprintf(s, "transport (private addresses allowed: %t, own authorities: %t, proxy: %s)", t.AllowPrivate, t.RootCAs != nil, proxy)
}

func (t *Transport) open() { t.plain = t.newTransport() }

// of returns the connections that a certificate may use.
func (t *Transport) of(certificate *tls.Certificate) (*http.Transport, error) {
	t.once.Do(t.open)
	if certificate == nil {
		return t.plain, nil
	}
	if len(certificate.Certificate) == 0 {
		return nil, errNoCertificate
	}
	// By the whole chain, and by the key too: who has a certificate only must not
	// come by the connections of who has its key.
	signer, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errNoCertificate
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, errNoCertificate
	}
	key := sha256.Sum256(append(bytes.Join(certificate.Certificate, nil), public...)) // DER says where each ends
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.pools[key]; ok {
		t.used.MoveToFront(e)
		return e.Value.(*pool).transport, nil
	}
	p := &pool{key, t.newTransport()}
	p.transport.TLSClientConfig.Certificates = []tls.Certificate{*certificate}
	if t.pools == nil {
		t.pools = make(map[[sha256.Size]byte]*list.Element)
	}
	t.pools[key] = t.used.PushFront(p)
	if t.used.Len() > maxPools {
		oldest := t.used.Remove(t.used.Back()).(*pool)
		delete(t.pools, oldest.certificate)
		// What is under way goes on, and its connection is closed then.
		oldest.transport.CloseIdleConnections()
	}
	return p.transport, nil
}

func (t *Transport) newTransport() *http.Transport {
	guarded := &net.Dialer{
		Timeout:        10 * time.Second,
		KeepAlive:      30 * time.Second,
		ControlContext: control(t.AllowPrivate),
	}
	transport := &http.Transport{
		DialContext:       guarded.DialContext,
		ForceAttemptHTTP2: true,
		// Streams share a connection, which no stream's end closes: one that has
		// gone silent, or takes no bytes, must be found out for all attempts.
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  5 * time.Second,
			PingTimeout:      5 * time.Second,
			WriteByteTimeout: 10 * time.Second,
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.RootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           2048,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
	}
	if t.Proxy != nil {
		// Everything goes through it, so that nothing else is dialled.
		transport.Proxy = http.ProxyURL(t.Proxy)
		d := &net.Dialer{Timeout: guarded.Timeout, KeepAlive: guarded.KeepAlive}
		transport.DialContext = d.DialContext
		// For an https proxy only. It is not who a client certificate is for.
		toProxy := &tls.Dialer{NetDialer: d, Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.RootCAs}}
		transport.DialTLSContext = toProxy.DialContext
	}
	return transport
}
