package deliver_test

import (
	"testing"
	"time"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

func shortBackoff(int) time.Duration { return time.Millisecond }

func TestHTTPPassesRun(t *testing.T) {
	for name, start := range map[string]func() *delivertest.Receiver{"plain": delivertest.NewReceiver, "TLS": delivertest.NewTLSReceiver} {
		t.Run(name, func(t *testing.T) {
			delivertest.Run(t, func(t *testing.T) delivertest.Rig {
				r := start()
				t.Cleanup(r.Close)
				h := &deliver.HTTP{AllowPrivate: true, Backoff: shortBackoff}
				if name == "TLS" {
					h.Transport = r.Server.Client().Transport
				}
				t.Cleanup(h.CloseIdleConnections)
				return delivertest.Rig{
					Deliverer:   h,
					Destination: deliver.Destination{URL: r.URL},
					Answers:     r.Answers,
					Exchanges:   r.Exchanges,
				}
			})
		})
	}
}
