package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver/history"
	"github.com/topprovider/leadhook/deliver/history/historytest"
)

func TestMemoryIsAStore(t *testing.T) {
	historytest.Run(t, func(*testing.T) history.Store { return &history.Memory{} })
}

func TestMemoryIsBounded(t *testing.T) {
	at := time.Date(2026, 4, 20, 14, 30, 0, 0, time.UTC)
	fill := func(m *history.Memory, n, bytes int) (ids []string) {
		for i := range n {
			e := history.Entry{ID: fmt.Sprintf("%06d", i), CreatedAt: at.Add(time.Duration(i) * time.Second), Body: make([]byte, bytes)}
			e.UpdatedAt = e.CreatedAt
			require.NoError(t, m.Record(t.Context(), e))
		}
		page, err := m.List(t.Context(), history.Filter{Limit: 500})
		require.NoError(t, err)
		for _, e := range page.Entries {
			ids = append(ids, e.ID)
		}
		return ids
	}
	assert.Equal(t, []string{"000099", "000098", "000097"}, fill(&history.Memory{MaxEntries: 3}, 100, 10), "the oldest go")
	assert.Len(t, fill(&history.Memory{MaxBytes: 100 << 10}, 500, 10<<10), 9, "by size")
	assert.Len(t, fill(&history.Memory{MaxBytes: 1}, 5, 10<<10), 1, "the latest stays, however large")
	for _, m := range []*history.Memory{{MaxEntries: -1}, {MaxBytes: -1}} {
		assert.ErrorContains(t, m.Record(t.Context(), history.Entry{}), "-1")
	}
	m := &history.Memory{}
	fill(m, 25_000, 0)
	n, err := m.Prune(t.Context(), at.Add(24*time.Hour))
	require.NoError(t, err)
	assert.Equal(t, 10_000, n, "10,000 by default")
	assert.Len(t, fill(m, 20, 0), 20, "and it goes on")
}
