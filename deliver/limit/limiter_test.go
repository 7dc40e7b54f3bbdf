package limit_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func limiter(t *testing.T, next deliver.Deliverer, o *limit.Options) *limit.Limiter {
	t.Helper()
	l, err := limit.New(next, o)
	require.NoError(t, err)
	return l
}

func request(endpoint, url string) *deliver.Request {
	return &deliver.Request{ID: "msg_1", EndpointID: endpoint, Body: []byte("{}"), Destination: deliver.Destination{URL: url, MaxAttempts: 1}}
}

func throttled(t *testing.T, err error) *deliver.Error {
	t.Helper()
	var e *deliver.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, deliver.ErrExhausted)
	require.Equal(t, deliver.CauseThrottled, e.Cause, err)
	assert.Positive(t, e.RetryAfter)
	assert.Empty(t, e.Attempts)
	return e
}

func TestALimiterIsADeliverer(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		r := delivertest.NewReceiver()
		t.Cleanup(r.Close)
		h := &deliver.HTTP{AllowPrivate: true, Backoff: func(int) time.Duration { return time.Millisecond }}
		t.Cleanup(h.CloseIdleConnections)
		l := limiter(t, h, &limit.Options{HostPause: time.Millisecond})
		h.Observe, h.Pause = l.Observe, l.Pause
		return delivertest.Rig{Deliverer: l, Destination: deliver.Destination{URL: r.URL}, Answers: r.Answers, Exchanges: r.Exchanges}
	})
}

// slow takes a second for each, and counts how many are under way.
type slow struct{ now, most atomic.Int32 }

func (s *slow) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	time.Sleep(time.Second)
	s.now.Add(-1)
	return &deliver.Receipt{Status: deliver.Delivered}, nil
}

func TestConcurrencyOfEachEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &slow{}
		l := limiter(t, next, &limit.Options{Limits: deliver.Limits{Concurrency: 3}})
		var passed, held atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				req := request([]string{"a", "b"}[i%2], "https://example.com")
				if i%2 == 1 {
					req.Destination.Limits.Concurrency = 5 // the endpoint's own
				}
				if _, err := l.Deliver(t.Context(), req); err == nil {
					passed.Add(1)
				} else {
					e := throttled(t, err)
					assert.LessOrEqual(t, e.RetryAfter, 3*time.Second)
					held.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 8, next.most.Load(), "3 and 5, side by side")
		assert.EqualValues(t, 8, passed.Load())
		assert.EqualValues(t, 12, held.Load())
		_, err := l.Deliver(t.Context(), request("a", "https://example.com"))
		assert.NoError(t, err, "places come free")
	})
}

func TestForgetBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		fake.Answers("a", delivertest.Code(500))
		l := limiter(t, fake, &limit.Options{Limits: deliver.Limits{Rate: 5, Burst: 5}})
		for range 6 {
			l.Deliver(t.Context(), request("a", ""))
		}
		fake.Answers("a")
		throttled(t, second(l.Deliver(t.Context(), request("a", ""))))
		l.Forget("a", "nobody")
		_, err := l.Deliver(t.Context(), request("a", ""))
		assert.NoError(t, err)
	})
}

func TestAPanicFreesThePlace(t *testing.T) {
	next := panics{}
	l := limiter(t, next, &limit.Options{Limits: deliver.Limits{Concurrency: 1}})
	for range 3 {
		assert.PanicsWithValue(t, "as told", func() { l.Deliver(t.Context(), request("a", "https://example.com")) })
	}
}

type panics struct{}

func (panics) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) { panic("as told") }

func TestRateOfEachEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		l := limiter(t, fake, &limit.Options{Limits: deliver.Limits{Rate: 10, Burst: 5}})
		began := time.Now()
		var waits []time.Duration
		for range 20 {
			if _, err := l.Deliver(t.Context(), request("a", "")); err != nil {
				waits = append(waits, throttled(t, err).RetryAfter)
			}
		}
		assert.Len(t, fake.To("a"), 5, "the burst")
		for i, wait := range waits {
			assert.InDelta(t, float64(i+1)*0.1, wait.Seconds(), 1e-6, "each has a time of its own")
		}
		for i, wait := range waits { // as a queue would
			time.Sleep(time.Until(began.Add(wait)))
			_, err := l.Deliver(t.Context(), request("a", ""))
			assert.NoError(t, err, "%d comes back at %v", i, wait)
		}
		_, err := l.Deliver(t.Context(), request("b", ""))
		assert.NoError(t, err, "another endpoint has its own")
	})
}

func TestAnEndpointsOwnRateAndItsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, &delivertest.Fake{}, nil)
		try := func(limits deliver.Limits) (passed int) {
			for range 20 {
				req := request("a", "")
				req.Destination.Limits = limits
				if _, err := l.Deliver(t.Context(), req); err == nil {
					passed++
				}
			}
			return passed
		}
		assert.Equal(t, 20, try(deliver.Limits{}))
		assert.Equal(t, 2, try(deliver.Limits{Rate: 1.5}), "the burst is the rate, rounded up")
		time.Sleep(time.Hour)
		assert.Equal(t, 7, try(deliver.Limits{Rate: 7}))
		time.Sleep(time.Second)
		assert.Equal(t, 7, try(deliver.Limits{Rate: 7}))
		assert.Equal(t, 20, try(deliver.Limits{}))
		req := request("b", "")
		req.Destination.Limits.Rate = 1.0 / (24 * 60 * 60) // the least
		_, err := l.Deliver(t.Context(), req)
		require.NoError(t, err)
		_, err = l.Deliver(t.Context(), req)
		assert.Equal(t, time.Hour, throttled(t, err).RetryAfter, "no wait overflows")
		req.Destination.Limits.Rate = 100
		_, err = l.Deliver(t.Context(), req)
		assert.LessOrEqual(t, throttled(t, err).RetryAfter, 10*time.Millisecond, "times that were given are forgotten with their rate")
	})
}

// The rate is that of requests on the wire, whoever counts them.
func TestFurtherAttemptsCountInTheRate(t *testing.T) {
	for _, observed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			h := &deliver.HTTP{Backoff: func(int) time.Duration { return 0 }, Transport: answer(func() int {
				if sent.Add(1)%3 == 0 {
					return 200
				}
				return 503
			})}
			l := limiter(t, h, &limit.Options{Limits: deliver.Limits{Rate: 10}})
			if observed {
				h.Observe = l.Observe
			}
			began := time.Now()
			for sent.Load() < 300 {
				req := request("a", "https://example.com")
				req.Destination.MaxAttempts = 3
				if _, err := l.Deliver(t.Context(), req); err != nil {
					time.Sleep(throttled(t, err).RetryAfter)
				}
			}
			assert.InDelta(t, 28, time.Since(began).Seconds(), 2, "300 at 10 a second, a burst of 10 and its repeats first")
		})
	}
}

func TestTheBreakerOpensAndProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		l := limiter(t, fake, &limit.Options{Breaker: limit.Breaker{Share: 0.5, Minimum: 4, Open: time.Minute}})
		send := func() error {
			_, err := l.Deliver(t.Context(), request("a", ""))
			return err
		}
		fake.Answers("a", delivertest.Code(200), delivertest.Code(200), delivertest.Code(503), delivertest.Code(503), delivertest.Code(200))
		for range 4 {
			send()
		}
		e := throttled(t, send())
		assert.GreaterOrEqual(t, e.RetryAfter, time.Minute)
		assert.LessOrEqual(t, e.RetryAfter, time.Minute+16*time.Second)
		assert.Contains(t, e.Error(), "http_status")
		assert.Len(t, fake.To("a"), 4, "nothing is sent")
		_, err := l.Deliver(t.Context(), request("b", ""))
		assert.NoError(t, err, "another endpoint is not concerned")
		test := request("a", "")
		test.Test = true
		_, err = l.Deliver(t.Context(), test)
		assert.NoError(t, err, "a test lead passes")
		throttled(t, send())

		time.Sleep(time.Minute + 1)
		fake.Answers("a", delivertest.Answer{Code: 500, Delay: time.Second}, delivertest.Answer{Delay: time.Second})
		var sent, held atomic.Int32
		probe := func() {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if err := send(); err == nil {
						sent.Add(1)
					} else if failure := new(deliver.Error); assert.ErrorAs(t, err, &failure) && failure.Cause == deliver.CauseThrottled {
						held.Add(1)
					}
				})
			}
			wg.Wait()
		}
		probe()
		assert.EqualValues(t, 9, held.Load(), "one probe, which fails")
		throttled(t, send())
		time.Sleep(time.Minute + 1)
		probe()
		assert.EqualValues(t, 18, held.Load())
		assert.EqualValues(t, 1, sent.Load(), "one probe, which closes the breaker")
		probe()
		assert.EqualValues(t, 11, sent.Load())
	})
}

