package main

import (
	"fmt"
	"io"
	"strings"
)

// A section is one table of the report, with what is to be known about it.
type section struct {
	title string
	about string
	rows  []row
}

// A row is a figure: a ratio beside a peer, or a measure that is only stated.
type row struct {
	work   string
	beside string  // the peer; "" where the figure stands alone
	ours   string  // as measured, with its unit
	theirs string  // the peer's
	ratio  summary // zero where there is none
	goal   goal
	alone  bool   // the ratio is no ratio, but a measure with a goal
	bar    string // what the picture calls the peer; "" where it does not show it
}

// A goal bounds a ratio. The zero goal bounds nothing.
type goal struct {
	atLeast, atMost float64
	none            bool // the measure must be 0
}

func (g goal) String() string {
	switch {
	case g.atLeast > 0:
		return fmt.Sprintf("≥ %v", g.atLeast)
	case g.atMost > 0:
		return fmt.Sprintf("≤ %v", g.atMost)
	case g.none:
		return "0"
	}
	return ""
}

// met is whether ratio keeps the goal, as far as two digits after the point say.
func (g goal) met(ratio float64) bool {
	return (g.atLeast == 0 || ratio >= g.atLeast-0.005) && (g.atMost == 0 || ratio <= g.atMost+0.005) && (!g.none || ratio == 0)
}

func (r row) verdict() string {
	switch {
	case r.goal == goal{}:
		return ""
	case r.goal.met(r.ratio.median):
		return "met"
	}
	return "**below**"
}

func (s *section) add(r row) { s.rows = append(s.rows, r) }

// state adds a figure that stands alone.
func (s *section) state(work, figure string) { s.add(row{work: work, ours: figure}) }

// limit adds a measure that stands alone and has a goal.
func (s *section) limit(work string, measure float64, g goal) {
	s.add(row{work: work, ratio: summary{measure, measure, measure}, goal: g, alone: true})
}

// write writes the section as Markdown.
func (s *section) write(w io.Writer) {
	fmt.Fprintf(w, "## %s\n\n", s.title)
	if s.about != "" {
		fmt.Fprintf(w, "%s\n\n", s.about)
	}
	if len(s.rows) == 0 {
		return
	}
	fmt.Fprintln(w, "| work | beside | leadhook | the other | ratio | quartiles | goal | |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|---|---|---|")
	for _, r := range s.rows {
		ratio, quartiles := "", ""
		if r.alone {
			r.ours = factor(r.ratio.median)
		} else if r.ratio != (summary{}) {
			ratio = factor(r.ratio.median)
			quartiles = factor(r.ratio.low) + " – " + factor(r.ratio.high)
		}
		cells := []string{r.work, r.beside, r.ours, r.theirs, ratio, quartiles, r.goal.String(), r.verdict()}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(w)
}

// below lists the rows that miss their goals.
func (s *section) below() (missed []string) {
	for _, r := range s.rows {
		if !r.goal.met(r.ratio.median) {
			missed = append(missed, fmt.Sprintf("%s: %s, beside %s: %s, the goal is %v", s.title, r.work, r.beside, factor(r.ratio.median), r.goal))
		}
	}
	return missed
}

// factor writes a ratio with as many digits as are worth something.
func factor(f float64) string {
	if f >= 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}
