package history

import (
	"context"
	"errors"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Store keeps entries. It is safe for concurrent use, by several processes
// where it is a database, and it minds its contexts: what takes longer ends in an
// error. historytest.Run checks what else is said here.
type Store interface {
	// Record keeps e. Where there is an entry of this ID, they are merged as
	// Entry.Merge does it, whatever the order in which they come. When Record
	// returns, the caller may change what e points to.
	Record(ctx context.Context, e Entry) error

	// List returns the entries that match f, the newest first: by CreatedAt, and
	// by ID where that is the same. A cursor that is none is an error.
	List(ctx context.Context, f Filter) (Page, error)

	// Get returns one entry. Where there is none, the error is ErrNotFound.
	Get(ctx context.Context, id string) (Entry, error)

	// EraseLead forgets all entries of a lead, and returns how many they were. A
	// delivery that is under way is recorded when it is over: end those first.
	EraseLead(ctx context.Context, leadID string) (int, error)

	// Prune forgets the entries that were created before a time, and returns how
	// many they were.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// ErrNotFound: there is no entry of this ID.
var ErrNotFound = errors.New("history: no such entry")

// A Filter chooses entries. A zero field chooses all.
type Filter struct {
	EndpointID  string
	LeadID      string
	Status      Status
	Cause       deliver.Cause
	MessageType string
	Test        *bool     // nil: test deliveries and others
	From        time.Time // CreatedAt, this time included
	Until       time.Time // CreatedAt, this time not included

	// Limit is how many entries a page has. 0 means 50, and 500 is the most.
	Limit int
	// After is the Next of the page before. "" is the first page.
	After string
}

// PageSize returns how many entries a page has, for a Store.
func (f Filter) PageSize() int {
	if f.Limit <= 0 {
		return 50
	}
	return min(f.Limit, 500)
}

// Matches reports whether f chooses e, for a Store that has nothing faster. It
// does not look at Limit and After.
func (f Filter) Matches(e Entry) bool {
	return (f.EndpointID == "" || f.EndpointID == e.EndpointID) &&
		(f.LeadID == "" || f.LeadID == e.LeadID) &&
		(f.Status == "" || f.Status == e.Status) &&
		(f.Cause == "" || f.Cause == e.Cause) &&
		(f.MessageType == "" || f.MessageType == e.MessageType) &&
		(f.Test == nil || *f.Test == e.Test) &&
		(f.From.IsZero() || !e.CreatedAt.Before(f.From)) &&
		(f.Until.IsZero() || e.CreatedAt.Before(f.Until))
}

// A Page is a part of a list.
type Page struct {
	Entries []Entry `json:"entries"`
	// Next is Filter.After of the page behind this one; "" where there is none.
	// Entries that are recorded meanwhile neither repeat nor hide others.
	Next string `json:"next,omitempty"`
}
