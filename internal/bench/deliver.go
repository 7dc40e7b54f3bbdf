package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/topprovider/leadhook/encode"
)

// A load is what clients send, and where to: in turns to each of the urls, and
// every hundredth request to a failing one, where there is one.
type load struct {
	body    []byte
	urls    []string
	failing string
	atATime int
	// fixed gives each of those that send at a time urls of its own, as far as
	// there are enough: what a host gets at a time is always the same then, and a
	// new connection is somebody's fault.
	fixed bool
}

// contender sends the load with c.
func (l load) contender(c client, errs *atomic.Int64) contender {
	var sent atomic.Uint64
	return contender{name: c.name, run: func(n int) {
		crowd(n, l.atATime, func(worker, turn int) {
			i := sent.Add(1)
			url := l.urls[i%uint64(len(l.urls))]
			switch {
			case l.failing != "" && i%100 == 0:
				c.post(l.failing, l.body)
				return
			case l.fixed:
				url = l.url(worker, turn)
			}
			if c.post(url, l.body) != nil {
				errs.Add(1)
			}
		})
	}}
}

func (l load) url(worker, turn int) string {
	hosts := len(l.urls)
	own := max(1, (hosts-worker%hosts+l.atATime-1)/l.atATime) // worker, worker + atATime, …
	return l.urls[worker%hosts+turn%own*l.atATime]
}

// A trial is clients that send loads in turns, to a fleet that counts.
type trial struct {
	race
	errors      []int64   // of the whole race, at healthy hosts
	connections []float64 // that were opened for 1 000 requests, warm
}

// try lets contenders send in turns.
func (b *bench) try(r *remote, loads []load, clients []client) trial {
	t := trial{errors: make([]int64, len(clients)), connections: make([]float64, len(clients))}
	contenders := make([]contender, len(clients))
	errs := make([]atomic.Int64, len(clients))
	var opened, sent = make([]int64, len(clients)), make([]int, len(clients))
	last := r.counts().Connections
	for i, c := range clients {
		contenders[i] = loads[i].contender(c, &errs[i])
		run := contenders[i].run
		for began := time.Now(); time.Since(began) < 2*b.netTurn; { // a pool fills slowly
			run(4 * loads[i].atATime)
		}
		contenders[i].run = func(n int) {
			last = r.counts().Connections
			run(n)
		}
		contenders[i].after = func(n int) {
			opened[i] += r.counts().Connections - last
			sent[i] += n
		}
	}
	t.race = contend(b.netRounds, b.netTurn, contenders...)
	for i, c := range clients {
		c.close()
		t.errors[i] = errs[i].Load()
		t.connections[i] = 1000 * float64(opened[i]) / float64(sent[i])
	}
	return t
}

// rate is how many requests a second a contender sent, and what else is to be
// known of it.
func (t trial) rate(i int) string {
	out := fmt.Sprintf("%s/s", thousands(int(1e9/t.time(i).median)))
	if c := t.connections[i]; c >= 0.05 {
		out += fmt.Sprintf(", %.1f new connections per 1 000", c)
	}
	if e := t.errors[i]; e > 0 {
		out += fmt.Sprintf(", %d errors", e)
	}
	return out
}

func repeat(l load, n int) []load {
	loads := make([]load, n)
	for i := range loads {
		loads[i] = l
	}
	return loads
}

// deliveries measures HTTP.Deliver beside what else a Go developer would post
// with.
func deliveries(b *bench) {
	body := bytes.Clone(ours(newSample(len(rules)), encode.JSON, nil).write())
	s := section{title: "Delivering", about: "`HTTP.Deliver` of a ready body, with guard, signature and receipt, to receivers on loopback in another process. The ratio is leadhook's rate by the other's; new connections are counted when all are warm."}
	r := startFleet(fleet{Healthy: 60})
	defer r.stop()
	b.checkRequests(r, body)
	for _, hosts := range []int{1, 60} {
		for _, atATime := range []int{1, 16, 256} {
			b.deliver(&s, r, load{body: body, urls: r.urls(r.Healthy[:hosts]), atATime: atATime}, "", func(c int) goal {
				switch {
				case c == 1:
					return atLeast(0.95)
				case c > 2 && atATime == 256:
					return atLeast(3)
				}
				return goal{}
			})
		}
	}
	secure := startFleet(fleet{Healthy: 1, TLS: true})
	defer secure.stop()
	b.deliver(&s, secure, load{body: body, urls: secure.urls(secure.Healthy), atATime: 64}, ", TLS", func(c int) goal {
		switch c {
		case 1:
			return atLeast(0.95)
		case 2:
			return goal{}
		}
		return atLeast(10)
	})
	b.countPostAllocations(&s, r, body)
	b.add(s)
}

