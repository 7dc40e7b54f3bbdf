package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How much of an answer is kept, and how much is read so that the connection
// can be used again. Reading stops there, compressed or not.
const (
	keptBody = 4 << 10
	readBody = 16 << 10
)

// An exchange is one request on its way. One goroutine at a time uses it, and
// net/http never sees it: no connection keeps the caller's request alive.
type exchange struct {
	http *HTTP
	req  *Request
	to   parsed

	small []byte     // a copy of the body, or
	large *largeBody // the caller's own bytes

	attempts []Attempt // the caller gets them, and nothing else of the exchange

	// Of the last attempt.
	verdict Verdict
	err     error
	pause   time.Duration // that HTTP.Pause asked for behind it
}

func newExchange(h *HTTP, req *Request) (x *exchange, err error) {
	x = &exchange{http: h, req: req} // on the heap, since an attempt may be made by go-retryablehttp
	if x.to, err = req.Destination.parse(); err != nil {
		return nil, err
	}
	return x, req.checkID()
}

// attempt makes an attempt: it reads the answer while the attempt's time runs,
// and writes down what came of it.
func (x *exchange) attempt(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, x.req.Destination.timeout())
	defer cancel()
	if certificate := x.req.Destination.Certificate; certificate != nil {
		ctx = context.WithValue(ctx, certificateKey{}, certificate)
	}
	at := time.Now()
	if len(x.req.Body) == 0 {
		ctx = sentOnce(ctx, cancel)
	}
	a := Attempt{Number: len(x.attempts) + 1, At: at}
	resp, err := x.http.transport().RoundTrip(x.request(ctx, at))
	if err == nil && resp == nil {
		err = errors.New("the transport gives neither an answer nor an error")
	}
	if err == nil {
		err = x.read(ctx, resp, &a)
	}
	if err != nil {
		a.Cause, x.err = diagnose(err, time.Since(at))
		x.verdict = VerdictRetry
		if a.Cause == CauseBlockedAddress {
			x.verdict = VerdictRejected
		}
		if parent.Err() != nil {
			a.Cause, x.verdict, x.err = CauseCanceled, verdictCanceled, parent.Err()
		}
	}
	a.Duration = time.Since(at)
	if x.err != nil {
		a.Err = x.err.Error()
	}
	x.attempts = append(x.attempts, a)
	if x.http.Observe != nil {
		x.http.Observe(parent, x.req, a)
	}
}

// request is what http.NewRequest makes, of a URL that is parsed already. Without
// GetBody net/http repeats no request by itself, an attempt that nobody would
// see: not on a connection that dies, nor a stream that is refused.
func (x *exchange) request(ctx context.Context, at time.Time) *http.Request {
	r := http.Request{
		Method: http.MethodPost, URL: x.to.url, Host: x.to.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.header(at), Body: x.body(), ContentLength: int64(len(x.req.Body)),
	}
	return r.WithContext(ctx)
}

// read reads an answer and writes down what it means. An error is that of an
// exchange that broke.
func (x *exchange) read(ctx context.Context, resp *http.Response, a *Attempt) error {
	ans := answer{code: resp.StatusCode}
	keep, rules := keptBody, x.to.outcomes
	if len(rules) > 0 || ans.code == http.StatusBadRequest {
		keep = readBody // somebody looks into it
	}
	retryAfter, redirected, encoding := parseRetryAfter(resp.Header, time.Now()), x.redirected(resp), resp.Header.Get("Content-Encoding")
	if _, ours := x.http.transport().(*Transport); ours {
		resp.Header = nil // of tiny lines it takes twenty times their bytes, as long as the body may
	}
	err := ans.readFrom(ctx, resp, encoding, keep)
	if err != nil {
		rules = nil // of what broke off nobody knows what it would have said
	}
	a.StatusCode, a.Body = ans.code, ans.body
	if len(ans.body) > keptBody {
		a.Body = bytes.Clone(ans.body[:keptBody])
	}
	x.verdict, x.err = ans.judge(rules, x.req.Destination.Accept, a)
	if err != nil && x.verdict.accepts() {
		// Only of an acceptance is the body a part: a refusal stands, however its
		// body ends.
		return err
	}
	a.RetryAfter = retryAfter
	if a.Cause == CauseRedirect {
		x.err = redirected
	}
	return nil
}

// last is the attempt that decides.
func (x *exchange) last() *Attempt { return &x.attempts[len(x.attempts)-1] }

// sentOnce ends an attempt that is about to go out a second time. Over HTTP/2
// net/http repeats a request without a body by itself where the server refuses
// the stream or sends GOAWAY: thousands of times, if it goes on so.
func sentOnce(ctx context.Context, end context.CancelFunc) context.Context {
	var sent atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			if sent.Load() {
				end()
			}
		},
	})
}

// header makes the header of one attempt. It is a new map each time: the
// transport may still be writing that of an attempt that broke.
func (x *exchange) header(at time.Time) http.Header {
	d := &x.req.Destination
	const most = 6                             // of ours
	h := make(http.Header, len(d.Header)+most) // net/http's client would make one, too
	values := make([]string, 0, most)          // one array for all; who appends to a value has a copy
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
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
		set("Content-Type", x.req.ContentType)
	}
	if h["User-Agent"] == nil {
		set("User-Agent", x.http.userAgent())
	}
	set("Accept-Encoding", "gzip") // and net/http leaves inflating to us
	x.req.signWith(x.to.keys, at, set)
	return h
}

// redirected reports where an answer leads, without what could be secret or
// personal there: the query, what is in the endpoint's own path too, and what is
// no plain word.
func (x *exchange) redirected(resp *http.Response) error {
	if resp.StatusCode/100 != 3 {
		return nil
	}
	to, err := resp.Location()
	if err != nil {
		return errors.New("redirected, without a usable Location")
	}
	own := strings.Split(strings.ToLower(x.to.url.Path), "/")
	segments := strings.Split(to.Path, "/")
	for i, s := range segments {
		known := slices.ContainsFunc(own, func(o string) bool {
			lower := strings.ToLower(s)
			return o == lower || len(o) > 3 && strings.Contains(lower, o)
		})
		if s != "" && (known || len(s) > 32 || strings.Trim(s, plainWord) != "") {
			segments[i] = "…"
		}
	}
	path := strings.Join(segments, "/")
	return fmt.Errorf("redirected to %.200q", to.Scheme+"://"+to.Host+path)
}

const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// smallBody is the size up to which a body is copied, so that the caller may
// have its bytes back at once. net/http can still be reading a body when the
// answer is there, and it is fastest with a *bytes.Reader.
const smallBody = 16 << 10

// keepBody takes the body, for as long as attempts are made.
func (x *exchange) keepBody() {
	if len(x.req.Body) <= smallBody {
		x.small = bytes.Clone(x.req.Body)
	} else {
		x.large = &largeBody{data: x.req.Body}
	}
}

// body returns a reader of the body for one attempt.
func (x *exchange) body() io.ReadCloser {
	switch {
	case x.large != nil:
		return io.NopCloser(&largeReader{body: x.large})
	case len(x.small) == 0:
		return nil // a reader of nothing would go out in chunks
	}
	return io.NopCloser(bytes.NewReader(x.small))
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
