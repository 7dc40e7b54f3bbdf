package delivertest

import (
	"compress/gzip"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Receiver is an HTTP endpoint on loopback that keeps what it gets and
// misbehaves on request. It is safe for concurrent use. As an http.Handler its
// zero value serves under a server of your own, such as one of httptest's with a
// tls.Config that asks for client certificates.
type Receiver struct {
	// URL is where it listens, without a slash at its end. Any path below it
	// serves.
	URL string
	// Server is what serves, for its certificate and its client.
	Server *httptest.Server

	mu          sync.Mutex
	received    []Received
	script      script
	given       int
	connections int
	closed      chan struct{}
}

// Received is one exchange as the receiver saw it.
type Received struct {
	At     time.Time
	Method string
	Path   string
	Query  string
	Header http.Header
	Body   []byte
}

// NewReceiver starts a receiver that answers 200. Close ends it.
func NewReceiver() *Receiver { return newReceiver((*httptest.Server).Start) }

// NewTLSReceiver starts one over TLS and HTTP/2, with a certificate that only
// Server.Client trusts.
func NewTLSReceiver() *Receiver {
	return newReceiver(func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
}

func newReceiver(start func(*httptest.Server)) *Receiver {
	r := &Receiver{closed: make(chan struct{})}
	r.Server = httptest.NewUnstartedServer(r)
	r.Server.Config.ErrorLog = log.New(io.Discard, "", 0) // misbehaving is what it is for
	r.Server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.mu.Lock()
			r.connections++
			r.mu.Unlock()
		}
	}
	start(r.Server)
	r.URL = r.Server.URL
	return r
}

// Close ends the receiver and every answer that is still under way.
func (r *Receiver) Close() {
	close(r.closed)
	r.Server.CloseClientConnections()
	r.Server.Close()
}

// Answers says how the receiver answers from now on, one exchange after the
// other, whatever the path; the last answer repeats.
func (r *Receiver) Answers(answers ...Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script, r.given = slices.Clone(answers), 0
}

// Received returns the exchanges so far, in the order in which their bodies
// were complete.
func (r *Receiver) Received() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.received)
}

// Exchanges returns the same as requests, for a Rig.
func (r *Receiver) Exchanges() []deliver.Request {
	var requests []deliver.Request
	for _, x := range r.Received() {
		requests = append(requests, deliver.Request{
			ID: x.Header.Get("Webhook-Id"), ContentType: x.Header.Get("Content-Type"), Body: x.Body,
			Destination: deliver.Destination{Header: x.Header},
		})
	}
	return requests
}

// Connections counts the connections that were opened so far.
func (r *Receiver) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connections
}

// ServeHTTP answers as told.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.received = append(r.received, Received{
		At: at, Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, Header: req.Header.Clone(), Body: body,
	})
	answer := r.script.answer(r.given)
	r.given++
	r.mu.Unlock()

	if !r.wait(req, answer.Delay) {
		return
	}
	if answer.Reset {
		reset(w)
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if answer.Bomb > 0 {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(answer.code())
	switch {
	case answer.Bomb > 0:
		bomb(w, answer.Body, answer.Bomb)
	case answer.Drip > 0:
		for i := range len(answer.Body) {
			if !r.wait(req, answer.Drip) {
				return
			}
			io.WriteString(w, answer.Body[i:i+1])
			http.NewResponseController(w).Flush()
		}
	default:
		io.WriteString(w, answer.Body)
	}
}

// wait reports whether there is still somebody to answer.
func (r *Receiver) wait(req *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
	case <-r.closed:
	}
	return false
}

// reset ends a connection with RST, or an HTTP/2 stream.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// bomb sends gzip that inflates to body and n zero bytes, until the other side
// has had enough.
func bomb(w io.Writer, body string, n int64) {
	z := gzip.NewWriter(w)
	io.WriteString(z, body)
	zeros := make([]byte, 64<<10)
	for n > 0 {
		m, err := z.Write(zeros[:min(n, int64(len(zeros)))])
		if err != nil {
			return
		}
		n -= int64(m)
	}
	z.Close()
}
