package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/limit"
	"github.com/topprovider/leadhook/encode"
)

// slow measures what slow and dead endpoints cost the healthy ones.
func slow(b *bench) {
	s := section{title: "Slow and dead endpoints", about: "85 healthy endpoints, each with a sender that waits for its answer, so that the machine is at its limit; then 10 slow ones (2 s) and 5 dead ones (no answer; 2 s a try) beside them, each owed 10 leads a second. In turns; p99 and delivered leads a second are those of the healthy ones."}
	body := bytes.Clone(ours(newSample(len(rules)), encode.JSON, nil).write())
	const healthy = 85
	r := startFleet(fleet{Healthy: healthy, Slow: 10, Silent: 5, Delay: 2 * time.Second})
	defer r.stop()
	urls := r.urls(r.Healthy)
	others := append(r.urls(r.Slow), r.urls(r.Silent)...)

	rounds, turn := 5, 5*time.Second
	if b.quick {
		rounds, turn = 2, time.Second
	}
	h := newHTTP(nil)
	limited, err := limit.New(h, &limit.Options{Limits: deliver.Limits{Concurrency: 8}})
	must(err)
	h.Observe, h.Pause = limited.Observe, limited.Pause
	for _, way := range []struct {
		name string
		deliver.Deliverer
	}{{"deliver.HTTP", h}, {"deliver.HTTP under deliver/limit, 8 at a time for each endpoint", limited}} {
		var rates, p99s [2][]float64
		send(way, body, urls, nil, turn/5) // warm
		for range rounds {
			for i, burden := range [][]string{nil, others} {
				took := send(way, body, urls, burden, turn)
				rates[i] = append(rates[i], float64(len(took))/turn.Seconds())
				p99s[i] = append(p99s[i], float64(took[len(took)*99/100].Nanoseconds()))
			}
		}
		rate, p99 := race{took: rates[:]}, race{took: p99s[:]}
		perSecond := func(i int) string { return fmt.Sprintf("%s/s", thousands(int(summarize(rates[i]).median))) }
		s.add(row{work: "delivered, " + way.name, beside: "the same without them", ours: perSecond(1), theirs: perSecond(0), ratio: rate.times(1, 0), goal: atLeast(0.9)})
		s.add(row{work: "p99, " + way.name, beside: "the same without them", ours: duration(summarize(p99s[1]).median), theirs: duration(summarize(p99s[0]).median), ratio: p99.times(1, 0), goal: atMost(2)})
	}
	h.CloseIdleConnections()
	b.add(s)
}

// send delivers to each of urls in turns, and owes each of burden 10 leads a
// second. It returns what the deliveries to urls took, sorted.
func send(d deliver.Deliverer, body []byte, urls, burden []string, turn time.Duration) (took []time.Duration) {
	var stop atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	var sending, owed sync.WaitGroup
	deliverTo := func(ctx context.Context, url string) error {
		req := request(url, body)
		req.EndpointID, req.Destination.Timeout, req.Destination.MaxAttempts = url, 2*time.Second, 1
		_, err := d.Deliver(ctx, req)
		return err
	}
	for _, url := range burden {
		owed.Go(func() {
			for tick := time.NewTicker(time.Second / 10); !stop.Load(); <-tick.C {
				owed.Go(func() { deliverTo(ctx, url) })
			}
		})
	}
	var mu sync.Mutex
	for _, url := range urls {
		sending.Go(func() {
			var own []time.Duration
			for !stop.Load() {
				began := time.Now()
				must(deliverTo(ctx, url))
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	time.Sleep(turn)
	stop.Store(true)
	sending.Wait()
	cancel()
	owed.Wait()
	slices.Sort(took)
	return took
}