func TestWhatTheBreakerDoesNotCount(t *testing.T) {
	for proves, answer := range map[string]delivertest.Answer{
		"a refusal":     delivertest.Code(422),
		"a wrong key":   delivertest.Code(401),
		"success":       {},
		"a gone system": delivertest.Code(410),
	} {
		t.Run(proves, func(t *testing.T) {
			fake := &delivertest.Fake{}
			fake.Answers("a", answer)
			l := limiter(t, fake, nil)
			for range 50 {
				l.Deliver(t.Context(), request("a", ""))
			}
			assert.Len(t, fake.To("a"), 50)
		})
	}
	t.Run("an ended context, a held endpoint", func(t *testing.T) {
		fake := &delivertest.Fake{}
		l := limiter(t, fake, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 10 {
			_, err := l.Deliver(ctx, request("a", ""))
			require.ErrorIs(t, err, context.Canceled)
			held := request("a", "")
			held.Destination.Held = true
			_, err = l.Deliver(t.Context(), held)
			require.ErrorContains(t, err, "held")
		}
		_, err := l.Deliver(t.Context(), request("a", ""))
		assert.NoError(t, err)
	})
	t.Run("anything, where it is disabled", func(t *testing.T) {
		fake := &delivertest.Fake{}
		fake.Answers("a", delivertest.Code(500))
		l := limiter(t, fake, &limit.Options{Breaker: limit.Breaker{Disabled: true}})
		for range 50 {
			l.Deliver(t.Context(), request("a", ""))
		}
		assert.Len(t, fake.To("a"), 50)
	})
}

func TestOldFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		fake.Answers("a", delivertest.Code(500))
		l := limiter(t, fake, nil)
		for range 20 {
			l.Deliver(t.Context(), request("a", ""))
			time.Sleep(20 * time.Second) // never five in a minute
		}
		assert.Len(t, fake.To("a"), 20)
	})
}

func TestA429PausesTheWholeHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		l := limiter(t, fake, nil)
		fake.Answers("a", delivertest.Code(429), delivertest.Code(200))
		const host = "https://api.hsforms.com"
		_, err := l.Deliver(t.Context(), request("a", host+"/a"))
		require.ErrorContains(t, err, "rate_limited")
		e := throttled(t, second(l.Deliver(t.Context(), request("b", "https://API.hsforms.com/b?key=secret"))))
		assert.Contains(t, e.Error(), "api.hsforms.com")
		assert.NotContains(t, e.Error(), "secret")
		_, err = l.Deliver(t.Context(), request("c", "https://example.com"))
		assert.NoError(t, err, "another host is not concerned")
		time.Sleep(10 * time.Second)
		_, err = l.Deliver(t.Context(), request("b", host))
		assert.NoError(t, err, "10 s by default")

		fake.Answers("a", delivertest.RetryAfter(429, "20"), delivertest.RetryAfter(429, "86400"))
		l.Deliver(t.Context(), request("a", host))
		time.Sleep(19 * time.Second)
		throttled(t, second(l.Deliver(t.Context(), request("b", host))))
		time.Sleep(time.Second)
		_, err = l.Deliver(t.Context(), request("b", host))
		assert.NoError(t, err, "what the host asked for")

		_, err = l.Deliver(t.Context(), request("a", host))
		var own *deliver.Error
		require.ErrorAs(t, err, &own)
		assert.Equal(t, 24*time.Hour, own.RetryAfter, "its own wait is not cut")
		time.Sleep(time.Minute)
		_, err = l.Deliver(t.Context(), request("b", host))
		assert.NoError(t, err, "one endpoint cannot stop the others at its host for a day")
	})
}

func second[T any](_ T, err error) error { return err }

