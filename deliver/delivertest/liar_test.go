package delivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A liar is a Deliverer that breaks one rule: it stands around a Fake.
type liar func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error)

type lying struct {
	fake *Fake
	lie  liar
}

func (l lying) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	return l.lie(l.fake, ctx, req)
}

// failing passes the fake's error on, changed.
func failing(change func(e *deliver.Error)) liar {
	return func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
		receipt, err := f.Deliver(ctx, req)
		var e *deliver.Error
		if errors.As(err, &e) {
			change(e)
		}
		return receipt, err
	}
}

// sending gives the fake another request.
func sending(change func(req *deliver.Request)) liar {
	return func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
		c := clone(req)
		change(&c)
		return f.Deliver(ctx, &c)
	}
}

// claims gives the same receipt for everything that the fake does.
func claims(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	f.Deliver(ctx, req)
	return &deliver.Receipt{Status: deliver.Delivered, Attempts: make([]deliver.Attempt, 1)}, nil
}

var liars = map[string][]liar{
	"accepted-is-delivered": {
		func(f *Fake, _ context.Context, _ *deliver.Request) (*deliver.Receipt, error) { // sends nothing
			return &deliver.Receipt{Status: deliver.Delivered, Attempts: make([]deliver.Attempt, 1)}, nil
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			f.Deliver(ctx, req)
			return nil, nil
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			f.Deliver(ctx, req)
			return &deliver.Receipt{}, nil
		},
		sending(func(req *deliver.Request) { req.Body = append(req.Body, '\n') }),
		sending(func(req *deliver.Request) { req.ContentType = "text/plain" }),
		sending(func(req *deliver.Request) { req.ID += "-1" }),
		sending(func(req *deliver.Request) { req.Destination.Header.Del("X-Api-Key") }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			_, err := f.Deliver(ctx, req)
			return nil, errors.Join(err, errors.New("it did not work"))
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			receipt, err := f.Deliver(ctx, req)
			if err == nil {
				receipt.Attempts = nil
			}
			return receipt, err
		},
	},
	"request-unchanged": {
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			req.Destination.Header.Set("X-Attempt", "1")
			return f.Deliver(ctx, req)
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			req.Body = nil
			return f.Deliver(ctx, req)
		},
	},
	"request-not-kept": {
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			receipt, err := f.Deliver(ctx, req)
			f.mu.Lock()
			f.exchanges[len(f.exchanges)-1].Body = req.Body
			f.mu.Unlock()
			return receipt, err
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			receipt, err := f.Deliver(ctx, req)
			f.mu.Lock()
			f.exchanges[len(f.exchanges)-1].Destination.Header = req.Destination.Header
			f.mu.Unlock()
			return receipt, err
		},
	},
	"rejected-once": {
		claims,
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrExhausted }),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseConnection }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) { // tries again
			f.Deliver(ctx, req)
			return f.Deliver(ctx, req)
		},
	},
	"redirect-not-followed": {claims, failing(func(e *deliver.Error) { e.Kind = deliver.ErrExhausted })},
	"only-success-is-accepted": {
		sending(func(req *deliver.Request) { req.Destination.Accept = []int{200, 204} }),
		sending(func(req *deliver.Request) { req.Destination.Accept = nil }),
	},
	"passing-faults-are-retried": {
		sending(func(req *deliver.Request) { req.Destination.MaxAttempts = 1 }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) { // forgets an attempt
			receipt, err := f.Deliver(ctx, req)
			if err == nil {
				receipt.Attempts = receipt.Attempts[1:]
			}
			return receipt, err
		},
	},
	"outcomes-are-read": {
		sending(func(req *deliver.Request) { req.Destination.Outcomes = nil }),
		sending(func(req *deliver.Request) {
			req.Destination.Outcomes = req.Destination.Outcomes[:min(2, len(req.Destination.Outcomes))]
		}),
		sending(func(req *deliver.Request) {
			if len(req.Destination.Outcomes) > 0 {
				req.Destination.Outcomes[0].ReferencePath = ""
			}
		}),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseHTTPStatus }),
	},
	"attempts-are-signed": {
		sending(func(req *deliver.Request) { req.Destination.Secrets = nil }),
		sending(func(req *deliver.Request) { req.Destination.Secrets = []string{deliver.NewSecret()} }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) { // signs once, when it is stored
			receipt, err := f.Deliver(ctx, req)
			f.mu.Lock()
			defer f.mu.Unlock()
			for i := range f.exchanges {
				f.exchanges[i].Sign(f.exchanges[i].Destination.Header, time.Now().Add(-time.Hour))
			}
			return receipt, err
		},
	},
	"attempts-are-bounded": {
		claims,
		sending(func(req *deliver.Request) { req.Destination.MaxAttempts = 0 }),
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrRejected }),
		failing(func(e *deliver.Error) { e.StatusCode = 0 }),
	},
	"attempts-are-recorded": {
		failing(func(e *deliver.Error) { e.Attempts = e.Attempts[1:] }),
		failing(func(e *deliver.Error) { e.Attempts[0].Number = 0 }),
		failing(func(e *deliver.Error) { e.Attempts[1].At = time.Time{} }),
		failing(func(e *deliver.Error) { e.Attempts[0].StatusCode = 200 }),
		failing(func(e *deliver.Error) { e.Attempts[0].Body = nil }),
	},
	"long-retry-after-comes-back": {
		late,
		failing(func(e *deliver.Error) { e.RetryAfter = 0 }),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseHTTPStatus }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			f.Deliver(ctx, req)
			return f.Deliver(ctx, req)
		},
	},
	"timeout-is-kept": {
		late,
		failing(func(e *deliver.Error) { e.Err = context.DeadlineExceeded }),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseConnection }),
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrRejected }),
	},
	"ended-context-sends-nothing": {
		func(f *Fake, _ context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			return f.Deliver(context.Background(), req)
		},
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrExhausted }),
	},
	"context-ends-an-attempt": {
		late,
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrExhausted }),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseTimeout }),
	},
	"held-is-not-sent": {
		sending(func(req *deliver.Request) { req.Destination.Held = false }),
		failing(func(e *deliver.Error) { e.Kind = deliver.ErrRejected }),
	},
	"unusable-destination-is-rejected": {
		sending(func(req *deliver.Request) { req.Destination.Header.Del("Host") }),
		failing(func(e *deliver.Error) { e.Cause = deliver.CauseConnection }),
	},
	"errors-are-safe-to-log": {
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			_, err := f.Deliver(ctx, req)
			return nil, fmt.Errorf("POST %s: %w", req.Destination.URL, err)
		},
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			_, err := f.Deliver(ctx, req)
			return nil, fmt.Errorf("POST of %s: %w", req.Body, err)
		},
		failing(func(e *deliver.Error) { e.Attempts[0].Err = "answered " + string(e.Attempts[0].Body) }),
		func(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			f.Deliver(ctx, req)
			return nil, errors.New("an error of another kind")
		},
	},
	"safe-for-concurrent-use": {new(racy).deliver},
}

