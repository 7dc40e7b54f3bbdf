package deliver_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// A signed delivery that is accepted at once allocates little that net/http's
// own client would not: the goal is twelve more than a tuned client with a
// timeout, which neither signs nor keeps what came back.
func TestADeliveryCostsLittleMoreThanNetHTTP(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates, and empties pools")
	}
	body := []byte(strings.Repeat("x", 700))
	url := raw(t, func(c net.Conn) { // which allocates nothing for a request
		answer, buf, n := []byte(ok+"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"), make([]byte, 4<<10), 0
		for {
			m, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			if n += m; bytes.HasSuffix(buf[:n], body) {
				n = 0
				c.Write(answer)
			}
		}
	})

	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 2048, MaxIdleConnsPerHost: 256}, Timeout: deliver.DefaultTimeout}
	t.Cleanup(client.CloseIdleConnections)
	theirs := allocations(t, func() error {
		req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})

	h, req := sender(t), request(url)
	req.Body, req.Destination.Secrets = body, []string{deliver.NewSecret()}
	ours := allocations(t, func() error {
		_, err := h.Deliver(t.Context(), req)
		return err
	})
	t.Logf("%v allocations, %v of them net/http's", ours, theirs)
	assert.LessOrEqual(t, ours, theirs+12)
}

// allocations is how many do makes on its connection, in all goroutines.
func allocations(t *testing.T, do func() error) float64 {
	var failed error
	n := testing.AllocsPerRun(1000, func() {
		if err := do(); err != nil {
			failed = err
		}
	})
	require.NoError(t, failed)
	return n
}
