package historytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/history"
)

// Run checks that a store does what history.Store says. newStore is called for
// each rule and gives an empty store; it cleans up with t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) history.Store) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(context.Background(), newStore(t)); err != nil {
				t.Errorf("%v\n\tthe rule is there because %s", err, r.why)
			}
		})
	}
}

// epoch is when the entries of the rules begin.
var epoch = time.Date(2026, 4, 20, 14, 30, 0, 123456000, time.UTC)

// entry is one with something in every field, the n-th.
func entry(n int) history.Entry {
	at := epoch.Add(time.Duration(n) * time.Second)
	body := fmt.Appendf(nil, `{"n":%d,"name":"***"}`, n)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	return history.Entry{
		ID: fmt.Sprintf("entry-%06d", n), MessageID: fmt.Sprintf("msg_%d", n), EndpointID: "crm", LeadID: fmt.Sprintf("lead-%d", n),
		MessageType: "new_lead", Host: "crm.example.com:8443", CreatedAt: at, UpdatedAt: at,
		Status: history.Failed, Cause: deliver.CauseFieldMapping, Err: "deliver: crm.example.com: rejected (field_mapping): status 422",
		Resent:      true,
		Outcome:     deliver.Outcome{Reason: "nicht verfügbar ✓ 'quoted'", Reference: "L-1", Price: "12.50"},
		ContentType: "application/json", Body: body, Size: 42, SHA256: hash,
		Attempts: []history.Attempt{{SHA256: hash, Attempt: deliver.Attempt{
			Number: 1, At: at.Add(time.Millisecond), Duration: 1234567891, StatusCode: 422, Cause: deliver.CauseFieldMapping, Err: "status 422",
			Body: []byte("an answer, with \x00 and \xff in it"), RetryAfter: 90 * time.Second,
			Outcome: deliver.Outcome{Reason: "no"}, Fields: []string{"email", "0-2/name"}, Note: "outcomes[0] matches: rejected",
		}}},
	}
}

// same says how an entry differs from what it should be.
func same(got, want history.Entry) error {
	if a, b := plain(got), plain(want); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("entry %s differs:\n\tgot  %+v\n\twant %+v", want.ID, a, b)
	}
	return nil
}

// plain takes off what makes entries hard to compare and to print: their Format,
// locations of times, and empty against nil.
func plain(e history.Entry) any {
	type fields history.Entry
	e.CreatedAt, e.UpdatedAt = e.CreatedAt.UTC(), e.UpdatedAt.UTC()
	e.Body = append([]byte{}, e.Body...)
	var attempts []string
	for _, a := range e.Attempts {
		attempts = append(attempts, fmt.Sprintf("%d %v %v %d %s %q %q %v %+v %q %q %s %v", a.Number, a.At.UTC(), int64(a.Duration), a.StatusCode,
			a.Cause, a.Err, a.Body, int64(a.RetryAfter), a.Outcome, a.Fields, a.Note, a.SHA256, a.Resent))
	}
	e.Attempts = nil
	return struct {
		fields
		attempts []string
	}{fields(e), attempts}
}

// record records entries, and changes what they point to behind the store's back.
func record(ctx context.Context, s history.Store, entries ...history.Entry) error {
	for _, e := range entries {
		body := bytes.Clone(e.Body)
		e.Body = body
		attempts := append([]history.Attempt(nil), e.Attempts...)
		for i := range attempts {
			attempts[i].Body = bytes.Clone(attempts[i].Body)
			attempts[i].Fields = append([]string(nil), attempts[i].Fields...)
		}
		e.Attempts = attempts
		if err := s.Record(ctx, e); err != nil {
			return fmt.Errorf("recording %s: %w", e.ID, err)
		}
		clear(body)
		for i := range attempts {
			clear(attempts[i].Body)
			clear(attempts[i].Fields)
			attempts[i] = history.Attempt{}
		}
	}
	return nil
}

// list walks all pages, and returns the IDs.
func list(ctx context.Context, s history.Store, f history.Filter) (ids []string, err error) {
	for range 10_000 {
		page, err := s.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if len(page.Entries) > f.PageSize() {
			return nil, fmt.Errorf("a page of %d has %d entries", f.PageSize(), len(page.Entries))
		}
		for _, e := range page.Entries {
			ids = append(ids, e.ID)
		}
		if page.Next == "" {
			return ids, nil
		}
		if len(page.Entries) == 0 {
			return nil, fmt.Errorf("an empty page has a next one")
		}
		f.After = page.Next
	}
	return nil, fmt.Errorf("the pages have no end")
}

// lists checks what a filter finds, in its order.
func lists(ctx context.Context, s history.Store, f history.Filter, want ...string) error {
	got, err := list(ctx, s, f)
	if err != nil {
		return err
	}
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		return fmt.Errorf("filter %+v finds %q, not %q", f, got, want)
	}
	return nil
}
