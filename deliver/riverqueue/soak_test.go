package riverqueue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// What a soak's memory may grow by from a fifth of its deliveries to nine tenths,
// whatever their number.
const (
	maxHeapGrowth      = 2 << 20 // bytes that live after a collection
	maxGoroutineGrowth = 100     // 20 jobs under way have up to 5 each
)

// Of a thousand endpoints 1 % are dead, 5 % slow and 10 % flaky. Everything
// settles, and what lives in memory does not grow with what was delivered.
//
// It makes 10,000 deliveries, as far as they are bearable. LEADHOOK_SOAK=100000 makes as many, which takes
// minutes:
//
//	LEADHOOK_SOAK=100000 go test -run TestSoak -v -timeout 60m .
func TestSoak(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		n := bearable(t, 10_000)
		if text := os.Getenv("LEADHOOK_SOAK"); text != "" {
			var err error
			n, err = strconv.Atoi(text)
			require.NoError(t, err)
		}
		soak(t, open, n)
	})
}

// soakEndpoint is where delivery i goes: neighbours to different kinds.
func soakEndpoint(i int) string {
	e := i * 367 % 1000
	switch {
	case e < 10:
		return fmt.Sprintf("dead-%d", e)
	case e < 60:
		return fmt.Sprintf("slow-%d", e)
	case e < 160:
		return fmt.Sprintf("flaky-%d", e)
	}
	return fmt.Sprintf("healthy-%d", e)
}

func kindOf(endpointID string) string {
	kind, _, _ := strings.Cut(endpointID, "-")
	return kind
}

func soak(t *testing.T, open func(*testing.T) connection, n int) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch kindOf(r.URL.Path[1:]) {
		case "slow":
			time.Sleep(50*time.Millisecond + rand.N(150*time.Millisecond))
		case "flaky":
			if rand.IntN(10) < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}))
	t.Cleanup(receiver.Close)
	dead := refusing(t)
	var accepted, settled atomic.Int64
	sender := &deliver.HTTP{AllowPrivate: true}
	l := newLab(t, open, func(l *lab) {
		l.schedule = func(string) []time.Duration {
			return []time.Duration{0, time.Millisecond, time.Millisecond, time.Millisecond}
		}
		l.resolve = func(_ context.Context, endpointID string) (deliver.Destination, error) {
			if kindOf(endpointID) == "dead" {
				return deliver.Destination{URL: dead}, nil
			}
			return deliver.Destination{URL: receiver.URL + "/" + endpointID}, nil
		}
		l.deliverer = deliverFunc(func(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
			receipt, err := sender.Deliver(ctx, req)
			if err == nil {
				accepted.Add(1)
			}
			if err == nil || !req.Kept {
				settled.Add(1)
			}
			return receipt, err
		})
	})
	require.NoError(t, l.queue.migrate(t.Context()))
	l.start()

	// Storing goes on until the end, a twentieth ahead of sending.
	began := time.Now()
	var samples []memory
	batch := max(n/200, 1)
	for stored := 0; stored < n; {
		var reqs []*deliver.Request
		for range min(batch, n-stored) {
			reqs = append(reqs, request(soakEndpoint(stored), fmt.Sprint(stored), "new_lead"))
			stored++
		}
		_, err := l.queue.DeliverBatch(t.Context(), reqs)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return stored-int(settled.Load()) <= n/20 }, 10*time.Minute, 5*time.Millisecond)
		if int(settled.Load()) >= (len(samples)+2)*n/10 && len(samples) < 8 { // 20 %, 30 % … 90 %
			samples = append(samples, inUse())
		}
	}
	require.Eventually(t, func() bool { return unsettled(t, l.client) == 0 }, 10*time.Minute, 50*time.Millisecond)
	took := time.Since(began)

	states := l.states()
	t.Logf("%d deliveries settled in %v: %v", n, took.Round(time.Millisecond), states)
	t.Logf("in use at 20 %%, 30 %% … 90 %%: %v", samples)
	total, completed := 0, 0
	for of, count := range states {
		total += count
		kind, state, _ := strings.Cut(of, " ")
		switch rivertype.JobState(state) {
		case rivertype.JobStateCompleted:
			completed += count
			assert.NotEqual(t, "dead", kind)
		case rivertype.JobStateDiscarded:
			assert.Contains(t, []string{"dead", "flaky"}, kind)
		default:
			assert.Fail(t, of)
		}
	}
	assert.Equal(t, n, total)
	assert.EqualValues(t, completed, accepted.Load(), "nothing is sent twice")
	require.Len(t, samples, 8)
	first, last := samples[0], samples[7]
	assert.Less(t, last.heap, first.heap+maxHeapGrowth)
	assert.Less(t, last.goroutines, first.goroutines+maxGoroutineGrowth)
}

// refusing is the URL of a port where nobody listens.
func refusing(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// memory is what is in use.
type memory struct {
	heap       uint64 // bytes that live
	goroutines int
}

func (m memory) String() string {
	return fmt.Sprintf("%.1f MiB and %d goroutines", float64(m.heap)/(1<<20), m.goroutines)
}

func inUse() memory {
	runtime.GC()
	runtime.GC() // what sync.Pool keeps over one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return memory{stats.HeapAlloc, runtime.NumGoroutine()}
}

// states counts jobs by their endpoint's kind and their state.
func (l *lab) states() map[string]int {
	states := make(map[string]int)
	first := river.NewJobListParams().First(10_000)
	for params := first; ; {
		page, err := l.client.JobList(context.Background(), params)
		require.NoError(l.t, err)
		for _, row := range page.Jobs {
			var job riverqueue.Job
			require.NoError(l.t, json.Unmarshal(row.EncodedArgs, &job))
			states[kindOf(job.Stream)+" "+string(row.State)]++
		}
		if len(page.Jobs) < 10_000 {
			return states
		}
		params = first.After(page.LastCursor) // JobList has added its own conditions to params
	}
}
