package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How much of an answer is kept, and how much is read so that the connection
// can be used again. Reading stops there, compressed or not.
const (
	keptBody = 4 << 10
	readBody = 32 << 10
)

// An exchange is one request on its way: an http.RoundTripper under
// go-retryablehttp that makes one attempt a call, reads the answer while the
// attempt's time runs, and writes down what came of it. One goroutine at a time
// uses it.
type exchange struct {
	http *HTTP
	req  *Request
	url  *url.URL
	keys []key

	attempts []Attempt

	// Of the last attempt.
	verdict    verdict
	cause      Cause
	status     int
	retryAfter time.Duration
	err        error

	large *largeBody
}

func newExchange(h *HTTP, req *Request) (x *exchange, err error) {
	x = &exchange{http: h, req: req}
	if x.url, x.keys, err = req.Destination.parse(); err != nil {
		return nil, err
	}
	return x, req.checkID()
}

// RoundTrip makes an attempt. The response that it returns has the status only.
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), x.req.Destination.timeout())
	defer cancel()
	at := time.Now()
	out := r.WithContext(ctx)
	out.Header = x.header(at)
	// Without GetBody net/http repeats no request by itself, an attempt that
	// nobody would see: not on a connection that dies, nor a stream that is
	// refused.
	out.GetBody = nil

	a := Attempt{Number: len(x.attempts) + 1, At: at}
	resp, err := x.http.transport().RoundTrip(out)
	if err == nil && resp == nil {
		err = errors.New("the transport gives neither an answer nor an error")
	}
	if err == nil {
		a.StatusCode = resp.StatusCode
		a.Body, err = readAnswer(ctx, resp)
		a.RetryAfter = parseRetryAfter(resp.Header, time.Now())
		a.Cause, x.verdict = judge(resp.StatusCode, x.req.Destination.Accept)
		x.err = nil
		if x.verdict != accepted {
			// Only of an acceptance is the body a part: a refusal stands,
			// however its body ends.
			err = nil
		}
		switch a.Cause {
		case CauseRedirect:
			x.err = redirected(resp)
		case CauseFieldMapping:
			x.err = hubspotAnswer(a.Body)
		}
	}
	if err != nil {
		a.RetryAfter = 0
		a.Cause, x.err = diagnose(err, time.Since(at))
		x.verdict = retry
		if a.Cause == CauseBlockedAddress {
			x.verdict = rejected
		}
		if r.Context().Err() != nil {
			a.Cause, x.verdict, x.err = CauseCanceled, canceled, r.Context().Err()
		}
	}
	a.Duration = time.Since(at)
	if x.err != nil {
		a.Err = x.err.Error()
	}
	x.cause, x.status, x.retryAfter = a.Cause, a.StatusCode, a.RetryAfter
	x.attempts = append(x.attempts, a)
	if x.http.Observe != nil {
		x.http.Observe(r.Context(), x.req, a)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: resp.StatusCode, Body: http.NoBody, Request: r}, nil
}

// header makes the header of one attempt. It is a new map each time: the
// transport may still be writing that of an attempt that broke.
func (x *exchange) header(at time.Time) http.Header {
	d := &x.req.Destination
	h := make(http.Header, len(d.Header)+5)
	for name, values := range d.Header {
		name = http.CanonicalHeaderKey(name)
		if name == "Idempotency-Key" || name == "X-Idempotency-Key" {
			// By these names net/http knows a request that it may repeat by
			// itself. On the wire, case does not count.
			name = strings.ToLower(name)
		}
		h[name] = append(h[name], values...)
	}
	if x.req.ContentType != "" {
		h["Content-Type"] = []string{x.req.ContentType}
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{x.http.userAgent()}
	}
	x.req.signWith(x.keys, h, at)
	return h
}

// readAnswer reads an answer to its end, or as far as readBody. Closing a body
// that was not read to its end closes its connection.
func readAnswer(ctx context.Context, resp *http.Response) (kept []byte, err error) {
	body := resp.Body
	if body == nil { // of a transport of the host's, such as a test's
		return nil, nil
	}
	defer body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil // the body is the bare connection, which knows no context
	}
	var buf [1024]byte
	for total := 0; total < readBody; {
		n, err := body.Read(buf[:])
		kept = append(kept, buf[:min(n, keptBody-len(kept))]...)
		total += n
		if err == io.EOF {
			return kept, nil
		}
		if err == nil {
			err = ctx.Err() // which a transport of the host's may not look at
		}
		if err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// redirected reports where an answer leads, without what could be secret there.
func redirected(resp *http.Response) error {
	to, err := resp.Location()
	if err != nil {
		return errors.New("redirected, without a usable Location")
	}
	return fmt.Errorf("redirected to %.200q", (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
}

// smallBody is the size up to which a body is copied, so that the caller may
// have its bytes back at once. net/http can still be reading a body when the
// answer is there, and it is fastest with a *bytes.Reader.
const smallBody = 16 << 10

// body returns what go-retryablehttp makes a reader of for each attempt.
func (x *exchange) body() any {
	if len(x.req.Body) == 0 {
		return nil // a reader of nothing would go out in chunks
	}
	if len(x.req.Body) <= smallBody {
		return bytes.Clone(x.req.Body)
	}
	x.large = &largeBody{data: x.req.Body}
	return func() (io.Reader, error) { return &largeReader{body: x.large}, nil }
}

// release takes the caller's bytes away from readers that are still about.
func (x *exchange) release() {
	if x.large != nil {
		x.large.mu.Lock()
		x.large.data = nil
		x.large.mu.Unlock()
	}
}

// A largeBody is the caller's bytes until they are released.
type largeBody struct {
	mu   sync.Mutex
	data []byte
}

// A largeReader reads a largeBody. Its Read copies under the lock, so that
// after release nothing touches the caller's bytes.
type largeReader struct {
	body *largeBody
	read int
}

// Len tells go-retryablehttp the content's length.
func (r *largeReader) Len() int {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	return len(r.body.data) - r.read
}

func (r *largeReader) Read(p []byte) (int, error) {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	if r.body.data == nil {
		return 0, errors.New("the request is over")
	}
	if r.read == len(r.body.data) {
		return 0, io.EOF
	}
	n := copy(p, r.body.data[r.read:])
	r.read += n
	return n, nil
}
