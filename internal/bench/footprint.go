package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/topprovider/leadhook/encode"
)

// footprint measures the memory of deliveries that wait for their answers.
func footprint(b *bench) {
	atATime := 10_000
	if b.quick {
		atATime = 2_000
	}
	s := section{title: "Memory in flight", about: "Heap and stacks for each delivery that waits for its answer, its connection included."}
	body := bytes.Clone(ours(newSample(len(rules)), encode.JSON, nil).write())
	h, t := newHTTP(nil), tunedTransport(nil)
	c := &http.Client{Transport: t}
	var ours, theirs []float64
	for range 3 {
		ours = append(ours, inFlight(atATime, func(ctx context.Context, url string) {
			req := request(url, body)
			req.Destination.Timeout = time.Minute
			h.Deliver(ctx, req)
		}))
		h.CloseIdleConnections()
		theirs = append(theirs, inFlight(atATime, func(ctx context.Context, url string) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
			must(err)
			req.Header.Set("Content-Type", "application/json")
			drain(c.Do(req))
		}))
		t.CloseIdleConnections()
	}
	kib := func(bytes []float64) string { return fmt.Sprintf("%.1f KiB", summarize(bytes).median/1024) }
	r := race{took: [][]float64{ours, theirs}}
	s.add(row{work: thousands(atATime) + " at a time", beside: tunedName, ours: kib(ours), theirs: kib(theirs), ratio: r.times(0, 1), goal: atMost(1.3)})
	b.add(s)
}

// inFlight returns what each of n deliveries takes that a receiver leaves
// without an answer.
func inFlight(n int, deliver func(ctx context.Context, url string)) float64 {
	r := startFleet(fleet{Silent: 1})
	url := r.urls(r.Silent)[0]
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	before := inUse()
	for i := range n {
		waiting.Go(func() { deliver(ctx, url) })
		for i-int(r.counts().Requests) > 200 { // more would not fit the backlog
			time.Sleep(time.Millisecond)
		}
	}
	for until := time.Now().Add(20 * time.Second); r.counts().Requests < int64(n); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			must(fmt.Errorf("of %d requests %d arrived", n, r.counts().Requests))
		}
	}
	after := inUse()
	cancel()
	waiting.Wait()
	r.stop()
	debug.FreeOSMemory()
	return (after - before) / float64(n)
}
