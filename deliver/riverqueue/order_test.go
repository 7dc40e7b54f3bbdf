package riverqueue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// An orderedReceiver fails at random, and knows of each lead whether its new_lead
// was settled before an update came.
type orderedReceiver struct {
	*httptest.Server

	mu        sync.Mutex
	tries     map[string]int  // of a new_lead
	settled   map[string]bool // leads whose new_lead is not to come again
	updated   map[string]bool // leads whose update came
	overtaken []string
}

func newOrderedReceiver(t *testing.T) *orderedReceiver {
	r := &orderedReceiver{tries: make(map[string]int), settled: make(map[string]bool), updated: make(map[string]bool)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP refuses one of six for good, and two of six for now.
func (r *orderedReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	code := []int{200, 200, 200, 422, 503, 503}[rand.IntN(6)]
	message, lead, _ := strings.Cut(req.Header.Get("webhook-id"), "-")
	r.mu.Lock()
	switch message {
	case "new_lead":
		r.tries[lead]++
		r.settled[lead] = code != 503 || r.tries[lead] == len(short(""))
	case "lead_update":
		r.updated[lead] = true
		if !r.settled[lead] {
			r.overtaken = append(r.overtaken, lead)
		}
	}
	r.mu.Unlock()
	w.WriteHeader(code)
}

// bearable is n, or a tenth of it in short tests, or a twentieth where the race
// detector watches SQLite, which it makes ten times slower and more.
func bearable(t *testing.T, n int) int {
	switch {
	case raced && strings.HasSuffix(t.Name(), "/SQLite"):
		return n / 20
	case testing.Short():
		return n / 10
	}
	return n
}

// Thousands of leads have an update right behind, the receiver fails at random,
// and two clients work side by side: no update comes before its new_lead was
// delivered or had failed for good.
func TestThousandsOfLeadsKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, open func(*testing.T) connection) {
		leads := bearable(t, 4000)
		receiver := newOrderedReceiver(t)
		c := open(t)
		l := newLab(t, func(*testing.T) connection { return c }, func(l *lab) {
			l.schedule = short
			l.limits.Concurrency = 100 // the order is to be all that holds a job back
			l.deliverer = &deliver.HTTP{AllowPrivate: true}
			l.resolve = func(context.Context, string) (deliver.Destination, error) {
				return deliver.Destination{URL: receiver.URL}, nil
			}
		})
		require.NoError(t, l.queue.migrate(t.Context()))
		l.start()
		second := *l
		second.client, _ = c.host(l)
		second.start()
		for i := 0; i < leads; i += 100 {
			var batch []*deliver.Request
			for j := range 100 {
				id := fmt.Sprint(i + j)
				batch = append(batch, request("crm", id, "new_lead"), request("crm", id, "lead_update"))
			}
			_, err := l.queue.DeliverBatch(t.Context(), batch)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { return unsettled(t, l.client) == 0 }, 4*time.Minute, 100*time.Millisecond)
		receiver.mu.Lock()
		defer receiver.mu.Unlock()
		assert.Empty(t, receiver.overtaken)
		assert.Len(t, receiver.settled, leads)
		assert.Len(t, receiver.updated, leads)
	})
}
