package historytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
)

// A rule is one thing that every Store keeps.
type rule struct {
	name  string
	why   string
	check func(context.Context, history.Store) error
}

var rules = []rule{{
	name: "recorded-is-kept-whole",
	why:  "an entry is evidence: every field comes back as it was given",
	check: func(ctx context.Context, s history.Store) error {
		want := []history.Entry{entry(1), {ID: "bare", CreatedAt: epoch, UpdatedAt: epoch, Status: history.Queued}}
		if err := record(ctx, s, want...); err != nil {
			return err
		}
		for _, w := range want {
			got, err := s.Get(ctx, w.ID)
			if err != nil {
				return err
			}
			if err := same(got, w); err != nil {
				return err
			}
		}
		page, err := s.List(ctx, history.Filter{LeadID: "lead-1"})
		if err != nil {
			return err
		}
		if len(page.Entries) != 1 {
			return fmt.Errorf("one entry is %d in the list", len(page.Entries))
		}
		return same(page.Entries[0], want[0])
	},
}, {
	name: "returned-is-the-callers",
	why:  "a page that shows an entry may change what it shows",
	check: func(ctx context.Context, s history.Store) error {
		if err := record(ctx, s, entry(1)); err != nil {
			return err
		}
		for range 2 {
			got, err := s.Get(ctx, entry(1).ID)
			if err != nil {
				return err
			}
			if err := same(got, entry(1)); err != nil {
				return err
			}
			clear(got.Body)
			clear(got.Attempts[0].Body)
			got.Attempts[0].Fields[0] = "changed"
			got.Attempts[0].Number = 7
			page, err := s.List(ctx, history.Filter{})
			if err != nil {
				return err
			}
			clear(page.Entries[0].Body)
		}
		return nil
	},
}, {
	name: "unknown-is-not-found",
	why:  "a page tells a missing entry from a broken store",
	check: func(ctx context.Context, s history.Store) error {
		for _, id := range []string{"nothing", "", "' OR 1=1 --"} {
			if _, err := s.Get(ctx, id); !errors.Is(err, history.ErrNotFound) {
				return fmt.Errorf("getting %q gives the error %v", id, err)
			}
		}
		return nil
	},
}, {
	name: "one-message-is-one-entry",
	why:  "what is sent once more adds to what is known, and the latest decides",
	check: func(ctx context.Context, s history.Store) error {
		first, second, third := entry(1), entry(1), entry(1)
		second.UpdatedAt, second.Attempts[0].At = second.UpdatedAt.Add(time.Minute), second.Attempts[0].At.Add(time.Minute)
		second.Attempts[0].Resent = true
		second.Status, second.Cause, second.Err, second.Outcome = history.Duplicate, "", "", deliver.Outcome{Duplicate: true, Reference: "L-2"}
		second.Body, second.SHA256 = []byte("other bytes"), "00"
		third.Status, third.Cause, third.Err, third.Attempts = history.Queued, "", "", nil // as old as the first
		want := first.Merge(second)
		if len(want.Attempts) != 2 || want.Status != history.Duplicate {
			return errors.New("Entry.Merge is broken")
		}
		for _, order := range [][]history.Entry{{first, second, third}, {third, second, first}, {second, third, first, second, first}} {
			if err := record(ctx, s, order...); err != nil {
				return err
			}
			got, err := s.Get(ctx, first.ID)
			if err != nil {
				return err
			}
			if err := same(got, want); err != nil {
				return err
			}
			if err := lists(ctx, s, history.Filter{}, first.ID); err != nil {
				return err
			}
			if _, err := s.EraseLead(ctx, first.LeadID); err != nil {
				return err
			}
		}
		return nil
	},
}, {
	name: "newest-first-page-by-page",
	why:  "who turns pages sees every entry once, and the latest at the top",
	check: func(ctx context.Context, s history.Store) error {
		var want []string
		for n := range 23 {
			e := entry(n)
			e.CreatedAt = epoch.Add(time.Duration(n/3) * time.Microsecond) // three of a time: the ID decides
			e.UpdatedAt = e.CreatedAt
			if err := record(ctx, s, e); err != nil {
				return err
			}
			want = append(want, e.ID)
		}
		slices.Reverse(want)
		for _, size := range []int{0, 1, 4, 22, 23, 24, 1_000_000} {
			if err := lists(ctx, s, history.Filter{Limit: size}, want...); err != nil {
				return fmt.Errorf("in pages of %d: %w", size, err)
			}
		}
		return nil
	},
}, {
	name: "pages-stand-still",
	why:  "what is recorded while somebody turns pages neither hides an entry nor shows one twice",
	check: func(ctx context.Context, s history.Store) error {
		for n := range 6 {
			if err := record(ctx, s, entry(n)); err != nil {
				return err
			}
		}
		page, err := s.List(ctx, history.Filter{Limit: 3})
		if err != nil {
			return err
		}
		again := entry(1)
		again.UpdatedAt = again.UpdatedAt.Add(time.Hour)
		if err := record(ctx, s, entry(7), entry(8), again); err != nil {
			return err
		}
		return lists(ctx, s, history.Filter{Limit: 3, After: page.Next}, "entry-000002", "entry-000001", "entry-000000")
	},
}, {
	name: "cursors-are-checked",
	why:  "a cursor comes from a page's URL, where anything may stand",
	check: func(ctx context.Context, s history.Store) error {
		if err := record(ctx, s, entry(1)); err != nil {
			return err
		}
		for _, cursor := range []string{"x", ".", "12", "a.b", "99999999999999999999.a"} {
			if _, err := s.List(ctx, history.Filter{After: cursor}); err == nil {
				return fmt.Errorf("the cursor %q is taken", cursor)
			}
		}
		return nil
	},
}, {
	name: "every-filter-filters",
	why:  "an owner asks for what failed, and a host for what one lead was told",
	check: func(ctx context.Context, s history.Store) error {
		var all []history.Entry
		for n := range 40 {
			e := entry(n)
			e.EndpointID = []string{"crm", "shop"}[n%2]
			e.LeadID = []string{"a", "b", "c"}[n%3]
			e.Status = []history.Status{history.Delivered, history.Failed, history.Queued, history.Duplicate}[n%4]
			e.Cause = []deliver.Cause{"", deliver.CauseTimeout, deliver.CauseTLS}[n%3]
			e.MessageType = []string{"new_lead", "lead_update"}[n/2%2]
			e.Test = n%5 == 0
			all = append(all, e)
		}
		if err := record(ctx, s, all...); err != nil {
			return err
		}
		yes, no := true, false
		filters := []history.Filter{
			{}, {EndpointID: "shop"}, {LeadID: "b"}, {Status: history.Failed}, {Cause: deliver.CauseTLS}, {MessageType: "lead_update"},
			{Test: &yes}, {Test: &no}, {From: all[10].CreatedAt}, {Until: all[10].CreatedAt}, {From: all[5].CreatedAt, Until: all[30].CreatedAt},
			{EndpointID: "crm", Status: history.Delivered, MessageType: "new_lead", Test: &no, From: all[3].CreatedAt},
			{EndpointID: "nobody"}, {EndpointID: "crm' OR '1'='1"}, {LeadID: "%"}, {From: all[30].CreatedAt, Until: all[5].CreatedAt},
		}
		for _, f := range filters {
			var want []string
			for _, e := range slices.Backward(all) {
				if f.Matches(e) {
					want = append(want, e.ID)
				}
			}
			for _, f.Limit = range []int{3, 100} {
				if err := lists(ctx, s, f, want...); err != nil {
					return err
				}
			}
		}
		return nil
	},
}, {
	name: "erase-a-lead",
	why:  "a person may ask to be forgotten",
	check: func(ctx context.Context, s history.Store) error {
		for n := range 6 {
			e := entry(n)
			e.LeadID = []string{"jane", "john"}[n%2]
			if err := record(ctx, s, e); err != nil {
				return err
			}
		}
		for _, want := range []int{3, 0} {
			if n, err := s.EraseLead(ctx, "jane"); err != nil || n != want {
				return fmt.Errorf("erasing %d entries says %d, and the error %v", want, n, err)
			}
		}
		if _, err := s.Get(ctx, "entry-000000"); !errors.Is(err, history.ErrNotFound) {
			return fmt.Errorf("an entry that was erased: the error is %v", err)
		}
		if err := record(ctx, s, func() history.Entry { e := entry(0); e.LeadID = "jane"; e.Attempts = nil; return e }()); err != nil {
			return err
		}
		if e, err := s.Get(ctx, "entry-000000"); err != nil || len(e.Attempts) > 0 {
			return fmt.Errorf("what was erased comes back: %d attempts, and the error %v", len(e.Attempts), err)
		}
		return lists(ctx, s, history.Filter{LeadID: "john"}, "entry-000005", "entry-000003", "entry-000001")
	},
}, {
	name: "prune-by-age",
	why:  "a host keeps history for so long, and no longer",
	check: func(ctx context.Context, s history.Store) error {
		for n := range 6 {
			if err := record(ctx, s, entry(n)); err != nil {
				return err
			}
		}
		for _, want := range []int{2, 0} {
			if n, err := s.Prune(ctx, entry(2).CreatedAt); err != nil || n != want {
				return fmt.Errorf("pruning %d entries says %d, and the error %v", want, n, err)
			}
		}
		return lists(ctx, s, history.Filter{}, "entry-000005", "entry-000004", "entry-000003", "entry-000002")
	},
}, {
	name: "safe-for-concurrent-use",
	why:  "endpoints are told side by side, and the same message by several workers",
	check: func(ctx context.Context, s history.Store) error {
		const n = 16
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() {
				same := entry(0)
				same.UpdatedAt = same.UpdatedAt.Add(time.Duration(i) * time.Second)
				same.Attempts[0].At = same.Attempts[0].At.Add(time.Duration(i) * time.Second)
				_, listErr := s.List(ctx, history.Filter{})
				errs[i] = errors.Join(record(ctx, s, same, entry(i+1)), listErr)
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		e, err := s.Get(ctx, entry(0).ID)
		if err != nil {
			return err
		}
		if len(e.Attempts) != n || !e.UpdatedAt.Equal(epoch.Add((n-1)*time.Second)) {
			return fmt.Errorf("%d attempts that were recorded side by side are %d, the latest of %v", n, len(e.Attempts), e.UpdatedAt)
		}
		all, err := list(ctx, s, history.Filter{})
		if err == nil && len(all) != n+1 {
			err = fmt.Errorf("%d entries that were recorded side by side are %d", n+1, len(all))
		}
		return err
	},
}}
