package deliver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// A fault is a way in which a delivery goes wrong, and what must come of it.
type fault struct {
	proves   string
	set      func(*scene)
	cause    deliver.Cause // "" where it is delivered
	verdict  error         // nil where it is delivered
	attempts int           // so many; at most, where it is negative and a race decides
	says     string        // a part of the error
}

// TestFaults checks each fault for its cause and verdict, and that it costs
// neither time nor memory nor goroutines without bound, nor the connections of
// other endpoints. It is not parallel: what is allocated, and which goroutines
// there are, is the whole process's.
func TestFaults(t *testing.T) {
	for _, faults := range []struct {
		of   string
		rows []fault
	}{
		{"connecting", connecting()}, {"TLS", handshakes()}, {"answers", answering()}, {"redirects", redirects()},
		{"Retry-After", retryAfters()}, {"HTTP2", streams()}, {"contexts", contexts()},
	} {
		t.Run(faults.of, func(t *testing.T) {
			for _, f := range faults.rows {
				t.Run(f.proves, f.check)
			}
		})
	}
}

// A scene is a delivery that a fault is set up for.
type scene struct {
	*testing.T
	http    *deliver.HTTP
	req     *deliver.Request
	ctx     context.Context
	cancel  context.CancelFunc
	healthy *delivertest.Receiver // another endpoint of the same sender
	read    atomic.Int32          // requests that a peer has read
	after   []func(error)         // more to check when Deliver is back
}

const (
	// quick is the attempt's time where a timeout is what is proven. Nothing
	// else depends on it, so that a slow machine only sees it earlier.
	quick = 50 * time.Millisecond
	// slack is for a machine that has other things to do.
	slack = 5 * time.Second
	// allowed is what one attempt may take on both sides of the loopback. 16 KiB
	// of tiny headers take a sixteenth of it; an answer without end would take
	// hundreds of times as much in its attempt's time.
	allowed = 8 << 20
)

func (f fault) check(t *testing.T) {
	// The first to be registered is the last to run: when everything is closed.
	before := goleak.IgnoreCurrent()
	over := make(chan struct{})
	var closing sync.WaitGroup
	t.Cleanup(func() {
		close(over)
		closing.Wait()
		assert.NoError(t, goleak.Find(before), "no goroutine is left")
	})

	s := &scene{T: t, http: sender(t), healthy: receiver(t)}
	s.ctx, s.cancel = context.WithTimeout(t.Context(), 30*time.Second) // so that what breaks a bound fails
	defer s.cancel()
	s.req = request("")
	s.req.Destination.MaxAttempts, s.req.Destination.Timeout = 2, 10*time.Second
	if f.cause == deliver.CauseTimeout {
		s.req.Destination.Timeout = quick
	}
	f.set(s)
	t.Cleanup(func() {
		// An HTTP/2 stream ends a moment after Deliver, and its connection is not
		// idle until then.
		closing.Go(func() {
			for {
				s.http.CloseIdleConnections()
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	})
	s.neighbour()

	heap := watchHeap()
	began := time.Now()
	receipt, err := s.http.Deliver(s.ctx, s.req)
	took := time.Since(began)
	total, held := heap.stop()

	require.NotEqual(t, receipt == nil, err == nil, "a receipt or an error, never both or none")
	var attempts []deliver.Attempt
	if f.verdict == nil {
		require.NoError(t, err)
		assert.Equal(t, deliver.Delivered, receipt.Status)
		attempts = receipt.Attempts
	} else {
		e := failure(t, err)
		attempts = e.Attempts
		require.ErrorIs(t, err, f.verdict)
		assert.Equal(t, f.verdict, e.Kind)
		assert.Equal(t, f.cause, e.Cause)
		assert.NotEmpty(t, e.Cause.Remedy())
		assert.ErrorContains(t, err, f.says)
		assert.NotContains(t, err.Error(), "secret")
		assert.Less(t, len(err.Error()), 1000)
	}
	if f.attempts >= 0 {
		assert.Len(t, attempts, f.attempts)
	}
	assert.LessOrEqual(t, len(attempts), s.req.Destination.MaxAttempts)
	assert.LessOrEqual(t, int(s.read.Load()), len(attempts), "no attempt goes unseen")

	bound := time.Duration(len(attempts))*s.req.Destination.Timeout + slack
	for i, a := range attempts {
		assert.LessOrEqual(t, a.Duration, s.req.Destination.Timeout+slack)
		assert.LessOrEqual(t, len(a.Body), 4<<10)
		assert.NotContains(t, a.Err, "secret")
		if i < len(attempts)-1 {
			bound += max(shortBackoff(0), a.RetryAfter)
		}
	}
	assert.LessOrEqual(t, took, bound)
	t.Logf("%v, %d KiB allocated, %d KiB held, %v", took.Round(time.Millisecond), total>>10, held>>10, err)
	assert.LessOrEqual(t, held, int64(allowed))
	if took < quick {
		// Too short to be looked at; but what was allocated in all bounds what
		// was held.
		assert.LessOrEqual(t, total, int64(max(len(attempts), 1)*allowed))
	}

	for _, look := range s.after {
		look(err)
	}
	s.neighbour()
	assert.Equal(t, 1, s.healthy.Connections(), "the neighbour's connection is kept")
}

// A heapWatch looks again and again at what is alive, garbage left out.
type heapWatch struct {
	was       int64
	allocated uint64
	held      chan int64 // the most
	end       chan struct{}
}

func watchHeap() *heapWatch {
	w := &heapWatch{was: liveHeap(), allocated: allocated(), held: make(chan int64), end: make(chan struct{})}
	go func() {
		most := int64(0)
		for {
			select {
			case <-w.end:
				w.held <- most
				return
			case <-time.After(quick / 4):
				most = max(most, liveHeap()-w.was)
			}
		}
	}()
	return w
}

// stop returns what was allocated in all, and the most that was alive.
func (w *heapWatch) stop() (total, held int64) {
	total = int64(allocated() - w.allocated)
	close(w.end)
	return total, <-w.held
}

func liveHeap() int64 {
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// neighbour delivers to the healthy endpoint.
func (s *scene) neighbour() {
	s.Helper()
	h := &deliver.HTTP{Transport: s.http.Transport, AllowPrivate: true, Backoff: shortBackoff}
	if h.Transport == nil {
		h = s.http // its pool is what counts
	}
	observe := h.Observe
	h.Observe = nil
	_, err := h.Deliver(s.Context(), request(s.healthy.URL))
	h.Observe = observe
	require.NoError(s, err)
}

// peer serves each connection by hand, until the client closes it.
func peer(serve func(*scene, net.Conn)) func(*scene) {
	return func(s *scene) {
		s.req.Destination.URL = raw(s.T, func(c net.Conn) { serve(s, c) })
	}
}

// request reads a request.
func (s *scene) request(c net.Conn) bool {
	if readRequest(c) != nil {
		return false
	}
	s.read.Add(1)
	return true
}

// hold keeps a connection open for as long as the client does.
func hold(c net.Conn) {
	var b [4 << 10]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

// reset makes closing a connection a reset.
func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

// large is more than a loopback's buffers take, so that sending it stops where
// nobody reads.
func (s *scene) large() { s.req.Body = make([]byte, 16<<20) }

// fence makes the sender dial nothing but loopback addresses that it knows, and
// checks that it never tried.
func (s *scene) fence(known ...string) {
	known = append(known, s.healthy.URL)
	s.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if !slices.Contains(known, "http://"+address) {
				s.Errorf("%s is dialled", address)
				return nil, errors.New("outside of the fence")
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
}
