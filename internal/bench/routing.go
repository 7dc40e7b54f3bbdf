package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// routes measures routing.Table beside asking every endpoint.
func routes(b *bench) {
	s := section{title: "Routing", about: "`Table.Route` of a message that ten endpoints receive, however many exist: the others belong to other lead orders. The ratio is its time by its own time at 10 endpoints."}
	m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{mapping.FieldLeadOrderID: "lo_0"}}
	sizes := []int{10, 1_000, 100_000, 1_000_000}
	var contenders []contender
	var scans, builds, grown []string
	perEndpoint := make([]float64, len(sizes))
	for i, n := range sizes {
		endpoints := ordered(n)
		before := inUse()
		began := time.Now()
		t := routing.NewTable(endpoints)
		took := time.Since(began)
		perEndpoint[i] = (inUse() - before) / float64(n)
		builds = append(builds, duration(float64(took.Nanoseconds())/float64(n)))
		grown = append(grown, fmt.Sprintf("%.0f B", perEndpoint[i]))
		contenders = append(contenders, one(strconv.Itoa(n), func() {
			for range t.Route(m) {
			}
		}))

		scan := func() (matches []int) {
			for i, e := range endpoints {
				if routing.Route(e, m).Deliver {
					matches = append(matches, i)
				}
			}
			return matches
		}
		matches := slices.Collect(t.Route(m))
		b.check(len(matches) == 10 && slices.Equal(matches, scan()), "at %d endpoints the table and a scan do not agree", n)
		scans = append(scans, duration(b.compute(one("scan", func() { scan() })).time(0).median))
		runtime.KeepAlive(t)
	}
	r := b.compute(contenders...)
	for i, n := range sizes {
		line := row{work: fmt.Sprintf("Table.Route, %s endpoints", thousands(n)), beside: "asking every endpoint", ours: duration(r.time(i).median), theirs: scans[i], ratio: r.times(i, 0)}
		if i > 0 {
			line.goal = atMost(4)
		}
		s.add(line)
	}
	// A scan would take a hundred thousand times as long: noise does not.
	b.check(r.times(len(sizes)-1, 0).median < 1000, "Table.Route grows with the endpoints that do not match")
	b.check(perEndpoint[3] < 2*perEndpoint[2], "the memory of a table grows faster than its endpoints")
	for i, n := range sizes[1:] {
		s.state(fmt.Sprintf("NewTable, %s endpoints, for each", thousands(n)), builds[i+1]+", "+grown[i+1]+" kept")
	}
	b.add(s)
}

// ordered returns endpoints of which ten receive a lead of each order.
func ordered(n int) []routing.Endpoint {
	endpoints := make([]routing.Endpoint, n)
	for i := range endpoints {
		endpoints[i].LeadOrders = []string{"lo_" + strconv.Itoa(i%(n/10))}
	}
	return endpoints
}

// thousands writes n with a space between groups of three digits.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s %03d", thousands(n/1000), n%1000)
}