// late is right, but takes its time.
func late(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	receipt, err := f.Deliver(ctx, req)
	time.Sleep(300 * time.Millisecond)
	return receipt, err
}

// racy loses a request when two come close together.
type racy struct {
	mu   sync.Mutex
	busy bool
}

func (r *racy) deliver(f *Fake, ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	r.mu.Lock()
	lose := r.busy
	r.busy = true
	r.mu.Unlock()
	if lose {
		return &deliver.Receipt{Status: deliver.Delivered}, nil
	}
	time.Sleep(50 * time.Millisecond)
	receipt, err := f.Deliver(ctx, req)
	r.mu.Lock()
	r.busy = false
	r.mu.Unlock()
	return receipt, err
}

func rigOf(lie liar) Rig {
	f := &Fake{}
	return Rig{
		Deliverer:   lying{f, lie},
		Destination: deliver.Destination{URL: "https://example.com/leads"},
		Answers:     func(a ...Answer) { f.Answers(EndpointID, a...) },
		Exchanges:   f.Exchanges,
		hurry:       250 * time.Millisecond,
	}
}

// A rule that no liar fails proves nothing.
func TestALiarFailsEachRule(t *testing.T) {
	for _, r := range rules {
		if len(liars[r.name]) == 0 {
			t.Errorf("rule %s has no liar", r.name)
		}
		for i, lie := range liars[r.name] {
			t.Run(fmt.Sprint(r.name, "/", i), func(t *testing.T) {
				if r.check(rigOf(lie)) == nil {
					t.Error("the liar passes")
				}
			})
		}
	}
	for name := range liars {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.name == name }) {
			t.Errorf("there is no rule %s", name)
		}
	}
}

func TestScriptRepeatsItsLastAnswer(t *testing.T) {
	s := script{Code(1), Code(2)}
	for exchange, want := range []int{1, 2, 2, 2} {
		if got := s.answer(exchange).Code; got != want {
			t.Errorf("exchange %d: %d, want %d", exchange, got, want)
		}
	}
	if !bytes.Equal(nil, []byte(script(nil).answer(3).Body)) || script(nil).answer(0).code() != 200 {
		t.Error("no answers are 200")
	}
}
