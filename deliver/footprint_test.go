package deliver_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a delivery costs while it hangs, above its body: heap and stacks, those of
// net/http and of the other side of the loopback included. The goal is a
// goroutine and 64 KiB. net/http has two goroutines more for a connection, and a
// receiver that uses its whole 16 KiB of headers for tiny ones goes beyond the
// goal: net/http keeps each by its name.
func TestFootprintOfHangingDeliveries(t *testing.T) {
	deliveries := 200
	if raced {
		deliveries = 50 // it makes everything slow
	}
	for _, shape := range []struct {
		proves string
		answer string // before it hangs
		drip   string // a byte, from then on
		body   []byte
		kib    int // at most
	}{
		{"no answer", "", "", nil, 64},
		{"a header that drips", ok + "X: ", "s", nil, 64},
		{"1xx that drips", hints + hints[:40], "s", nil, 64},
		{"a body that drips", ok + "Content-Length: 100000\r\n\r\n", "secret", nil, 64},
		{"a chunk that drips", ok + chunked + "ffff\r\n", "s", nil, 64},
		{"a body that hangs behind 4 KiB", ok + "Content-Length: 100000\r\n\r\n" + strings.Repeat("s", 5<<10), "", nil, 64},
		{"gzip that hangs", ok + gzipped + string(compress([]byte("secret"))[:15]), "", nil, 64},
		{"a large header", ok + "X: " + strings.Repeat("s", 14<<10) + "\r\nContent-Length: 100000\r\n\r\n", "", nil, 64},
		{"many tiny headers", ok + tiny(14<<10) + "Content-Length: 100000\r\n\r\n", "", nil, 1024},
		{"many tiny headers that are alike", ok + strings.Repeat("X:\r\n", 3500) + "Content-Length: 100000\r\n\r\n", "", nil, 1024},
		{"many tiny headers that do not end", ok + tiny(14<<10), "", nil, 1024},
		{"a wait", busy + "Connection: close\r\nContent-Length: 0\r\n\r\n", "", nil, 64},
		{"a request that nobody reads", "", "", make([]byte, 16<<20), 128},
	} {
		t.Run(shape.proves, func(t *testing.T) {
			c := newCrowd(t, shape.answer, shape.drip, shape.body == nil)
			h := sender(t)
			h.MaxWait, h.Backoff = hour, func(int) time.Duration { return hour }
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req := request(c.url)
			req.Destination.Timeout = 10 * time.Minute
			if shape.body != nil {
				req.Body = shape.body
			}

			heap, stacks, goroutines := settledHeap(), stackBytes(), runtime.NumGoroutine()
			var hanging sync.WaitGroup
			for range deliveries {
				hanging.Go(func() {
					_, err := h.Deliver(ctx, req)
					assert.ErrorIs(t, err, context.Canceled)
				})
			}
			require.Eventually(t, func() bool { return c.size() == deliveries }, 20*time.Second, time.Millisecond)
			heap, stacks = settledHeap()-heap, stackBytes()-stacks
			goroutines = runtime.NumGoroutine() - goroutines
			ours := len(ourGoroutine.FindAllString(allStacks(), -1))
			cancel()
			hanging.Wait()

			kib := float64(heap+stacks) / float64(deliveries) / 1024
			t.Logf("%.1f KiB a delivery (%.1f of heap, %.1f of stacks), %.2f goroutines, %.2f of them ours", kib,
				float64(heap)/float64(deliveries)/1024, float64(stacks)/float64(deliveries)/1024, float64(goroutines)/float64(deliveries), float64(ours)/float64(deliveries))
			if !raced { // which makes stacks twice as large
				assert.LessOrEqual(t, kib, float64(shape.kib))
			}
			assert.LessOrEqual(t, ours, deliveries, "the caller's own")
			assert.LessOrEqual(t, goroutines, 3*deliveries+10, "and two of net/http's connection")
		})
	}
}

// ourGoroutine is a stack that this module's code is on, that of tests aside.
var ourGoroutine = regexp.MustCompile(`(?m)^goroutine .*(\n.+)*leadhook/deliver\.(.+\n)*`)

func allStacks() string {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return string(buf[:n])
		}
	}
}

// settledHeap is what is alive when that changes no more: answers have arrived,
// goroutines have ended, and pools have had their rounds.
func settledHeap() int64 {
	was := liveHeap()
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		is := liveHeap()
		if change := is - was; -64<<10 < change && change < 64<<10 {
			return is
		}
		was = is
	}
	return was
}

func stackBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.StackInuse)
}

// A crowd is many connections to one receiver, which has no goroutine and no
// buffer for each, so that what is measured is the sender's.
type crowd struct {
	url   string
	mu    sync.Mutex
	conns []net.Conn
}

func newCrowd(t *testing.T, answer, drip string, reads bool) *crowd {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &crowd{url: "http://" + l.Addr().String()}
	stop := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			for n := 0; reads && err == nil && !bytes.HasSuffix(buf[:n], request("").Body); {
				var m int
				m, err = conn.Read(buf[n:])
				n += m
			}
			io.WriteString(conn, answer)
			c.mu.Lock()
			c.conns = append(c.conns, conn)
			c.mu.Unlock()
		}
	})
	serving.Go(func() {
		for drip != "" {
			select {
			case <-stop:
				return
			case <-time.After(quick / 10):
			}
			c.mu.Lock()
			for _, conn := range c.conns {
				io.WriteString(conn, drip)
			}
			c.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(stop)
		serving.Wait()
		for _, conn := range c.conns {
			conn.Close()
		}
	})
	return c
}

func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}
