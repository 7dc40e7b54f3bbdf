// Command bench measures leadhook beside the libraries that a user would pick
// instead, on the same work and in the same run. From the root of the tree:
//
//	go run ./internal/bench
//
// writes BENCHMARKS.md, the picture in it, and the lines of the README; with
// -quick it takes two minutes and writes to standard output only.
//
// Rows that are below their goals are marked. A time never makes it fail: what
// does is a peer that does not do the same work, an allocation too many, and
// work that grows faster than what is worked on.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"time"
)

// A bench is one run of all measurements.
type bench struct {
	quick  bool
	rounds int           // that contenders work in turns
	turn   time.Duration // how long each is
	// Over the network a turn has to be longer, and what a round says is worth
	// more.
	netRounds int
	netTurn   time.Duration

	sections []section
	faults   []string // what fails the run
}

// measurements are what a run does, in the report's order.
var measurements = []struct {
	name string
	run  func(*bench)
}{
	{"payloads", payloads},
	{"setup", setup},
	{"routing", routes},
	{"dispatch", dispatches},
	{"deliver", deliveries},
	{"failing", failing},
	{"pipeline", pipeline},
	{"footprint", footprint},
	{"slow", slow},
	{"durable on SQLite", onSQLite},
	{"durable on PostgreSQL", onPostgres},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 && os.Args[1] == receiverArgument {
		receive()
		return
	}
	quick := flag.Bool("quick", false, "two minutes, to standard output only")
	only := flag.String("only", "", "a pattern of the measurements to do, to standard output only")
	profile := flag.String("cpuprofile", "", "a file for a CPU profile of the run")
	flag.Parse()

	b := newBench(*quick)
	if *profile != "" {
		f, err := os.Create(*profile)
		must(err)
		must(pprof.StartCPUProfile(f))
		defer f.Close()
		defer pprof.StopCPUProfile()
	}
	pattern := regexp.MustCompile(*only)
	for _, m := range measurements {
		if !pattern.MatchString(m.name) {
			continue
		}
		began := time.Now()
		m.run(b)
		log.Printf("%s: %v", m.name, time.Since(began).Round(time.Second))
	}
	if *quick || *only != "" {
		b.report(os.Stdout)
	} else {
		b.publish(".")
	}
	for _, s := range b.sections {
		for _, row := range s.below() {
			log.Print("below its goal: ", row)
		}
	}
	for _, fault := range b.faults {
		log.Print("FAILED: ", fault)
	}
	if len(b.faults) > 0 {
		pprof.StopCPUProfile()
		os.Exit(1)
	}
}

func newBench(quick bool) *bench {
	if quick {
		return &bench{quick: true, rounds: 21, turn: 2 * time.Millisecond, netRounds: 3, netTurn: 100 * time.Millisecond}
	}
	return &bench{rounds: 101, turn: 5 * time.Millisecond, netRounds: 15, netTurn: 300 * time.Millisecond}
}

func (b *bench) add(s section) { b.sections = append(b.sections, s) }

// check fails the run where ok is false.
func (b *bench) check(ok bool, format string, args ...any) {
	if !ok {
		b.faults = append(b.faults, fmt.Sprintf(format, args...))
	}
}

// report writes all that was measured as Markdown.
func (b *bench) report(w io.Writer) {
	b.preface(w)
	for _, s := range b.sections {
		s.write(w)
	}
}

// publish writes the report and the picture into a tree, and the lines of its
// README that quote them.
func (b *bench) publish(root string) {
	var out bytes.Buffer
	b.report(&out)
	must(os.WriteFile(filepath.Join(root, "BENCHMARKS.md"), out.Bytes(), 0o644))
	must(os.WriteFile(filepath.Join(root, picture), b.chart(), 0o644))
	readme := filepath.Join(root, "README.md")
	text, err := os.ReadFile(readme)
	must(err)
	must(os.WriteFile(readme, b.quote(text), 0o644))
}

func must(err error) {
	if err != nil {
		log.Fatalf("FAILED: %v", err)
	}
}
