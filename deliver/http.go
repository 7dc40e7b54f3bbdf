package deliver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// HTTP sends with POST, on go-retryablehttp. The zero value is ready; copy none
// after first use. It is safe for concurrent use, and one serves all endpoints:
// they share its pool of connections, and none can empty it for the others.
type HTTP struct {
	// Transport makes the exchanges. nil means a [Transport] of HTTP's own, which
	// dials public addresses only and uses no proxy; a *Transport of the host's
	// has a CA pool or a proxy too. With any other one the guard is the host's
	// (CheckAddress), and so are client certificates.
	Transport http.RoundTripper
	// AllowPrivate lets HTTP's own transport reach loopback and private
	// addresses, for development and tests. Cloud metadata stays blocked. A
	// *Transport of the host's has an AllowPrivate of its own.
	AllowPrivate bool
	// MaxWait bounds the wait between two attempts. 0 means 30 s. An answer that
	// asks for more ends the attempts at once, with Error.RetryAfter set.
	MaxWait time.Duration
	// Backoff is the wait before attempt 2, 3, …. nil means 500 ms, doubling,
	// jittered by half of it either way.
	Backoff func(attempt int) time.Duration
	// UserAgent is sent where the destination's headers have none. "" means
	// leadhook.
	UserAgent string
	// Observe is told of every attempt when it is over, before any wait. nil:
	// nobody is.
	Observe func(context.Context, *Request, Attempt)
	// Pause says how long to wait at the least before an attempt that is made
	// again: limit.Limiter's does, for a host that is to be left alone. More than
	// MaxWait ends the attempts, with Error.RetryAfter set. nil: no longer than
	// otherwise.
	Pause func(context.Context, *Request) time.Duration

	once sync.Once
	own  Transport
}

// DefaultMaxWait is HTTP.MaxWait's default.
const DefaultMaxWait = 30 * time.Second

var _ Deliverer = (*HTTP)(nil)

// Deliver sends req until the endpoint accepts it, refuses it, or the attempts
// are over. It returns within Timeout × MaxAttempts and the waits between.
func (h *HTTP) Deliver(ctx context.Context, req *Request) (*Receipt, error) {
	if ctx.Err() != nil {
		return nil, &Error{Kind: ctx.Err(), Cause: CauseCanceled, Host: host(req.Destination.URL)}
	}
	x, err := newExchange(h, req)
	if err != nil {
		return nil, &Error{Kind: ErrRejected, Cause: CauseConfiguration, Host: host(req.Destination.URL), Err: err}
	}
	if req.Destination.Held {
		return nil, &Error{Kind: ErrExhausted, Cause: CauseHeld, Host: x.to.url.Host, Err: errors.New("the endpoint is held")}
	}
	x.run(ctx)
	if x.verdict.accepts() {
		return &Receipt{Status: Delivered, Outcome: x.last().Outcome, Attempts: x.attempts}, nil
	}
	return nil, x.failure(ctx)
}

// host returns what may be said of a URL that is perhaps none.
func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// run makes the attempts. The first goes out at once: what keeps time and counts
// costs as much as a signature, and most requests need it never.
func (x *exchange) run(ctx context.Context) {
	x.keepBody()
	defer x.release()
	x.attempt(ctx)
	if x.verdict == VerdictRetry {
		x.retry(ctx)
	}
}

// retry goes on after the first attempt, on go-retryablehttp v0.7.8. What that
// would do by default and must not: wait as long as a Retry-After says (Backoff),
// drain answers and close the idle connections of every endpoint when it gives up
// (ErrorHandler; retrier has no CloseIdleConnections), retry by its own rules
// (CheckRetry), follow redirects (none is passed on), print (Logger).
func (x *exchange) retry(ctx context.Context) {
	client := retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: &retrier{exchange: x}},
		RetryMax:     x.req.Destination.maxAttempts() - 1,
		CheckRetry:   x.checkRetry,
		Backoff:      x.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	// Each attempt makes a request of its own. This one is not looked at.
	r, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, x.req.Destination.URL, nil)
	if err != nil {
		return // net/http took it in the first attempt
	}
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
	}
}

// A retrier is an http.RoundTripper that makes one attempt a call, but for the
// first call: that attempt is over.
type retrier struct {
	*exchange
	called bool
}

func (r *retrier) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.called {
		r.attempt(req.Context())
	}
	r.called = true
	// checkRetry looks at the exchange, so that any answer will do.
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func (x *exchange) checkRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	x.pause = 0
	if x.verdict != VerdictRetry || ctx.Err() != nil || len(x.attempts) >= x.req.Destination.maxAttempts() {
		return false, nil
	}
	if x.http.Pause != nil {
		x.pause = x.http.Pause(ctx, x.req)
	}
	return max(x.last().RetryAfter, x.pause) <= x.http.maxWait(), nil
}

func (x *exchange) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	if wait := x.last().RetryAfter; wait > 0 {
		return max(wait, x.pause)
	}
	backoff := x.http.Backoff
	if backoff == nil {
		backoff = defaultBackoff
	}
	return max(min(backoff(len(x.attempts)+1), x.http.maxWait()), x.pause, 0)
}

// failure says what came of the attempts when none was accepted.
func (x *exchange) failure(ctx context.Context) *Error {
	last := x.last()
	e := &Error{
		Kind: ErrRejected, Cause: last.Cause, Host: x.to.url.Host, StatusCode: last.StatusCode,
		RetryAfter: max(last.RetryAfter, x.pause), Outcome: last.Outcome, Attempts: x.attempts, Err: x.err,
	}
	switch {
	case x.verdict == VerdictRejected:
	case ctx.Err() != nil: // during an attempt or a wait
		e.Kind, e.Cause, e.Err = ctx.Err(), CauseCanceled, nil
	default:
		e.Kind = ErrExhausted
	}
	return e
}

func (h *HTTP) maxWait() time.Duration {
	if h.MaxWait > 0 {
		return h.MaxWait
	}
	return DefaultMaxWait
}

func (h *HTTP) userAgent() string {
	if h.UserAgent != "" {
		return h.UserAgent
	}
	return "leadhook"
}

// CloseIdleConnections closes the connections that are not in use, for a host
// that shuts down.
func (h *HTTP) CloseIdleConnections() {
	if c, ok := h.transport().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (h *HTTP) transport() http.RoundTripper {
	if h.Transport != nil {
		return h.Transport
	}
	h.once.Do(func() { h.own.AllowPrivate = h.AllowPrivate })
	return &h.own
}
