package historytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/deliver/history"
)

// A liar is a store that breaks one thing.
type liar struct {
	*history.Memory
	record func(history.Entry) (history.Entry, bool)
	list   func(context.Context, *history.Memory, history.Filter) (history.Page, error)
	get    func(*history.Memory, string) (history.Entry, error)
	erase  func(*history.Memory, string) (int, error)
	prune  func(*history.Memory, time.Time) (int, error)
}

func (l liar) Record(ctx context.Context, e history.Entry) error {
	if l.record != nil {
		var keep bool
		if e, keep = l.record(e); !keep {
			return nil
		}
	}
	return l.Memory.Record(ctx, e)
}

func (l liar) List(ctx context.Context, f history.Filter) (history.Page, error) {
	if l.list != nil {
		return l.list(ctx, l.Memory, f)
	}
	return l.Memory.List(ctx, f)
}

func (l liar) Get(ctx context.Context, id string) (history.Entry, error) {
	if l.get != nil {
		return l.get(l.Memory, id)
	}
	return l.Memory.Get(ctx, id)
}

func (l liar) EraseLead(ctx context.Context, id string) (int, error) {
	if l.erase != nil {
		return l.erase(l.Memory, id)
	}
	return l.Memory.EraseLead(ctx, id)
}

func (l liar) Prune(ctx context.Context, before time.Time) (int, error) {
	if l.prune != nil {
		return l.prune(l.Memory, before)
	}
	return l.Memory.Prune(ctx, before)
}

// forgets breaks one field of what is recorded.
func forgets(change func(*history.Entry)) liar {
	return liar{record: func(e history.Entry) (history.Entry, bool) {
		e.Attempts = slices.Clone(e.Attempts)
		change(&e)
		return e, true
	}}
}

func ignores(change func(*history.Filter)) liar {
	return liar{list: func(ctx context.Context, m *history.Memory, f history.Filter) (history.Page, error) {
		change(&f)
		return m.List(ctx, f)
	}}
}

func TestALiarFailsEachRule(t *testing.T) {
	kept, shared := map[string]history.Entry{}, map[string]history.Entry{}
	for breaks, liars := range map[string][]liar{
		"recorded-is-kept-whole": {
			forgets(func(e *history.Entry) { e.Body = nil }), forgets(func(e *history.Entry) { e.Price = "" }), forgets(func(e *history.Entry) { e.SHA256 = "" }),
			forgets(func(e *history.Entry) { e.CreatedAt = e.CreatedAt.Truncate(time.Millisecond) }), forgets(func(e *history.Entry) { e.Err = "" }),
			forgets(func(e *history.Entry) {
				for i := range e.Attempts {
					e.Attempts[i].Fields = nil
				}
			}),
			forgets(func(e *history.Entry) {
				for i := range e.Attempts {
					e.Attempts[i].Duration = e.Attempts[i].Duration.Truncate(time.Microsecond)
				}
			}),
			forgets(func(e *history.Entry) { e.Resent = false }), forgets(func(e *history.Entry) { e.MayPass = !e.MayPass }),
			{record: func(e history.Entry) (history.Entry, bool) { return e, false }},
			{record: func(e history.Entry) (history.Entry, bool) { // shares what the caller may change
				shared[e.ID] = e
				return e, true
			}, get: func(_ *history.Memory, id string) (history.Entry, error) { return shared[id], nil }},
		},
		"returned-is-the-callers": {{get: func(_ *history.Memory, id string) (history.Entry, error) { return kept[id], nil }, record: func(e history.Entry) (history.Entry, bool) {
			kept[e.ID] = entry(1)
			return e, true
		}}},
		"unknown-is-not-found": {
			{get: func(*history.Memory, string) (history.Entry, error) { return history.Entry{}, nil }},
			{get: func(*history.Memory, string) (history.Entry, error) { return history.Entry{}, errors.New("no rows") }},
		},
		"one-message-is-one-entry": {
			forgets(func(e *history.Entry) { e.ID += e.UpdatedAt.String() }),
			forgets(func(e *history.Entry) { e.Attempts = nil }),
			forgets(func(e *history.Entry) { e.UpdatedAt = epoch }),
		},
		"newest-first-page-by-page": {
			ignores(func(f *history.Filter) { f.After = "" }),
			{list: func(ctx context.Context, m *history.Memory, f history.Filter) (history.Page, error) {
				page, err := m.List(ctx, f)
				slices.Reverse(page.Entries)
				return page, err
			}},
			{list: func(ctx context.Context, m *history.Memory, f history.Filter) (history.Page, error) {
				page, err := m.List(ctx, f)
				page.Next = ""
				return page, err
			}},
			forgets(func(e *history.Entry) { e.ID = "x" + e.ID[len(e.ID)-1:] + e.ID }),
		},
		"pages-stand-still": {
			{list: func(ctx context.Context, m *history.Memory, f history.Filter) (history.Page, error) { // by offset
				after := f.After
				f.After, f.Limit = "", 500
				page, err := m.List(ctx, f)
				if after == "" {
					page.Next, page.Entries = page.Entries[2].Cursor(), page.Entries[:3]
				} else {
					page.Entries = page.Entries[3:]
				}
				return page, err
			}},
		},
		"cursors-are-checked": {{list: func(ctx context.Context, m *history.Memory, f history.Filter) (history.Page, error) {
			page, err := m.List(ctx, f)
			if err != nil {
				return history.Page{}, nil
			}
			return page, err
		}}},
		"every-filter-filters": {
			ignores(func(f *history.Filter) { f.EndpointID = "" }), ignores(func(f *history.Filter) { f.LeadID = "" }), ignores(func(f *history.Filter) { f.Status = "" }),
			ignores(func(f *history.Filter) { f.Cause = "" }), ignores(func(f *history.Filter) { f.MessageType = "" }), ignores(func(f *history.Filter) { f.Test = nil }),
			ignores(func(f *history.Filter) { f.From = time.Time{} }), ignores(func(f *history.Filter) { f.Until = time.Time{} }),
			ignores(func(f *history.Filter) { f.Until = f.Until.Add(time.Microsecond) }), ignores(func(f *history.Filter) { f.From = f.From.Add(time.Microsecond) }),
		},
		"erase-a-lead": {
			{erase: func(*history.Memory, string) (int, error) { return 3, nil }},
			{erase: func(m *history.Memory, _ string) (int, error) {
				return m.Prune(context.Background(), epoch.Add(time.Hour))
			}},
		},
		"prune-by-age": {
			{prune: func(*history.Memory, time.Time) (int, error) { return 2, nil }},
			{prune: func(m *history.Memory, before time.Time) (int, error) {
				return m.Prune(context.Background(), before.Add(time.Microsecond))
			}},
		},
		"safe-for-concurrent-use": {forgets(func(e *history.Entry) {
			for i := range e.Attempts {
				e.Attempts[i].At = epoch
			}
		})},
	} {
		for i, l := range liars {
			l.Memory = &history.Memory{}
			r := rules[slices.IndexFunc(rules, func(r rule) bool { return r.name == breaks })]
			assert.Error(t, r.check(t.Context(), l), "liar %d of %s", i, breaks)
			assert.NoError(t, r.check(t.Context(), &history.Memory{}), breaks)
		}
	}
	assert.Len(t, rules, 11)
}
