package main

import (
	"bytes"
	"fmt"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

const jsonWork = "JSON, 19 fields"

// payloads measures Append beside what else a Go developer would write with.
func payloads(b *bench) {
	s := section{title: "Payloads", about: "From a `mapping.Lead` to the finished body. The ratio is the other's time by leadhook's, so more is better; the bound and the absent fields are leadhook's time by the other's."}
	nineteen := newSample(len(rules))
	b.compare(&s, jsonWork, ours(nineteen, encode.JSON, nil), jsonPeers(nineteen), sameJSON)

	finished := bound(nineteen)
	mine := ours(nineteen, encode.JSON, nil)
	b.check(string(finished()) == string(mine.write()), "the finished pieces are not the document")
	r := b.compute(one("leadhook", func() { mine.write() }), one("bound", func() { finished() }))
	s.add(row{work: jsonWork, beside: "appending the finished pieces: the bound", ours: duration(r.time(0).median), theirs: duration(r.time(1).median), ratio: r.times(0, 1), goal: atMost(4.3)})

	forty := newSample(40)
	b.compare(&s, "JSON, 40 fields", ours(forty, encode.JSON, nil), withoutBars(jsonPeers(forty)), sameJSON)

	sparse := ours(nineteen.without(5), encode.JSON, nil)
	r = b.compute(one("absent", func() { sparse.write() }), one("leadhook", func() { mine.write() }))
	s.add(row{work: "JSON, 5 of 19 absent", beside: "none absent", ours: duration(r.time(0).median), theirs: duration(r.time(1).median), ratio: r.times(0, 1), goal: atMost(1)})

	b.compare(&s, "XML", ours(nineteen, encode.XML, nil), xmlPeers(nineteen), sameXML)
	b.compare(&s, "form", ours(nineteen, encode.Form, nil), formPeers(nineteen), sameForm)
	b.compare(&s, "HubSpot Forms v3", ours(nineteen, encode.HubSpotForms, &encode.Options{WebhookURL: webhookURL}), hubspotPeers(nineteen), sameJSON)
	b.add(s)

	b.countAllocations(nineteen)
	b.countLookUps()
}

// compare lets the peers write what leadhook does, in turns. What they write
// must hold the same.
func (b *bench) compare(s *section, work string, mine writer, peers []writer, same func(a, b []byte) bool) {
	contenders := []contender{one(mine.name, func() { mine.write() })}
	for _, p := range peers {
		again := bytes.Clone(p.write())
		b.check(bytes.Equal(again, p.write()), "%s: %s does not write the same twice", work, p.name)
		b.check(same(mine.write(), p.write()), "%s: %s does not write what leadhook does:\n%s\n%s", work, p.name, mine.write(), p.write())
		contenders = append(contenders, one(p.name, func() { p.write() }))
	}
	r := b.compute(contenders...)
	for i, p := range peers {
		s.add(row{work: work, beside: p.name, ours: duration(r.time(0).median), theirs: duration(r.time(i + 1).median), ratio: r.times(i+1, 0), goal: p.goal, bar: p.bar})
	}
}

func withoutBars(writers []writer) []writer {
	for i := range writers {
		writers[i].bar = ""
	}
	return writers
}

// countAllocations states what Append allocates.
func (b *bench) countAllocations(nineteen sample) {
	s := section{title: "Allocations", about: "Of `Append`, for each payload. More than the goal fails."}
	for _, f := range []encode.Format{encode.JSON, encode.XML, encode.Form, encode.HubSpotForms} {
		e := nineteen.encoder(f, &encode.Options{WebhookURL: webhookURL})
		var src mapping.Source = nineteen.lead
		var buf []byte
		var err error
		reused, _ := allocations(func() { buf, err = e.Append(buf[:0], src); must(err) })
		fresh, _ := allocations(func() { _, err = e.Append(nil, src); must(err) })
		s.state(string(f), fmt.Sprintf("%.0f into a buffer that is used again (goal 0), %.0f into a fresh one (goal ≤ 1)", reused, fresh))
		b.check(reused == 0 && fresh <= 1, "%s: %v and %v allocations", f, reused, fresh)
	}
	b.add(s)
}

// A counting is a source that counts what is asked of it.
type counting struct {
	mapping.Source
	asked *int
}

func (c counting) Value(field string) (any, bool) {
	*c.asked++
	return c.Source.Value(field)
}

// countLookUps shows that the work grows with the fields, and not faster.
func (b *bench) countLookUps() {
	s := section{title: "Growth with the fields", about: "A field is looked up once, however many there are; more fails."}
	for _, fields := range []int{19, 40, 400} {
		sized := newSample(fields)
		e := sized.encoder(encode.JSON, nil)
		asked := 0
		_, err := e.Append(nil, counting{sized.lead, &asked})
		must(err)
		b.check(asked == fields, "%d fields take %d look-ups", fields, asked)
		var buf []byte
		r := b.compute(one("leadhook", func() { buf, err = e.Append(buf[:0], sized.lead); must(err) }))
		s.state(fmt.Sprintf("JSON, %d fields", fields), fmt.Sprintf("%d look-ups, %s a field", asked, duration(r.time(0).median/float64(fields))))
	}
	b.add(s)
}
