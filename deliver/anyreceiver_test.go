package deliver_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/topprovider/leadhook/deliver"
)

// A move is one thing that a receiver does with a connection.
type move struct {
	says  string        // bytes, as they are
	waits time.Duration // before that
	reads int           // bytes of the request, at most, before that
	ends  string        // "" goes on; close, reset
}

// lines are what receivers say, well and badly put together.
var lines = []string{
	"", ok, refused, busy, hints, chunked, chunk, gzipped, "0\r\n\r\n", "\r\n", "\r\n\r\n", "HTTP/1.1 429 X\r\nRetry-After: 1\r\n\r\n", "HTTP/1.1 503 X\r\nRetry-After: 99999999999\r\n\r\n",
	ok + "Content-Length: 0\r\n\r\n", ok + "Content-Length: 6\r\n\r\nsecret", ok + "Content-Length: 99\r\n\r\nsecret", "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "X: secret\r\n", "Retry-After: 0\r\n", "Connection: close\r\n",
	strings.Repeat("X: secret\r\n", 5000), strings.Repeat("secret", 20_000), strings.Repeat(hints, 50), string(compress(make([]byte, 1<<20))),
}

var moves = rapid.Custom(func(t *rapid.T) move {
	return move{
		says: rapid.OneOf(
			rapid.SampledFrom(lines),
			rapid.StringN(0, 20, 60),
		).Draw(t, "says"),
		waits: rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, 5 * time.Millisecond, 30 * time.Millisecond}).Draw(t, "waits"),
		reads: rapid.SampledFrom([]int{0, 1, 100, 64 << 10, 64 << 10, 64 << 10}).Draw(t, "reads"),
		ends:  rapid.SampledFrom([]string{"", "", "", "close", "reset"}).Draw(t, "ends"),
	}
})

// Whatever a receiver does: Deliver returns within Timeout × attempts and the
// waits between, with a receipt or an error that says what came of it.
func TestWhateverAReceiverDoesDeliverReturnsInTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(moves, 0, 6).Draw(rt, "script")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			rt.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				play(c, script)
			}
		}()
		h := &deliver.HTTP{AllowPrivate: true, Backoff: shortBackoff, MaxWait: 5 * time.Millisecond}
		defer func() {
			h.CloseIdleConnections()
			l.Close()
			<-done
		}()
		req := request("http://" + l.Addr().String())
		req.Body = make([]byte, rapid.SampledFrom([]int{0, 10, 100_000, 4 << 20}).Draw(rt, "body"))
		req.Destination.MaxAttempts = rapid.IntRange(1, 3).Draw(rt, "attempts")
		req.Destination.Timeout = 20 * time.Millisecond
		began := time.Now()
		receipt, err := h.Deliver(t.Context(), req)
		n := time.Duration(req.Destination.MaxAttempts)
		if took, bound := time.Since(began), n*req.Destination.Timeout+(n-1)*h.MaxWait+slack; took > bound {
			rt.Errorf("it took %v, more than %v", took, bound)
		}
		var e *deliver.Error
		switch {
		case (receipt == nil) == (err == nil):
			rt.Fatal("a receipt or an error, never both or none")
		case err == nil:
			if receipt.Status != deliver.Delivered || len(receipt.Attempts) == 0 || len(receipt.Attempts) > int(n) {
				rt.Errorf("%v", receipt)
			}
		case !errors.As(err, &e):
			rt.Errorf("%T is no *deliver.Error", err)
		case e.Kind != deliver.ErrRejected && e.Kind != deliver.ErrExhausted:
			rt.Errorf("the kind is %v, and no context ended", e.Kind)
		case len(e.Attempts) == 0 || len(e.Attempts) > int(n) || e.Cause.Remedy() == "" || len(e.Error()) > 1000:
			rt.Errorf("%v", e)
		}
	})
}

// play makes its moves, and then leaves the connection open until the client
// closes it.
func play(c net.Conn, script []move) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	for _, m := range script {
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // of a request that is shorter
		if m.reads > 0 {
			c.Read(buf[:m.reads])
		}
		time.Sleep(m.waits)
		c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		io.WriteString(c, m.says)
		switch m.ends {
		case "close":
			return
		case "reset":
			reset(c)
			return
		}
	}
	c.SetReadDeadline(time.Time{})
	hold(c)
}