func (b *bench) deliver(s *section, r *remote, l load, how string, goalOf func(client int) goal) {
	roots := r.roots()
	clients := append([]client{delivering(roots), tuned(roots), signing(roots)}, defaults(roots)...)
	t := b.try(r, repeat(l, len(clients)), clients)
	hosts := "one host"
	if len(l.urls) > 1 {
		hosts = fmt.Sprintf("%d hosts", len(l.urls))
	}
	work := fmt.Sprintf("%d at a time, %s%s", l.atATime, hosts, how)
	for i := 1; i < len(clients); i++ {
		line := row{work: work, beside: clients[i].name, ours: t.rate(0), theirs: t.rate(i), ratio: t.times(i, 0), goal: goalOf(i)}
		if (i == 1 || i == 3) && l.atATime >= 64 && len(l.urls) == 1 {
			line.bar = clients[i].name
		}
		s.add(line)
	}
	s.limit(work+": new connections per 1 000 requests", t.connections[0], atMost(1))
	b.check(t.errors[0] == 0, "%s: %d deliveries failed", work, t.errors[0])
}

// checkRequests sees that all clients send the same body as the same type, and
// that leadhook signs it.
func (b *bench) checkRequests(r *remote, body []byte) {
	for _, c := range append([]client{delivering(nil), tuned(nil), signing(nil)}, defaults(nil)...) {
		must(c.post(r.urls([]string{r.Witness})[0], body))
		got := r.counts().Witnessed
		b.check(bytes.HasPrefix(got, []byte("POST /leads HTTP/1.1\r\n")) && bytes.HasSuffix(got, append([]byte("\r\n\r\n"), body...)) &&
			bytes.Contains(got, []byte("\r\nContent-Type: application/json\r\n")), "%s sends something else:\n%s", c.name, got)
		if c.name == "leadhook" || strings.HasSuffix(c.name, "signed") {
			b.check(bytes.Contains(got, []byte("\r\nWebhook-Signature: v1,")), "%s does not sign:\n%s", c.name, got)
		}
		c.close()
	}
}

// beyond is how many allocations a delivery may make beyond net/http's own.
const beyond = 12

// countPostAllocations states what a delivery allocates, beside net/http with a
// deadline as deliveries have one.
func (b *bench) countPostAllocations(s *section, r *remote, body []byte) {
	url := r.urls(r.Healthy)[0]
	h, ready := newHTTP(nil), request(url, body)
	t := tunedTransport(nil)
	c := &http.Client{Transport: t}
	theirs := func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		must(err)
		req.Header.Set("Content-Type", "application/json")
		must(drain(c.Do(req)))
	}
	least := func(do func()) (count, bytes float64) {
		count, bytes = allocations(do)
		for range 4 { // a timer or a connection's goroutine may add to one
			n, size := allocations(do)
			count, bytes = min(count, n), min(bytes, size)
		}
		return count, bytes
	}
	ours, size := least(func() {
		_, err := h.Deliver(context.Background(), ready)
		must(err)
	})
	own, ownSize := least(theirs)
	s.state("allocations for each delivery", fmt.Sprintf("%.0f (%.1f KiB); net/http with a deadline %.0f (%.1f KiB)", ours, size/1024, own, ownSize/1024))
	b.check(ours-own <= beyond, "a delivery allocates %.0f times more than net/http's %.0f; the goal is at most %d", ours-own, own, beyond)
	h.CloseIdleConnections()
	t.CloseIdleConnections()
}
