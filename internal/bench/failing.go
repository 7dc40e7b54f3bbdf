package main

import (
	"bytes"

	"github.com/topprovider/leadhook/encode"
)

// failing measures what a receiver that only fails costs the others.
func failing(b *bench) {
	body := bytes.Clone(ours(newSample(len(rules)), encode.JSON, nil).write())
	s := section{title: "One receiver that only fails", about: "16 at a time to sixty hosts, and every hundredth request to one that answers 503 to everything, which is given up at once. The ratio is leadhook's rate with it by its rate without, and by that of go-retryablehttp on the tuned transport: giving up, that closes every idle connection there is."}
	for _, secure := range []bool{false, true} {
		how, apart := "plain", 2.0
		if secure {
			how, apart = "TLS", 5
		}
		r := startFleet(fleet{Healthy: 60, Failing: 1, TLS: secure})
		roots := r.roots()
		clients := []client{delivering(roots), delivering(roots), retryable(tunedTransport(roots)), retryable(tunedTransport(roots))}
		whole := load{body: body, urls: r.urls(r.Healthy), atATime: 16, fixed: true}
		broken := whole
		broken.failing = r.urls(r.Failing)[0]
		t := b.try(r, []load{broken, whole, broken, whole}, clients)
		s.add(row{work: how, beside: "itself without", ours: t.rate(0), theirs: t.rate(1), ratio: t.times(1, 0), goal: atLeast(0.94)})
		s.add(row{work: how, beside: "go-retryablehttp, unshielded", ours: t.rate(0), theirs: t.rate(2), ratio: t.times(2, 0), goal: atLeast(apart)})
		s.add(row{work: how + ": go-retryablehttp", beside: "itself without", ours: t.rate(2), theirs: t.rate(3), ratio: t.times(3, 2)})
		s.limit(how+": new connections to healthy receivers per 1 000 requests", t.connections[0], goal{none: true})
		r.stop()
	}
	b.add(s)
}
