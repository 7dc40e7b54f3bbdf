package sqlhistory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// A page of 50 out of a million entries, by endpoint and status. The claim: less
// than 10 ms on PostgreSQL, from the first page to one in the middle.
func BenchmarkPageOfAMillion(b *testing.B) {
	const n = 1_000_000
	for _, dialect := range []sqlhistory.Dialect{sqlhistory.SQLite, sqlhistory.PostgreSQL} {
		b.Run(string(dialect), func(b *testing.B) {
			s, db := newStore(b, dialect)
			fill(b, db, dialect, n, 100)
			middle := history.Entry{CreatedAt: epoch.Add(n / 2 * time.Second), ID: "8"}.Cursor()
			for name, f := range map[string]history.Filter{
				"first":  {EndpointID: "endpoint-7", Status: history.Failed},
				"middle": {EndpointID: "endpoint-7", Status: history.Failed, After: middle},
				"type":   {EndpointID: "endpoint-7", Status: history.Failed, MessageType: "lead_update", After: middle},
				"lead":   {LeadID: "lead-70"},
				"all":    {},
			} {
				b.Run(name, func(b *testing.B) {
					var times []time.Duration
					for b.Loop() {
						began := time.Now()
						page, err := s.List(b.Context(), f)
						times = append(times, time.Since(began))
						require.NoError(b, err)
						require.Len(b, page.Entries, 50)
					}
					slices.Sort(times)
					p99 := times[len(times)*99/100]
					b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
					if dialect == sqlhistory.PostgreSQL && times[len(times)/2] > 10*time.Millisecond {
						b.Errorf("the median is %v; the claim is 10 ms", times[len(times)/2])
					}
				})
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, dialect := range []sqlhistory.Dialect{sqlhistory.SQLite, sqlhistory.PostgreSQL} {
		for _, name := range []string{"new", "merged"} {
			b.Run(string(dialect)+"/"+name, func(b *testing.B) {
				s, _ := newStore(b, dialect)
				e := history.Entry{EndpointID: "crm", LeadID: "lead-1", MessageType: "new_lead", Status: history.Failed, Body: make([]byte, 600)}
				n := 0
				for b.Loop() {
					n++
					e.ID = "x"
					if name == "new" {
						e.ID = fmt.Sprintf("%032d", n)
					}
					e.CreatedAt, e.UpdatedAt = epoch.Add(time.Duration(n)*time.Second), epoch.Add(time.Duration(n)*time.Second)
					e.Attempts = []history.Attempt{{Attempt: deliver.Attempt{Number: 1, At: epoch.Add(time.Duration(n%3) * time.Second), StatusCode: 503}}}
					require.NoError(b, s.Record(b.Context(), e))
				}
			})
		}
	}
}