// Ten 429s in a second block an address at HubSpot: the first one must stop
// those that have not begun, and what was begun must not go on.
func TestAPauseBeginsWithTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var open atomic.Bool
		h := &deliver.HTTP{Backoff: func(int) time.Duration { return 10 * time.Millisecond }, Transport: answer(func() int {
			asked.Add(1)
			time.Sleep(100 * time.Millisecond)
			if open.Load() {
				return 200
			}
			return 429
		})}
		l := limiter(t, h, nil)
		h.Observe, h.Pause = l.Observe, l.Pause
		req := func(endpoint string) *deliver.Request {
			r := request(endpoint, "https://api.hsforms.com")
			r.Destination.MaxAttempts = 4
			return r
		}
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				receipt, err := l.Deliver(t.Context(), req(fmt.Sprint("begun-", i)))
				assert.NoError(t, err)
				assert.Len(t, receipt.Attempts, 2)
			})
		}
		time.Sleep(time.Second)
		for i := range 100 {
			throttled(t, second(l.Deliver(t.Context(), req(fmt.Sprint(i)))))
		}
		time.Sleep(8 * time.Second)
		assert.EqualValues(t, 5, asked.Load(), "only what was under way when it began")
		open.Store(true)
		wg.Wait()
		_, err := l.Deliver(t.Context(), req("b"))
		assert.NoError(t, err, "an answer ends a pause that was not asked for")
	})
}

func TestWhatEndsAPauseAndWhatDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, &delivertest.Fake{}, &limit.Options{HostPause: 10 * time.Second})
		req := request("a", "https://api.hsforms.com")
		observe := func(began time.Time, code int, retryAfter time.Duration) {
			cause, _ := deliver.Judge(code, nil)
			l.Observe(t.Context(), req, deliver.Attempt{Number: 1, At: began, Duration: time.Since(began), StatusCode: code, Cause: cause, RetryAfter: retryAfter})
		}
		paused := func() bool { return l.Pause(t.Context(), req) > 0 }
		before := time.Now()
		time.Sleep(time.Second)
		observe(time.Now(), 429, 0)
		time.Sleep(time.Second)
		observe(before, 200, 0)
		assert.True(t, paused(), "what was sent before says nothing")
		time.Sleep(time.Second)
		observe(time.Now(), 0, 0)
		assert.True(t, paused(), "no answer")
		observe(time.Now(), 500, 0)
		assert.False(t, paused(), "an answer")

		observe(time.Now(), 429, 8*time.Second)
		time.Sleep(time.Second)
		observe(time.Now(), 429, 0)
		time.Sleep(time.Second)
		observe(time.Now(), 200, 0)
		assert.True(t, paused(), "the host asked for 8 s")
		time.Sleep(6 * time.Second)
		assert.False(t, paused())
		accepted := deliver.Attempt{Number: 1, At: time.Now(), StatusCode: 429}
		l.Observe(t.Context(), req, accepted)
		assert.True(t, paused(), "whatever its endpoint's owner makes of it")
	})
	for _, same := range []string{"https://api.example.com:443/x", "https://API.example.com.", "https://api.example.com:0443"} {
		fake := &delivertest.Fake{}
		fake.Answers("a", delivertest.Code(429))
		l := limiter(t, fake, nil)
		l.Deliver(t.Context(), request("a", same))
		throttled(t, second(l.Deliver(t.Context(), request("b", "https://api.example.com/y"))))
		for _, other := range []string{"https://api.example.com:8443", "http://api.example.com:443", "https://example.com"} {
			_, err := l.Deliver(t.Context(), request("b", other))
			assert.NoError(t, err, other)
		}
	}
}

