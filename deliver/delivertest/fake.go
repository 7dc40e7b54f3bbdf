package delivertest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Fake is a Deliverer that sends nothing and keeps copies of what it was
// given. The zero value accepts everything. It passes Run, so it reports
// attempts, causes and verdicts as deliver.HTTP does, but never waits between
// attempts. It is safe for concurrent use.
type Fake struct {
	mu        sync.Mutex
	requests  []deliver.Request
	exchanges []deliver.Request
	scripts   map[string]script
	given     map[string]int // exchanges by endpoint
}

var _ deliver.Deliverer = (*Fake)(nil)

// TB is what the assertions need of testing.TB.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Answers says how an endpoint answers from now on, one exchange after the
// other; the last answer repeats. None: it accepts.
func (f *Fake) Answers(endpointID string, answers ...Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scripts == nil {
		f.scripts, f.given = make(map[string]script), make(map[string]int)
	}
	f.scripts[endpointID] = slices.Clone(answers)
	f.given[endpointID] = 0
}

// Deliver keeps a copy of req and answers as told.
func (f *Fake) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	failure := &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseConfiguration, Err: req.Destination.Validate()}
	if req.Destination.URL == "" { // a test of a host need not say where nothing goes
		withURL := req.Destination
		withURL.URL = "https://example.com"
		failure.Err = withURL.Validate()
	} else if u, err := url.Parse(req.Destination.URL); err == nil {
		failure.Host = u.Host
	}
	if failure.Err == nil {
		failure.Err = req.Sign(make(http.Header), time.Time{})
	}
	switch {
	case ctx.Err() != nil:
		failure.Kind, failure.Cause, failure.Err = ctx.Err(), deliver.CauseCanceled, nil
		return nil, failure
	case failure.Err != nil:
		return nil, failure
	}
	f.mu.Lock()
	f.requests = append(f.requests, clone(req))
	f.mu.Unlock()
	if req.Destination.Held {
		failure.Kind, failure.Cause, failure.Err = deliver.ErrExhausted, deliver.CauseHeld, errors.New("the endpoint is held")
		return nil, failure
	}

	most := req.Destination.MaxAttempts
	if most == 0 {
		most = deliver.DefaultMaxAttempts
	}
	for len(failure.Attempts) < most {
		a, kind := f.exchange(ctx, req, len(failure.Attempts)+1)
		failure.Attempts = append(failure.Attempts, a)
		failure.Kind, failure.Cause, failure.StatusCode, failure.RetryAfter, failure.Err = kind, a.Cause, a.StatusCode, a.RetryAfter, nil
		failure.Outcome = a.Outcome
		if a.Err != "" {
			failure.Err = errors.New(a.Err)
		}
		if kind == nil {
			return &deliver.Receipt{Status: deliver.Delivered, Outcome: a.Outcome, Attempts: failure.Attempts}, nil
		}
		if !errors.Is(kind, deliver.ErrExhausted) || a.RetryAfter > deliver.DefaultMaxWait {
			break
		}
	}
	return nil, failure
}

// exchange is one attempt; kind is the verdict, nil where it was accepted.
func (f *Fake) exchange(ctx context.Context, req *deliver.Request, number int) (a deliver.Attempt, kind error) {
	a = deliver.Attempt{Number: number, At: time.Now()}
	answer := f.next(req, a.At)
	defer func() { a.Duration = time.Since(a.At) }()
	timeout := req.Destination.Timeout
	if timeout == 0 {
		timeout = deliver.DefaultTimeout
	}
	if answer.Delay > 0 {
		timer := time.NewTimer(min(answer.Delay, timeout))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			a.Cause, a.Err = deliver.CauseCanceled, ctx.Err().Error()
			return a, ctx.Err()
		case <-timer.C:
		}
	}
	switch {
	case answer.Delay >= timeout:
		a.Cause, a.Err = deliver.CauseTimeout, "no complete answer within "+timeout.String()
		return a, deliver.ErrExhausted
	case answer.Reset:
		a.Cause, a.Err = deliver.CauseConnection, "connection reset by the server"
		return a, deliver.ErrExhausted
	}
	a.StatusCode = answer.code()
	if len(answer.Body) > 0 {
		a.Body = []byte(answer.Body[:min(len(answer.Body), 4<<10)])
	}
	if seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 31); err == nil {
		a.RetryAfter = time.Duration(seconds) * time.Second
	}
	kind = req.Destination.Judge(&a, []byte(answer.Body))
	return a, kind
}

