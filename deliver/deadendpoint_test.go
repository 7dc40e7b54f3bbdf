package deliver_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// fleet is so many healthy endpoints, each with a connection.
func fleet(t testing.TB, h *deliver.HTTP, n int) []*delivertest.Receiver {
	receivers := make([]*delivertest.Receiver, n)
	for i := range receivers {
		receivers[i] = delivertest.NewReceiver()
		t.Cleanup(receivers[i].Close)
		_, err := h.Deliver(t.Context(), request(receivers[i].URL))
		require.NoError(t, err)
	}
	return receivers
}

// dead gives up at once, in ways that differ in what becomes of the connection.
var dead = map[string]func(*testing.T) string{
	"refusing":  func(t *testing.T) string { return "http://" + refusing(t) },
	"resetting": func(t *testing.T) string { return raw(t, reset) },
	"silent":    func(t *testing.T) string { return raw(t, hold) },
	"failing": func(t *testing.T) string {
		r := receiver(t)
		r.Answers(delivertest.Code(503))
		return r.URL
	},
	"asking for an hour": func(t *testing.T) string {
		r := receiver(t)
		r.Answers(delivertest.RetryAfter(429, "3600"))
		return r.URL
	},
}

// Whatever becomes of one endpoint, however often it is given up, and by
// contexts that end too: the others need no new connection.
func TestOneDeadEndpointAmongAHundred(t *testing.T) {
	for how, start := range dead {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			h := &deliver.HTTP{AllowPrivate: true, Backoff: shortBackoff}
			healthy := fleet(t, h, 99)
			to := request(start(t))
			t.Cleanup(h.CloseIdleConnections)
			to.Destination.Timeout, to.Destination.MaxAttempts = 10*time.Millisecond, 2

			stop := make(chan struct{})
			var dying sync.WaitGroup
			var mu sync.Mutex
			givenUp := 0
			for i := range 8 {
				dying.Go(func() {
					for {
						ctx, cancel := t.Context(), func() {}
						if i%2 == 0 {
							ctx, cancel = context.WithTimeout(ctx, 5*time.Millisecond)
						}
						_, err := h.Deliver(ctx, to)
						cancel()
						assert.Error(t, err)
						mu.Lock()
						givenUp++
						mu.Unlock()
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond): // the others are to have a turn
						}
					}
				})
			}
			for range 5 {
				for _, r := range healthy {
					_, err := h.Deliver(t.Context(), request(r.URL))
					assert.NoError(t, err)
				}
			}
			close(stop)
			dying.Wait()
			assert.GreaterOrEqual(t, givenUp, 8)
			for _, r := range healthy {
				assert.Equal(t, 1, r.Connections())
			}
		})
	}
}

// The latency of 99 healthy endpoints while the hundredth hangs until its time is
// up, against that with a healthy one in its place, in turns.
func BenchmarkOneDeadEndpointAmongAHundred(b *testing.B) {
	h := &deliver.HTTP{AllowPrivate: true, Backoff: shortBackoff}
	healthy := fleet(b, h, 100)
	hanging := delivertest.NewReceiver()
	hanging.Answers(delivertest.Answer{Delay: time.Hour})
	b.Cleanup(hanging.Close)
	b.Cleanup(h.CloseIdleConnections)

	var took [2][]time.Duration
	var waiting sync.WaitGroup
	for i := range b.N {
		hundredth := request(healthy[99].URL)
		if i%2 == 1 {
			hundredth = request(hanging.URL)
			hundredth.Destination.Timeout = 50 * time.Millisecond
		}
		waiting.Go(func() { h.Deliver(context.Background(), hundredth) })
		for _, r := range healthy[:99] {
			began := time.Now()
			_, err := h.Deliver(b.Context(), request(r.URL))
			took[i%2] = append(took[i%2], time.Since(began))
			require.NoError(b, err)
		}
	}
	waiting.Wait()
	if b.N < 2 {
		return
	}
	without, with := p99(took[0]), p99(took[1])
	b.ReportMetric(float64(without.Microseconds()), "p99-without-µs")
	b.ReportMetric(float64(with.Microseconds()), "p99-with-µs")
	b.ReportMetric(float64(with)/float64(without), "ratio")
}

func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}
