package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/topprovider/leadhook/encode"
)

// preface says how the figures came to be.
func (b *bench) preface(w io.Writer) {
	s := newSample(len(rules))
	lead, err := json.MarshalIndent(s.lead, "", "  ")
	must(err)
	mapping, err := json.Marshal(s.rules)
	must(err)
	fmt.Fprintf(w, `# Benchmarks

Written by %[1]sgo run ./internal/bench%[1]s on %[2]s: %[3]s, %[4]d CPUs, %[5]s/%[6]s, %[7]s.

Peers do the same work in the same process and in turns, %[8]d for what is computed and %[9]d for what is sent; what they write is checked
to hold the same before it is timed, and each is set up as its own documentation says is fastest. Times are the medians of all
turns. A ratio is the median of the ratios of each round, in which both ran side by side, with the quartiles beside it: machines differ,
and their ratios much less. A goal is what was aimed at before it was measured; where it is missed, the row says so.

`, "`", time.Now().UTC().Format("2006-01-02"), processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.rounds, b.netRounds)
	if b.quick {
		fmt.Fprint(w, "This is a quick run: its figures show that it works, and little more.\n\n")
	}
	fmt.Fprintf(w, "Peers: %s. encoding/json/v2 is measured as the module that it is developed in.\n\n", strings.Join(peers(), ", "))
	fmt.Fprintf(w, "The lead (`createdAt` is a `time.Time`, `companySize` an `int`):\n\n```json\n%s\n```\n\n", lead)
	fmt.Fprintf(w, "Its rules:\n\n```json\n%s\n```\n\n", strings.ReplaceAll(string(mapping), "},{", "},\n{"))
	document := ours(s, encode.JSON, nil).write()
	fmt.Fprintf(w, "Its payload as JSON, %d bytes:\n\n```json\n%s\n```\n\n", len(document), document)
}

// peers are the modules that leadhook is measured beside, and those it stands on.
func peers() (names []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, m := range info.Deps {
		for _, peer := range []string{
			"github.com/Jeffail/gabs/v2", "github.com/ajg/form", "github.com/beevik/etree", "github.com/clbanning/mxj/v2",
			"github.com/go-json-experiment/json", "github.com/go-resty/resty/v2", "github.com/goccy/go-json", "github.com/gojek/heimdall/v7",
			"github.com/google/go-querystring", "github.com/hashicorp/go-retryablehttp", "github.com/knadh/koanf/maps", "github.com/riverqueue/river",
			"github.com/tidwall/sjson",
		} {
			if m.Path == peer {
				names = append(names, strings.TrimPrefix(m.Path, "github.com/")+" "+m.Version)
			}
		}
	}
	return names
}

// processor names the machine's, as far as the system says.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
