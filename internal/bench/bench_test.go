package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
)

// The receivers are this program in a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == receiverArgument {
		receive()
		return
	}
	os.Exit(m.Run())
}

func tiny() *bench {
	return &bench{quick: true, rounds: 1, turn: time.Microsecond, netRounds: 1, netTurn: time.Millisecond}
}

func TestPeersDoTheSameWork(t *testing.T) {
	for _, fields := range []int{19, 40} {
		s := newSample(fields)
		var b bench
		b.rounds, b.turn = 1, time.Microsecond
		b.compare(&section{}, "JSON", ours(s, encode.JSON, nil), jsonPeers(s), sameJSON)
		if fields == len(rules) {
			b.compare(&section{}, "XML", ours(s, encode.XML, nil), xmlPeers(s), sameXML)
			b.compare(&section{}, "form", ours(s, encode.Form, nil), formPeers(s), sameForm)
			b.compare(&section{}, "HubSpot", ours(s, encode.HubSpotForms, &encode.Options{WebhookURL: webhookURL}), hubspotPeers(s), sameJSON)
			assert.Equal(t, string(ours(s, encode.JSON, nil).write()), string(bound(s)()))
		}
		assert.Empty(t, b.faults)
	}
}

// A peer that leaves a field out, or writes another value, fails the run.
func TestAPeerThatDoesLessFails(t *testing.T) {
	s := newSample(len(rules))
	less := s
	less.rules, less.paths = s.rules[1:], s.paths[1:]
	other := s
	other.lead = newLead()
	other.lead["city"] = "Aarhus"
	for _, liar := range []sample{less, other} {
		b := tiny()
		b.compare(&section{}, "JSON", ours(s, encode.JSON, nil), jsonPeers(liar)[:1], sameJSON)
		b.compare(&section{}, "XML", ours(s, encode.XML, nil), xmlPeers(liar)[:1], sameXML)
		b.compare(&section{}, "form", ours(s, encode.Form, nil), formPeers(liar)[:1], sameForm)
		b.compare(&section{}, "HubSpot", ours(s, encode.HubSpotForms, &encode.Options{WebhookURL: webhookURL}), hubspotPeers(liar)[:1], sameJSON)
		assert.Len(t, b.faults, 4)
	}
}

func TestTheLeadIsWhatItIsSaidToBe(t *testing.T) {
	nested := 0
	s := newSample(len(rules))
	for _, p := range s.paths {
		if len(p) > 1 {
			nested++
		}
	}
	assert.Len(t, s.rules, 19)
	assert.Len(t, s.lead, 19)
	assert.Equal(t, 12, nested)
	assert.Len(t, s.without(5).lead, 14)
	assert.Len(t, newSample(40).rules, 40)
}

func TestContendersWorkInTurns(t *testing.T) {
	var order strings.Builder
	var counted []int
	c := func(name string) contender {
		return contender{name: name, run: func(n int) {
			order.WriteString(name)
			time.Sleep(time.Duration(n) * time.Millisecond)
		}, after: func(n int) { counted = append(counted, n) }}
	}
	r := contend(3, 2*time.Millisecond, c("a"), c("b"))
	assert.True(t, strings.HasSuffix(order.String(), "abbaab"), order.String())
	assert.Len(t, counted, 6)
	assert.Len(t, r.took[0], 3)
	for _, ns := range r.took[0] {
		assert.GreaterOrEqual(t, ns, 1e6) // a sleep is never shorter
	}
}

func TestSummaries(t *testing.T) {
	assert.Equal(t, summary{3, 2, 4}, summarize([]float64{5, 1, 4, 2, 3}))
	assert.Equal(t, summary{1.5, 1.25, 1.75}, summarize([]float64{1, 2}))
	assert.Equal(t, summary{}, summarize(nil))
	r := race{took: [][]float64{{10, 20, 30}, {1, 4, 3}}}
	assert.Equal(t, summary{10, 7.5, 10}, r.times(0, 1), "ratios are those of each round")
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		goal  goal
		ratio float64
		met   bool
	}{
		{atLeast(20), 19.9, false}, {atLeast(20), 20, true}, {atLeast(0.95), 0.946, true}, {atLeast(0.95), 0.944, false},
		{atMost(1.5), 1.5, true}, {atMost(1.5), 1.51, false}, {goal{none: true}, 0, true}, {goal{none: true}, 0.01, false}, {goal{}, 0, true},
	} {
		assert.Equal(t, c.met, c.goal.met(c.ratio), "%v %v", c.goal, c.ratio)
	}
	s := section{title: "T"}
	s.add(row{work: "w", beside: "p", ratio: summary{2, 1, 3}, goal: atLeast(3)})
	s.limit("l", 0.2, atMost(1))
	assert.Len(t, s.below(), 1)
	var out bytes.Buffer
	s.write(&out)
	assert.Contains(t, out.String(), "| w | p |  |  | 2.00 | 1.00 – 3.00 | ≥ 3 | **below** |")
	assert.Contains(t, out.String(), "| l |  | 0.20 |  |  |  | ≤ 1 | met |")
}