// As they come from the network, and not from a fake.
func TestTheBreakerOpensForDeadEndpoints(t *testing.T) {
	other := delivertest.NewReceiver()
	defer other.Close()
	c, err := net.Dial("tcp", other.Server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	dead := "http://" + c.LocalAddr().String() // nobody listens there, nor can as long as c is open
	for proves, set := range map[string]func(t *testing.T, h *deliver.HTTP, req *deliver.Request) context.Context{
		"refused": func(t *testing.T, _ *deliver.HTTP, req *deliver.Request) context.Context {
			req.Destination.URL = dead
			return t.Context()
		},
		"no answer": func(t *testing.T, _ *deliver.HTTP, req *deliver.Request) context.Context { return t.Context() },
		"no answer, and the caller gives up in the second attempt": func(t *testing.T, h *deliver.HTTP, req *deliver.Request) context.Context {
			req.Destination.MaxAttempts = 2
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			h.Observe = func(context.Context, *deliver.Request, deliver.Attempt) { time.AfterFunc(time.Millisecond, cancel) }
			return ctx
		},
	} {
		t.Run(proves, func(t *testing.T) {
			r := delivertest.NewReceiver()
			defer r.Close()
			r.Answers(delivertest.Answer{Delay: time.Minute})
			h := &deliver.HTTP{AllowPrivate: true, Backoff: func(int) time.Duration { return 0 }}
			defer h.CloseIdleConnections()
			l := limiter(t, h, nil)
			for range 5 {
				req := request("a", r.URL)
				req.Destination.Timeout = 20 * time.Millisecond
				_, err := l.Deliver(set(t, h, req), req)
				require.Error(t, err)
				require.NotContains(t, err.Error(), "throttled")
			}
			throttled(t, second(l.Deliver(t.Context(), request("a", r.URL))))
		})
	}
	t.Run("but not for a caller who gives up at once", func(t *testing.T) {
		r := delivertest.NewReceiver()
		defer r.Close()
		r.Answers(delivertest.Answer{Delay: time.Minute})
		h := &deliver.HTTP{AllowPrivate: true}
		defer h.CloseIdleConnections()
		l := limiter(t, h, nil)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			_, err := l.Deliver(ctx, request("a", r.URL))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestThoseWhoDoNotComeBackCostTheOthersLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, &delivertest.Fake{}, &limit.Options{Limits: deliver.Limits{Rate: 1}})
		for range 1000 {
			if _, err := l.Deliver(t.Context(), request("a", "")); err != nil {
				assert.LessOrEqual(t, throttled(t, err).RetryAfter, 62*time.Second)
			}
		}
		for range 40 { // who comes when it likes takes their places
			time.Sleep(time.Second)
			_, err := l.Deliver(t.Context(), request("a", ""))
			require.NoError(t, err)
		}
		_, err := l.Deliver(t.Context(), request("a", ""))
		assert.LessOrEqual(t, throttled(t, err).RetryAfter, 2*time.Second)
	})
}

type answer func() int

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a(), Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func TestABadOptionIsRefusedWithItsPlace(t *testing.T) {
	for place, o := range map[string]limit.Options{
		"limits.concurrency":                    {Limits: deliver.Limits{Concurrency: -1}},
		"limits.rate":                           {Limits: deliver.Limits{Rate: -0.1}},
		"limits.rate: it":                       {Limits: deliver.Limits{Rate: math.NaN()}},
		"limits.burst":                          {Limits: deliver.Limits{Burst: -5}},
		"limits.burst: it is 3, without a rate": {Limits: deliver.Limits{Burst: 3}},
		"breaker.share":                         {Breaker: limit.Breaker{Share: 1.1}},
		"breaker.minimum":                       {Breaker: limit.Breaker{Minimum: -1}},
		"breaker.window":                        {Breaker: limit.Breaker{Window: -1}},
		"breaker.open":                          {Breaker: limit.Breaker{Open: -1}},
		"hostPause":                             {HostPause: -1},
	} {
		_, err := limit.New(&delivertest.Fake{}, &o)
		var fault *deliver.SettingError
		require.ErrorAs(t, err, &fault)
		assert.ErrorContains(t, err, place)
	}
	_, err := limit.New(&delivertest.Fake{}, &limit.Options{HostPause: -1, Limits: deliver.Limits{Rate: math.Inf(1)}})
	assert.ErrorContains(t, err, "limits.rate")
	assert.ErrorContains(t, err, "hostPause", "all at once")
	_, err = limit.New(nil, nil)
	assert.Error(t, err)
}

func ExampleLimiter() {
	fake := &delivertest.Fake{} // stands in for deliver.HTTP
	l, err := limit.New(fake, &limit.Options{Limits: deliver.Limits{Rate: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		_, err := l.Deliver(context.Background(), &deliver.Request{ID: "msg_1", EndpointID: "crm"})
		fmt.Println(err != nil)
	}
	_, err = l.Deliver(context.Background(), &deliver.Request{ID: "msg_1", EndpointID: "shop"})
	fmt.Println(err)
	// Output:
	// false
	// true
	// <nil>
}

func ExampleOptions() {
	_, err := limit.New(&delivertest.Fake{}, &limit.Options{
		Limits:  deliver.Limits{Concurrency: 8, Rate: -1},
		Breaker: limit.Breaker{Share: 25},
	})
	fmt.Println(err)
	// Output:
	// limits.rate: it is -1; 0 means no limit here
	// breaker.share: it is 25; a share is from 0 to 1, and 0 means 0.5
}
