package sqlhistory_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/sqlhistory"
)

// fill makes n entries, one a second: 200 of each lead, for so many endpoints, 1 in
// 20 of them failed, 1 in 50 a test.
func fill(t testing.TB, db *sql.DB, dialect sqlhistory.Dialect, n, endpoints int) {
	t.Helper()
	numbers, hash := fmt.Sprintf("SELECT n FROM generate_series(0, %d) n", n-1), "md5(n::text)"
	analyze := "VACUUM ANALYZE leadhook_history"
	if dialect == sqlhistory.SQLite {
		numbers = fmt.Sprintf("WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s", n-1)
		hash = "printf('%08x', (n * 2654435761) & 4294967295)" // as scattered as IDs are
		analyze = "ANALYZE"
	}
	_, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO leadhook_history
		(id, message_id, endpoint_id, lead_id, message_type, test, status, cause, created_at, updated_at, document)
		SELECT %[2]s, 'msg_' || n, 'endpoint-' || (n %% %[5]d), 'lead-' || (n / 200), CASE WHEN n %% 3 = 0 THEN 'lead_update' ELSE 'new_lead' END,
			CASE WHEN n %% 50 = 7 THEN TRUE ELSE FALSE END, CASE WHEN n / 100 %% 20 = 3 THEN 'failed' ELSE 'delivered' END,
			CASE WHEN n / 100 %% 20 <> 3 THEN '' WHEN n %% 2 = 0 THEN 'timeout' ELSE 'http_status' END, %[3]d + CAST(n AS BIGINT) * 1000000, %[3]d + CAST(n AS BIGINT) * 1000000, '%[4]s'
		FROM (%[1]s) numbers`, numbers, hash, epoch.UnixMicro(), document, endpoints))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), analyze)
	require.NoError(t, err)
}

// document is of a usual size.
var document = `{"host":"crm.example.com","contentType":"application/json","size":600,"body":"` + strings.Repeat("bGVh", 200) +
	`","sha256":"` + strings.Repeat("0", 64) + `","attempts":[{"number":1,"at":"2026-04-20T14:30:00.123456Z","duration":45000000,"statusCode":200,"sha256":"` + strings.Repeat("0", 64) + `"}]}`

// A page is read off an index, in its order: nothing is sorted, and no table read
// through. (PostgreSQL sorts where it expects hardly more than a page, rightly.)
func TestAPageIsReadOffAnIndex(t *testing.T) {
	const n = 40_000 // PostgreSQL reads small tables through
	yes := true
	from, until := epoch.Add(n/10*time.Second), epoch.Add(n*9/10*time.Second)
	filters := map[string]history.Filter{
		"history_created":         {},
		"history_created ":        {MessageType: "lead_update"},
		"history_created  ":       {From: from, Until: until},
		"history_endpoint":        {EndpointID: "endpoint-3"},
		"history_endpoint ":       {EndpointID: "endpoint-3", MessageType: "lead_update", From: from},
		"history_endpoint_status": {EndpointID: "endpoint-3", Status: history.Failed},
		"history_lead":            {LeadID: "lead-20"},
		"history_status":          {Status: history.Failed},
		"history_cause":           {Cause: deliver.CauseTimeout},
		"history_test":            {Test: &yes},
	}
	each(t, func(t *testing.T, dialect sqlhistory.Dialect) {
		s, db := newStore(t, dialect)
		rows := n
		if dialect == sqlhistory.SQLite { // which is slow under the race detector
			rows = n / 10
		}
		fill(t, db, dialect, rows, 20)
		for index, f := range filters {
			for _, f.After = range []string{"", history.Entry{CreatedAt: until, ID: "8"}.Cursor()} {
				plan := explain(t, db, dialect, s, f)
				assert.Contains(t, plan, "leadhook_"+strings.TrimSpace(index)+" ", "%+v", f)
				for _, slow := range []string{"Sort", "Seq Scan", "Bitmap", "TEMP B-TREE"} {
					assert.NotContains(t, plan, slow, "%+v", f)
				}
			}
		}
	})
}

func explain(t testing.TB, db *sql.DB, dialect sqlhistory.Dialect, s *sqlhistory.Store, f history.Filter) string {
	t.Helper()
	statement, args, err := s.Selection(f)
	require.NoError(t, err)
	verb := "EXPLAIN "
	if dialect == sqlhistory.SQLite {
		verb = "EXPLAIN QUERY PLAN "
	}
	rows, err := db.QueryContext(t.Context(), verb+statement, args...)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		fmt.Fprintln(&plan, *values[len(values)-1].(*any), "") // the last column is the text
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
