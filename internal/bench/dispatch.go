package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/health"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/limit"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// nothing is a Deliverer that does nothing, and says what HTTP would have said.
type nothing struct{}

var accepted = &deliver.Receipt{Status: deliver.Delivered, Attempts: []deliver.Attempt{{
	Number: 1, At: time.Now(), Duration: time.Millisecond, StatusCode: 200, Body: []byte(`{"ok":true}`),
}}}

func (nothing) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return accepted, nil
}

// endpoints returns so many that take the mapping of all measurements as JSON.
func endpoints(n int, url func(i int) string, secrets ...string) []leadhook.Endpoint {
	list := make([]leadhook.Endpoint, n)
	for i := range list {
		list[i] = leadhook.Endpoint{ID: "e" + strconv.Itoa(i), URL: url(i), Mapping: mapping.Mapping{Rules: rules}, Secrets: secrets}
	}
	return list
}

func dispatcher(d deliver.Deliverer, o *leadhook.Options, list []leadhook.Endpoint) *leadhook.Dispatcher {
	dispatcher, err := leadhook.New(d, o)
	must(err)
	must(dispatcher.SetEndpoints(list))
	return dispatcher
}

// dispatches measures what Dispatch, and the Deliverers around another, add.
func dispatches(b *bench) {
	s := section{title: "Dispatch", about: "Of one lead, with a Deliverer that does nothing, beside the encoders alone. For each endpoint Dispatch decides, encodes, encodes once more with personal data masked, makes a request and delivers it side by side with the others; `Unmasked` leaves the masked one out, for a host without history."}
	ctx, nineteen := context.Background(), newSample(len(rules))
	e := nineteen.encoder(encode.JSON, nil)
	m := routing.Message{ID: "msg_1", Type: routing.MessageNewLead, Lead: nineteen.lead}
	url := func(int) string { return "https://crm.example.com/leads" }
	perEndpoint := make(map[int]float64)
	for _, n := range []int{1, 10, 1000} {
		list := endpoints(n, url)
		masked, unmasked := dispatcher(nothing{}, nil, list), dispatcher(nothing{}, &leadhook.Options{Unmasked: true}, list)
		dispatch := func(d *leadhook.Dispatcher) func() {
			return func() {
				_, err := d.Dispatch(ctx, m)
				must(err)
			}
		}
		var buf []byte
		encoders := func() {
			for range n {
				var err error
				buf, err = e.Append(buf[:0], m)
				must(err)
			}
		}
		r := b.compute(one("masked", dispatch(masked)), one("unmasked", dispatch(unmasked)), one("encoders", encoders))
		for i, name := range []string{"Dispatch", "Dispatch, Unmasked"} {
			over := (r.time(i).median - r.time(2).median) / float64(n)
			s.add(row{work: fmt.Sprintf("%s to %s: %s over the encoders for each endpoint", name, thousands(n), duration(over)), beside: "the encoders alone", ours: duration(r.time(i).median), theirs: duration(r.time(2).median), ratio: r.times(i, 2)})
		}
		count, _ := allocations(dispatch(masked))
		perEndpoint[n] = count / float64(n)
	}
	s.state("allocations for each endpoint, at 10 and at 1 000", fmt.Sprintf("%.1f, %.1f", perEndpoint[10], perEndpoint[1000]))
	b.check(perEndpoint[1000] < 1.2*perEndpoint[10], "Dispatch allocates %.1f times for each of 1000 endpoints, and %.1f for each of 10", perEndpoint[1000], perEndpoint[10])
	b.add(s)

	b.add(around(b, dispatcher(nothing{}, nil, endpoints(1, url)), m))
}

// around measures the Deliverers that stand around another.
func around(b *bench, d *leadhook.Dispatcher, m routing.Message) section {
	s := section{title: "Around a Deliverer", about: "What each adds to one that does nothing, for each delivery that succeeds. `history` is `history.Memory` here, whose entries a new delivery of the same message replaces."}
	req, err := d.Preview("e0", m)
	must(err)
	limited, err := limit.New(nothing{}, nil)
	must(err)
	watched, err := health.New(nothing{}, nil)
	must(err)
	kept, err := history.New(nothing{}, &history.Memory{}, nil)
	must(err)
	for _, c := range []struct {
		name string
		deliver.Deliverer
	}{{"deliver/limit", limited}, {"deliver/health", watched}, {"deliver/history", kept}} {
		deliver := func() {
			_, err := c.Deliver(context.Background(), req)
			must(err)
		}
		r := b.compute(one(c.name, deliver))
		count, _ := allocations(deliver)
		s.state(c.name, fmt.Sprintf("%s, %.0f allocations", duration(r.time(0).median), count))
	}
	return s
}
