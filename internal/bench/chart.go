package main

import (
	"bytes"
	"fmt"
	"html"
)

// picture is where the chart is kept.
const picture = "internal/bench/ratios.svg"

// The chart's measures, in SVG's user units.
const (
	chartWidth = 760
	labelWidth = 250
	barWidth   = chartWidth - labelWidth - 70 // of the longest
	lineHeight = 22
)

// chart draws the ratios that have a bar, in the report's order, each section's
// work as a group. A line marks 1: as fast as leadhook.
func (b *bench) chart() []byte {
	type group struct {
		work string
		rows []row
	}
	var groups []group
	longest, lines := 1.0, 0
	for _, s := range b.sections {
		for _, r := range s.rows {
			if r.bar == "" {
				continue
			}
			work := s.title + ": " + r.work
			if len(groups) == 0 || groups[len(groups)-1].work != work {
				groups = append(groups, group{work: work})
				lines++
			}
			g := &groups[len(groups)-1]
			g.rows = append(g.rows, r)
			longest = max(longest, r.ratio.median)
			lines++
		}
	}

	var out bytes.Buffer
	height := (lines+1)*lineHeight + 20
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="How many times as fast leadhook is">`+"\n", chartWidth, height, chartWidth, height)
	out.WriteString(`<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.work { font-weight: 600 }
.peer { text-anchor: end }
.bar { fill: #0969da }
.one { stroke: #cf222e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #4493f8 } .one { stroke: #f85149 } }
</style>
`)
	y := lineHeight
	fmt.Fprintf(&out, `<text x="0" y="%d">How many times as fast leadhook is (the dashed line: as fast)</text>`+"\n", y-6)
	for _, g := range groups {
		fmt.Fprintf(&out, `<text class="work" x="0" y="%d">%s, beside</text>`+"\n", y+16, html.EscapeString(g.work))
		y += lineHeight
		for _, r := range g.rows {
			width := r.ratio.median / longest * barWidth
			fmt.Fprintf(&out, `<text class="peer" x="%d" y="%d">%s</text>`, labelWidth-8, y+15, html.EscapeString(r.bar))
			fmt.Fprintf(&out, `<rect class="bar" x="%d" y="%d" width="%.1f" height="14" rx="2"/>`, labelWidth, y+4, width)
			fmt.Fprintf(&out, `<text x="%.1f" y="%d">%s ×</text>`+"\n", labelWidth+width+6, y+15, factor(r.ratio.median))
			y += lineHeight
		}
	}
	one := labelWidth + barWidth/longest
	fmt.Fprintf(&out, `<line class="one" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n</svg>\n", one, lineHeight, one, y+4)
	return out.Bytes()
}
