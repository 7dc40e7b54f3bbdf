package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tidwall/sjson"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// setup measures what is done once for an endpoint, or once for a meeting.
func setup(b *bench) {
	s := section{title: "Setting up", about: "The ratio is leadhook's time by the other's, so less is better."}
	nineteen := newSample(len(rules))
	m, catalog := mapping.Mapping{Rules: nineteen.rules}, nineteen.catalog()
	compile := func() {
		p, err := mapping.Compile(m, catalog)
		must(err)
		_, err = encode.New(encode.JSON, p, nil)
		must(err)
	}
	layOut := func() (doc []byte) {
		for _, r := range nineteen.rules {
			var err error
			doc, err = sjson.SetBytes(doc, r.Name, "")
			must(err)
		}
		return doc
	}
	b.check(slices.Equal(keys(layOut()), keys(ours(nineteen, encode.JSON, nil).write())), "sjson lays out another document")
	r := b.compute(one("leadhook", compile), one("sjson", func() { layOut() }))
	s.add(row{work: "Compile + New, 19 fields", beside: "sjson laying the document out, alone", ours: duration(r.time(0).median), theirs: duration(r.time(1).median), ratio: r.times(0, 1), goal: atMost(1.5)})
	growth := make(map[int]float64)
	for _, fields := range []int{20, 200} {
		sized := newSample(fields)
		m, catalog := mapping.Mapping{Rules: sized.rules}, sized.catalog()
		growth[fields], _ = allocations(func() {
			p, err := mapping.Compile(m, catalog)
			must(err)
			_, err = encode.New(encode.JSON, p, nil)
			must(err)
		})
	}
	b.check(growth[200] <= 12*growth[20], "Compile + New of ten times the fields takes %.0f allocations in place of %.0f", growth[200], growth[20])
	s.state("Compile + New, 200 fields", fmt.Sprintf("%.1f × the allocations of 20", growth[200]/growth[20]))

	at, zone := time.Date(2026, time.April, 22, 19, 45, 0, 0, time.UTC), loadZone("America/New_York")
	names := map[string]string{"America/New_York": "Eastern Daylight Time"}
	lead, theirs := mapping.Lead{}, mapping.Lead{}
	set := func() { lead.SetMeeting(at, zone) }
	format := func() {
		theirs[mapping.FieldRequestedMeetingTime] = at.UTC()
		theirs[mapping.FieldFormattedRequestedMeetingTime] = at.In(zone).Format("Monday, January 2, 2006 at 3:04 PM ") + names[zone.String()]
	}
	set()
	format()
	b.check(maps.EqualFunc(lead, theirs, func(a, b any) bool { return a == b }), "a meeting is %v, not %v", theirs, lead)
	r = b.compute(one("leadhook", set), one("time.Format", format))
	s.add(row{work: "SetMeeting", beside: "time.Format + a map look-up", ours: duration(r.time(0).median), theirs: duration(r.time(1).median), ratio: r.times(0, 1), goal: atMost(3)})
	b.add(s)
}

func loadZone(zone string) *time.Location {
	l, err := time.LoadLocation(zone)
	must(err)
	return l
}

// keys returns the paths of a document's values, sorted.
func keys(document []byte) (paths []string) {
	var walk func(path string, v any)
	walk = func(path string, v any) {
		container, ok := v.(map[string]any)
		if !ok {
			paths = append(paths, path)
		}
		for key, member := range container {
			walk(path+"/"+key, member)
		}
	}
	var root any
	must(json.Unmarshal(document, &root))
	walk("", root)
	slices.Sort(paths)
	return paths
}