func TestThePictureIsWellFormed(t *testing.T) {
	b := &bench{sections: []section{{rows: []row{
		{work: "JSON", beside: "p", ratio: summary{20, 19, 21}, bar: "a & b"},
		{work: "JSON", beside: "q", ratio: summary{40, 39, 41}, bar: "q"},
		{work: "form", beside: "r", ratio: summary{1, 1, 1}},
	}}}}
	picture := b.chart()
	d := xml.NewDecoder(bytes.NewReader(picture))
	bars := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
	assert.Equal(t, 2, bars)
	assert.Contains(t, string(picture), "40.0 ×")
	assert.NotContains(t, string(picture), "form")
}

// What the README says of speed is what BENCHMARKS.md says.
func TestTheReadmeQuotesTheReport(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	report, err := os.ReadFile("../../BENCHMARKS.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), quoteFrom)
	lines, _, found := strings.Cut(rest, quoteTo)
	require.True(t, ok && found)
	quoted := 0
	for word := range strings.FieldsFuncSeq(lines, func(r rune) bool { return r == ' ' || r == '\n' || r == ',' }) {
		if strings.Contains(word, ".") && strings.Trim(word, "0123456789.") == "" {
			quoted++
			assert.Contains(t, string(report), "| "+word+" |")
		}
	}
	assert.GreaterOrEqual(t, quoted, 6)
}

func TestReceivers(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := startFleet(fleet{Healthy: 2, Failing: 1, Slow: 1, Delay: time.Millisecond, TLS: secure})
		t.Cleanup(r.stop)
		for _, c := range append([]client{delivering(r.roots()), tuned(r.roots())}, defaults(r.roots())...) {
			before := r.counts()
			for _, url := range r.urls(append(r.Healthy, r.Slow...)) {
				assert.NoError(t, c.post(url, []byte("{}")), c.name)
			}
			assert.Error(t, c.post(r.urls(r.Failing)[0], []byte("{}")), c.name)
			require.NoError(t, c.post(r.urls([]string{r.Witness})[0], []byte(`{"to":"the witness"}`)), c.name)
			after := r.counts()
			assert.Equal(t, int64(5), after.Requests-before.Requests, c.name)
			assert.Equal(t, int64(2), after.Connections-before.Connections, c.name)
			assert.True(t, bytes.HasSuffix(after.Witnessed, []byte("\r\n\r\n{\"to\":\"the witness\"}")), c.name)
			c.close()
		}
		b := tiny()
		if !secure {
			b.checkRequests(r, []byte(`{"a":1}`))
		}
		assert.Empty(t, b.faults)
	}
}

func TestSendersShareTheHosts(t *testing.T) {
	for _, c := range []struct{ hosts, atATime int }{{1, 1}, {1, 256}, {60, 1}, {60, 16}, {60, 64}, {60, 256}} {
		l := load{urls: make([]string, c.hosts), atATime: c.atATime}
		for i := range l.urls {
			l.urls[i] = thousands(i)
		}
		senders := make(map[string]map[int]bool)
		for worker := range c.atATime {
			for turn := range 2 * c.hosts {
				url := l.url(worker, turn)
				if senders[url] == nil {
					senders[url] = make(map[int]bool)
				}
				senders[url][worker] = true
			}
		}
		assert.Len(t, senders, c.hosts, "%v", c)
		for url, workers := range senders {
			assert.LessOrEqual(t, len(workers), (c.atATime+c.hosts-1)/c.hosts, "%v %s", c, url)
		}
	}
}

func TestThousands(t *testing.T) {
	assert.Equal(t, "999", thousands(999))
	assert.Equal(t, "1 000", thousands(1000))
	assert.Equal(t, "1 000 000", thousands(1_000_000))
	assert.Equal(t, "12 034", thousands(12034))
}

func TestThePrefaceShowsTheLead(t *testing.T) {
	var out bytes.Buffer
	tiny().preface(&out)
	_, rest, ok := strings.Cut(out.String(), "```json\n")
	require.True(t, ok)
	text, _, _ := strings.Cut(rest, "\n```")
	var lead map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &lead))
	assert.Len(t, lead, 19)
}
