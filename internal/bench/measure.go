package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A contender does the work in its own way, n times.
type contender struct {
	name string
	run  func(n int)
	// after is told of every turn that counts, for what is measured beside time.
	after func(n int)
}

// one makes a contender of what does the work once.
func one(name string, do func()) contender {
	return contender{name: name, run: func(n int) {
		for range n {
			do()
		}
	}}
}

// A race is what came of contenders that worked in turns: for each, the
// nanoseconds that the work took once, by round.
type race struct {
	names []string
	took  [][]float64
}

// contend lets contenders work in turns: in each round each for about the
// length of a turn, beginning with another one each time, so that what the
// machine does beside is shared by all. Each begins with a clean heap, and pays
// for its own garbage only.
func contend(rounds int, turn time.Duration, contenders ...contender) race {
	r := race{took: make([][]float64, len(contenders))}
	times := make([]int, len(contenders))
	for i, c := range contenders {
		r.names = append(r.names, c.name)
		times[i] = calibrate(c, turn)
	}
	for round := range rounds {
		for k := range contenders {
			i := (round + k) % len(contenders)
			c := contenders[i]
			runtime.GC()
			began := time.Now()
			c.run(times[i])
			took := time.Since(began)
			if c.after != nil {
				c.after(times[i])
			}
			r.took[i] = append(r.took[i], float64(took.Nanoseconds())/float64(times[i]))
		}
	}
	return r
}

// compute lets contenders compute in turns, on one CPU: what a garbage collector
// does beside is counted then, and disturbs nobody else.
func (b *bench) compute(contenders ...contender) race {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	return contend(b.rounds, b.turn, contenders...)
}

// calibrate returns how often c does its work in a turn. It warms c up, too.
func calibrate(c contender, turn time.Duration) int {
	for n := 1; ; {
		began := time.Now()
		c.run(n)
		took := time.Since(began)
		if took >= turn/4 || n >= 1<<30 {
			return max(1, int(float64(n)*float64(turn)/float64(max(took, 1))))
		}
		n = max(n*2, min(n*100, int(float64(n)*float64(turn)/2/float64(max(took, 1)))))
	}
}

// A summary is a median with the quartiles around it.
type summary struct{ median, low, high float64 }

func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	return summary{quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)}
}

// quantile returns the value that so much of values is below.
func quantile(values []float64, q float64) float64 {
	v := slices.Sorted(slices.Values(values))
	place := q * float64(len(v)-1)
	below := int(place)
	above := min(below+1, len(v)-1)
	return v[below] + (v[above]-v[below])*(place-float64(below))
}

// time is what the work of a contender took.
func (r race) time(i int) summary { return summarize(r.took[i]) }

// times says how many times as long as b did a take, round by round: pairs
// that ran side by side.
func (r race) times(a, b int) summary {
	ratios := make([]float64, len(r.took[a]))
	for round := range ratios {
		ratios[round] = r.took[a][round] / r.took[b][round]
	}
	return summarize(ratios)
}

// crowd does the work n times, so many at a time. do is told which of them does
// it, from 0, and how often that one did so before.
func crowd(n, atATime int, do func(worker, turn int)) {
	var done atomic.Int64
	var working sync.WaitGroup
	for worker := range min(n, atATime) {
		working.Go(func() {
			for turn := 0; done.Add(1) <= int64(n); turn++ {
				do(worker, turn)
			}
		})
	}
	working.Wait()
}

// allocations returns how often and how much do allocates, on the average.
func allocations(do func()) (count, bytes float64) {
	do()
	const runs = 200
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		do()
	}
	runtime.ReadMemStats(&after)
	return math.Floor(float64(after.Mallocs-before.Mallocs) / runs), float64(after.TotalAlloc-before.TotalAlloc) / runs
}

// inUse is the memory that is in use, heap and stacks, when all garbage is gone.
func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// duration writes nanoseconds for people.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
	return fmt.Sprintf("%.3g s", ns/1e9)
}
