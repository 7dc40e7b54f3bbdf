package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/mapping"
)

// How leads are handed over to be measured.
const (
	measuredEndpoints = 3
	senders           = 8  // side by side, for a rate
	calm              = 10 // leads a second, for the latency
)

// measured stores so many leads for each figure, on a host in a process of its
// own, for endpoints that answer after 1 ms, and prints how fast that was.
func measured(ctx context.Context, out io.Writer, s settings, leads int) error {
	r := &stopwatch{}
	server := httptest.NewServer(r)
	defer server.Close()
	endpoints := make([]leadhook.Endpoint, measuredEndpoints)
	for i := range endpoints {
		endpoints[i] = leadhook.Endpoint{
			ID: fmt.Sprintf("crm-%d", i), URL: server.URL,
			Mapping: mapping.Mapping{Rules: []mapping.Rule{
				{Field: mapping.FieldLeadID, Name: "id"}, {Field: mapping.FieldCreatedAt, Name: "at"},
				{Field: mapping.FieldEmail, Name: "contact.email"}, {Field: mapping.FieldMessage, Name: "message"},
			}},
		}
	}
	bench, err := newBench(ctx, s.postgres, endpoints)
	if err != nil {
		return err
	}
	defer bench.close()
	workers := []string{"-workers", strconv.Itoa(s.workers), "-pool", strconv.Itoa(s.pool)}
	rate := func(n int, began time.Time) string {
		return fmt.Sprintf("%.0f", float64(n)/time.Since(began).Seconds())
	}

	child, err := bench.start("-workers", "0", "-pool", strconv.Itoa(s.pool))
	if err != nil {
		return err
	}
	began := time.Now()
	if err := child.flood(ctx, "stored", leads); err != nil {
		child.kill()
		return err
	}
	fmt.Fprintf(out, "stored, nothing sent              %6s leads/s\n", rate(leads, began))
	if err := child.stop(); err != nil {
		return err
	}

	began = time.Now()
	if child, err = bench.start(workers...); err != nil {
		return err
	}
	defer child.kill()
	due := leads * len(endpoints)
	if err := r.wait(ctx, due); err != nil {
		return err
	}
	fmt.Fprintf(out, "sent from a backlog, none stored  %6s deliveries/s\n", rate(due, began))

	began = time.Now()
	if err := child.flood(ctx, "both", leads); err != nil {
		return err
	}
	due *= 2
	if err := r.wait(ctx, due); err != nil {
		return err
	}
	fmt.Fprintf(out, "stored and sent, all at once      %6s leads/s, %s deliveries/s\n", rate(leads, began), rate(leads*len(endpoints), began))

	r.forget()
	for i := range 10 * calm {
		if err := child.post(ctx, fmt.Sprintf("calm-%d", i)); err != nil {
			return err
		}
		time.Sleep(time.Second / calm)
	}
	if err := r.wait(ctx, due+10*calm*len(endpoints)); err != nil {
		return err
	}
	p50, p99 := r.latency()
	fmt.Fprintf(out, "from POST to the answer, %d leads/s: p50 %v, p99 %v\n", calm, p50.Round(time.Millisecond), p99.Round(time.Millisecond))
	return child.stop()
}

// flood hands so many leads over as fast as the host takes them.
func (c *child) flood(ctx context.Context, prefix string, leads int) error {
	var wg sync.WaitGroup
	errs := make([]error, senders)
	for sender := range senders {
		wg.Go(func() {
			for i := sender; i < leads && errs[sender] == nil; i += senders {
				errs[sender] = c.post(ctx, fmt.Sprintf("%s-%d", prefix, i))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A stopwatch is an endpoint that answers after 1 ms and keeps how long its leads
// took.
type stopwatch struct {
	mu   sync.Mutex
	n    int
	took []time.Duration
}

func (s *stopwatch) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var lead struct{ At time.Time }
	if err := json.NewDecoder(r.Body).Decode(&lead); err != nil {
		return
	}
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.took = append(s.took, time.Since(lead.At))
}

func (s *stopwatch) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = nil
}

func (s *stopwatch) latency() (p50, p99 time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	return s.took[len(s.took)/2], s.took[len(s.took)*99/100]
}

// wait returns when so many deliveries have arrived.
func (s *stopwatch) wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		got := s.n
		s.mu.Unlock()
		switch {
		case got >= n:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%d of %d deliveries arrived: %w", got, n, ctx.Err())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
