package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Limiter is a Deliverer around another that holds back what an endpoint, or
// its host, should not get now. It is safe for concurrent use.
type Limiter struct {
	next    deliver.Deliverer
	options Options

	mu        sync.Mutex
	endpoints map[string]*endpoint
	hosts     map[string]pause
	observed  bool // Observe is told of every attempt
	swept     time.Time
	sweepAt   int // as many entries as this, and it is swept again
}

var _ deliver.Deliverer = (*Limiter)(nil)

// New returns a Limiter around next. Nil options are the defaults. A setting out
// of its range is an error, a [*deliver.SettingError] for each, joined.
func New(next deliver.Deliverer, o *Options) (*Limiter, error) {
	if o == nil {
		o = &Options{}
	}
	if next == nil {
		return nil, errors.New("limit: there is no Deliverer to limit")
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Limiter{next: next, options: o.withDefaults(), endpoints: make(map[string]*endpoint), hosts: make(map[string]pause)}, nil
}

// Deliver delivers req by the Deliverer that is limited, or holds it back:
// deliver.ErrExhausted with deliver.CauseThrottled, RetryAfter and no attempts.
func (l *Limiter) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	if ctx.Err() != nil || req.Destination.Held {
		return l.next.Deliver(ctx, req) // which sends nothing
	}
	host := hostOf(req.Destination.URL)
	done, held := l.admit(req, host)
	if held != nil {
		return nil, &deliver.Error{
			Kind: deliver.ErrExhausted, Cause: deliver.CauseThrottled, Host: host,
			RetryAfter: held.wait, Err: errors.New(held.why),
		}
	}
	returned := false
	defer func() {
		if !returned { // it panicked
			done(nil, context.Canceled)
		}
	}()
	receipt, err := l.next.Deliver(ctx, req)
	returned = true
	done(receipt, err)
	return receipt, err
}

// Observe is for HTTP.Observe: it makes attempts count as they are made, in a
// rate and for a pause. Without it they count when their delivery is over.
func (l *Limiter) Observe(_ context.Context, req *deliver.Request, a deliver.Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observed = true
	if e := l.endpoints[req.EndpointID]; e != nil {
		e.repeat(a, time.Now())
	}
	l.observe(hostOf(req.Destination.URL), a)
}

// Pause is for HTTP.Pause: attempts that are made again wait for a host's pause
// too. Without it only deliveries that begin are held back.
func (l *Limiter) Pause(_ context.Context, req *deliver.Request) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := l.left(hostOf(req.Destination.URL), time.Now()); left > 0 {
		return spread(left)
	}
	return 0
}

// left returns how much longer a host is left alone.
func (l *Limiter) left(host string, now time.Time) time.Duration { return l.hosts[host].until.Sub(now) }

// Forget begins anew with endpoints that were mended: no breaker is open for them
// and no rate used up. What is under way counts no longer.
func (l *Limiter) Forget(endpointIDs ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range endpointIDs {
		delete(l.endpoints, id)
	}
}

// hostOf returns what requests to the same system have in common, however its
// URL is written.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	port, _ := strconv.Atoi(u.Port())
	if u.Scheme == "https" && port == 443 || u.Scheme == "http" && port == 80 {
		port = 0
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return host
}

// A hold is why a request is held back, and for how long.
type hold struct {
	wait time.Duration
	why  string
}

// admit lets a request through, and done is to be told what came of it; or it
// says why not.
func (l *Limiter) admit(req *deliver.Request, host string) (done func(*deliver.Receipt, error), held *hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.sweep(now)
	if left := l.left(host, now); left > 0 {
		return nil, &hold{spread(left), "its host asked to be sent less (429), and is left alone for a while"}
	}
	e := l.endpoints[req.EndpointID]
	if e == nil {
		e = newEndpoint(&l.options.Breaker)
		l.endpoints[req.EndpointID] = e
	}
	counted, held := e.admit(req, l.options.Limits, now)
	if held != nil {
		return nil, held
	}
	return func(receipt *deliver.Receipt, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		counted(err)
		e.underWay--
		if l.observed {
			return // Observe had them
		}
		for _, a := range attempts(receipt, err) {
			e.repeat(a, time.Now())
			l.observe(host, a)
		}
	}, nil
}

func attempts(receipt *deliver.Receipt, err error) []deliver.Attempt {
	if e, ok := errors.AsType[*deliver.Error](err); ok {
		return e.Attempts
	}
	if receipt != nil {
		return receipt.Attempts
	}
	return nil
}

// A pause is how long a host is left alone.
type pause struct {
	since time.Time // the end of the last attempt that was told to slow down
	until time.Time
	asked time.Time // as long as the host asked for
}

// observe begins or ends a host's pause.
func (l *Limiter) observe(host string, a deliver.Attempt) {
	p := l.hosts[host]
	switch {
	case host == "": // a URL that is none
	case a.StatusCode == http.StatusTooManyRequests: // whatever its endpoint's owner makes of it
		p.since = later(p.since, a.At.Add(a.Duration))
		p.until = later(p.until, p.since.Add(l.options.HostPause))
		if a.RetryAfter > 0 {
			p.asked = later(p.asked, p.since.Add(min(a.RetryAfter, maxAsked)))
			p.until = p.asked
		}
		l.hosts[host] = p
	case !p.since.IsZero() && a.StatusCode != 0 && a.At.After(p.since): // sent after it was told, and answered
		p.until = p.asked
		l.hosts[host] = p
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sweep forgets what there is no need to remember: each minute, and when there
// is twice as much as last time, so that it costs little for each request.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute && len(l.endpoints)+len(l.hosts) < l.sweepAt {
		return
	}
	for id, e := range l.endpoints {
		if e.forgettable(now, l.options.Breaker.Open) {
			delete(l.endpoints, id)
		}
	}
	for host, p := range l.hosts {
		if !now.Before(p.until) { // what it was told is old then too
			delete(l.hosts, host)
		}
	}
	l.swept, l.sweepAt = now, max(1024, 2*(len(l.endpoints)+len(l.hosts)))
}

// spread makes waits that end together end apart: by up to a quarter of it and a
// second.
func spread(wait time.Duration) time.Duration { return wait + rand.N(wait/4+time.Second) }
