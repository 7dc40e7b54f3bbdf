package main

import (
	"bytes"
	"context"
	"sync"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/routing"
)

// pipeline measures the way of a lead from the message to the answer.
func pipeline(b *bench) {
	s := section{title: "The whole way", about: "A message in, the payload made, posted and answered, 16 at a time to one host. `Dispatch` decides, encodes and delivers; the others make the payload with another library and post it with the same client. The ratio is leadhook's rate by the other's."}
	nineteen := newSample(len(rules))
	ready := bytes.Clone(ours(nineteen, encode.JSON, nil).write())
	r := startFleet(fleet{Healthy: 1})
	defer r.stop()
	url := r.urls(r.Healthy)[0]

	h := newHTTP(nil)
	list := endpoints(1, func(int) string { return url }, secret)
	m := routing.Message{ID: "msg_2mXbGJ0Nq8yU4fWvT7aKcR", Type: routing.MessageNewLead, Lead: nineteen.lead}
	dispatching := func(o *leadhook.Options) func(string, []byte) error {
		d := dispatcher(h, o, list)
		return func(string, []byte) error {
			_, err := d.Dispatch(context.Background(), m)
			return err
		}
	}
	same := delivering(nil)
	clients := []client{
		{"leadhook", dispatching(&leadhook.Options{Unmasked: true}), h.CloseIdleConnections},
		{"leadhook, and the body masked for a history", dispatching(nil), h.CloseIdleConnections},
		{"posting a ready body", same.post, same.close},
	}
	goals := []goal{{}, {}, atLeast(0.94)}
	for i, g := range []goal{atLeast(1.6), atLeast(1.25), {}, atLeast(2.1)} {
		// Each sender writes into a buffer of its own.
		pool := sync.Pool{New: func() any { return &jsonPeers(nineteen)[i] }}
		name := jsonPeers(nineteen)[i].name
		clients = append(clients, client{name + ", posted", func(url string, _ []byte) error {
			w := pool.Get().(*writer)
			defer pool.Put(w)
			return same.post(url, w.write())
		}, same.close})
		goals = append(goals, g)
	}
	t := b.try(r, repeat(load{body: ready, urls: []string{url}, atATime: 16}, len(clients)), clients)
	for i := 1; i < len(clients); i++ {
		s.add(row{work: "19 fields as JSON", beside: clients[i].name, ours: t.rate(0), theirs: t.rate(i), ratio: t.times(i, 0), goal: goals[i]})
	}
	b.add(s)
}