// next keeps an exchange, with the headers that would be sent, and returns the
// answer that is next for its endpoint.
func (f *Fake) next(req *deliver.Request, at time.Time) Answer {
	sent := clone(req)
	if sent.Destination.Header == nil {
		sent.Destination.Header = make(http.Header)
	}
	sent.Sign(sent.Destination.Header, at) // Deliver has checked that it can
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exchanges = append(f.exchanges, sent)
	answer := f.scripts[req.EndpointID].answer(f.given[req.EndpointID])
	if f.given != nil {
		f.given[req.EndpointID]++
	}
	return answer
}

func clone(req *deliver.Request) deliver.Request {
	c := *req
	c.Body, c.Masked = bytes.Clone(req.Body), bytes.Clone(req.Masked)
	c.Sensitive = slices.Clone(req.Sensitive)
	c.Destination.Header = req.Destination.Header.Clone()
	c.Destination.Secrets = slices.Clone(req.Destination.Secrets)
	c.Destination.Accept = slices.Clone(req.Destination.Accept)
	c.Destination.Outcomes = slices.Clone(req.Destination.Outcomes)
	return c
}

// Requests returns copies of what was given to Deliver, in that order, but for
// requests with an ended context or an unusable destination. A dispatcher tells
// its endpoints side by side, so that the order across them varies; To does not.
func (f *Fake) Requests() []deliver.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cloneAll(f.requests)
}

// Exchanges returns a copy of the request for each attempt that was made, with
// the headers of its signature.
func (f *Fake) Exchanges() []deliver.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cloneAll(f.exchanges)
}

func cloneAll(list []deliver.Request) []deliver.Request {
	all := make([]deliver.Request, len(list))
	for i := range list {
		all[i] = clone(&list[i])
	}
	return all
}

// To returns the requests for one endpoint, in order.
func (f *Fake) To(endpointID string) []deliver.Request {
	return slices.DeleteFunc(f.Requests(), func(r deliver.Request) bool { return r.EndpointID != endpointID })
}

// Reset forgets what was given. The answers stay.
func (f *Fake) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests, f.exchanges = nil, nil
}

// AssertSent fails the test unless an endpoint was given just these bodies, in
// this order.
func (f *Fake) AssertSent(t TB, endpointID string, bodies ...string) {
	t.Helper()
	sent := f.To(endpointID)
	for i := range max(len(sent), len(bodies)) {
		switch {
		case i >= len(sent):
			t.Errorf("endpoint %q was not sent request %d:\n\t%s", endpointID, i+1, bodies[i])
		case i >= len(bodies):
			t.Errorf("endpoint %q was sent one more, request %d:\n\t%s", endpointID, i+1, sent[i].Body)
		case string(sent[i].Body) != bodies[i]:
			t.Errorf("endpoint %q was sent another request %d:\n\twant %s\n\tgot  %s", endpointID, i+1, bodies[i], sent[i].Body)
		}
	}
}

// AssertNotSent fails the test if one of these endpoints was given anything, or
// any endpoint where none is named.
func (f *Fake) AssertNotSent(t TB, endpointIDs ...string) {
	t.Helper()
	for i, r := range f.Requests() {
		if len(endpointIDs) == 0 || slices.Contains(endpointIDs, r.EndpointID) {
			t.Errorf("endpoint %q was sent something, request %d of all:\n\t%s", r.EndpointID, i+1, r.Body)
		}
	}
}
