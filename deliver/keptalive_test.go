package deliver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/deliver"
)

// The peer closes a kept-alive connection at the moment when it is used again, in
// each way that there is. Whatever wins the race, what was delivered has arrived,
// and what has not arrived is retried.
func TestAConnectionThatDiesAsItIsReusedLosesNothing(t *testing.T) {
	const each = 150
	for proves, dies := range map[string]func(*bufio.Reader, net.Conn){
		"closed after the answer":       func(*bufio.Reader, net.Conn) {},
		"reset after the answer":        func(_ *bufio.Reader, c net.Conn) { reset(c) },
		"closed with the next request":  func(r *bufio.Reader, _ net.Conn) { r.Peek(1) },
		"reset with the next request":   func(r *bufio.Reader, c net.Conn) { r.Peek(1); reset(c) },
		"closed after the next request": func(r *bufio.Reader, _ net.Conn) { http.ReadRequest(r); r.Discard(r.Buffered()) },
	} {
		t.Run(proves, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			answered := map[string]int{}
			url := raw(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				if _, err := io.Copy(io.Discard, req.Body); err != nil {
					return
				}
				mu.Lock()
				answered[req.Header.Get("Webhook-Id")]++
				mu.Unlock()
				io.WriteString(c, ok+"Content-Length: 0\r\n\r\n")
				dies(r, c)
			})
			h := sender(t)
			attempts := 0
			for i := range each {
				req := request(url)
				req.ID, req.Destination.MaxAttempts = fmt.Sprintf("msg_%d", i), 100
				receipt, err := h.Deliver(t.Context(), req)
				if assert.NoError(t, err, "another attempt has another connection") {
					assert.Equal(t, deliver.Delivered, receipt.Status)
					attempts += len(receipt.Attempts)
				}
			}
			t.Logf("%d attempts for %d messages", attempts, each)
			mu.Lock()
			defer mu.Unlock()
			assert.Len(t, answered, each, "none is lost")
			for id, n := range answered {
				// A reset may overtake the answer; then it arrives once more.
				if n > 1 && proves != "reset after the answer" {
					t.Errorf("%s arrived %d times", id, n)
				}
			}
		})
	}
}
