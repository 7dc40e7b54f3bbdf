package main

import (
	"bytes"
	"fmt"
)

// What the README says between these lines is written by this program.
const (
	quoteFrom = "<!-- benchmarks -->\n"
	quoteTo   = "<!-- /benchmarks -->\n"
)

// quote returns a README that quotes what was measured.
func (b *bench) quote(readme []byte) []byte {
	before, rest, ok := bytes.Cut(readme, []byte(quoteFrom))
	_, after, found := bytes.Cut(rest, []byte(quoteTo))
	if !ok || !found {
		must(fmt.Errorf("the README has no place between %q and %q", quoteFrom, quoteTo))
	}
	return bytes.Join([][]byte{before, []byte(quoteFrom), b.lines(), []byte(quoteTo), after}, nil)
}

// lines are the four of the README, and the picture.
func (b *bench) lines() []byte {
	var out bytes.Buffer
	encoding, sjson := b.find(jsonWork, "nested map + encoding/json"), b.find(jsonWork, "sjson.SetBytes for each field")
	tuned, comes := b.find("256 at a time, one host", tunedName), b.find("256 at a time, one host", "net/http as it comes")
	unshielded := b.find("TLS", "go-retryablehttp, unshielded")
	slowRate, slowP99 := b.find("delivered, deliver.HTTP", "the same without them"), b.find("p99, deliver.HTTP", "the same without them")
	fmt.Fprintf(&out, "- A lead of 19 fields is JSON in %s, without an allocation: %s × as fast as nested maps and encoding/json, %s × as fast as sjson field by field.\n", encoding.ours, factor(encoding.ratio.median), factor(sjson.ratio.median))
	fmt.Fprintf(&out, "- Signed and guarded, 256 at a time are delivered at %s × the rate of net/http tuned by hand, and at %s × that of net/http as it comes.\n", factor(tuned.ratio.median), factor(comes.ratio.median))
	fmt.Fprintf(&out, "- With 10 slow and 5 dead endpoints among 100, the healthy ones get %s × the leads a second, with a p99 of %s ×; over TLS, beside a receiver that only fails, %s × those of go-retryablehttp.\n", factor(slowRate.ratio.median), factor(slowP99.ratio.median), factor(unshielded.ratio.median))
	out.WriteString("- [BENCHMARKS.md](BENCHMARKS.md) has it all, what falls short of its goal too; `go run ./internal/bench` measures your machine.\n\n")
	fmt.Fprintf(&out, "![How many times as fast leadhook is](%s)\n", picture)
	return out.Bytes()
}

// find returns the row of some work beside a peer.
func (b *bench) find(work, beside string) row {
	for _, s := range b.sections {
		for _, r := range s.rows {
			if r.work == work && r.beside == beside {
				return r
			}
		}
	}
	must(fmt.Errorf("there is no row for %q beside %q", work, beside))
	return row{}
}
