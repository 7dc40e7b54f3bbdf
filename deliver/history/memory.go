package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// Memory is a Store that forgets with the process, and the oldest entries when
// there are too many. The zero value is ready; copy none after first use.
type Memory struct {
	// MaxEntries is how many it keeps. 0 means 10,000.
	MaxEntries int
	// MaxBytes bounds what all of them take, about. 0 means 64 MiB.
	MaxBytes int

	mu    sync.Mutex
	byID  map[string]*Entry
	order []*Entry // oldest first
	bytes int
}

var _ Store = (*Memory)(nil)

// Validate refuses bounds below zero.
func (m *Memory) Validate() error {
	if m.MaxEntries < 0 || m.MaxBytes < 0 {
		return fmt.Errorf("history: Memory's bounds are %d entries and %d bytes; 0 means the default", m.MaxEntries, m.MaxBytes)
	}
	return nil
}

func older(a, b *Entry) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// Record keeps a copy of e. A bound below zero is an error.
func (m *Memory) Record(_ context.Context, e Entry) error {
	if err := m.Validate(); err != nil {
		return err
	}
	e = e.clone()
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.byID[e.ID]; ok {
		e = before.Merge(e)
		m.remove(before)
	}
	if m.byID == nil {
		m.byID = make(map[string]*Entry)
	}
	m.byID[e.ID] = &e
	at, _ := slices.BinarySearchFunc(m.order, &e, older)
	m.order = slices.Insert(m.order, at, &e)
	m.bytes += size(&e)
	most, mostBytes := cmp.Or(m.MaxEntries, 10_000), cmp.Or(m.MaxBytes, 64<<20)
	for len(m.order) > most || m.bytes > mostBytes && len(m.order) > 1 {
		m.remove(m.order[0])
	}
	return nil
}

// remove takes e out. The lock is held.
func (m *Memory) remove(e *Entry) {
	at, _ := slices.BinarySearchFunc(m.order, e, older)
	if at == 0 {
		m.order[0] = nil
		m.order = m.order[1:] // what is in front goes with the next growth
	} else {
		m.order = slices.Delete(m.order, at, at+1)
	}
	delete(m.byID, e.ID)
	m.bytes -= size(e)
}

// size is about what an entry takes.
func size(e *Entry) int {
	n := 700 + len(e.Body) + len(e.LeadID) + len(e.MessageID) + len(e.EndpointID) + len(e.Host) + len(e.ContentType) + len(e.Err) + text(e.Outcome)
	for i := range e.Attempts {
		a := &e.Attempts[i]
		n += 400 + len(a.Body) + len(a.Err) + len(a.Note) + text(a.Outcome)
		for _, f := range a.Fields {
			n += 16 + len(f)
		}
	}
	return n
}

func text(o deliver.Outcome) int { return len(o.Reason) + len(o.Reference) + len(o.Price) }

// List returns copies of the entries that match f.
func (m *Memory) List(_ context.Context, f Filter) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := len(m.order)
	if f.After != "" {
		at, id, err := ParseCursor(f.After)
		if err != nil {
			return Page{}, err
		}
		end, _ = slices.BinarySearchFunc(m.order, &Entry{CreatedAt: at, ID: id}, older)
	}
	var page Page
	for _, e := range slices.Backward(m.order[:end]) {
		if !f.Matches(*e) {
			continue
		}
		if len(page.Entries) == f.PageSize() {
			page.Next = page.Entries[len(page.Entries)-1].Cursor()
			break
		}
		page.Entries = append(page.Entries, e.clone())
	}
	return page, nil
}

// Get returns a copy of one entry.
func (m *Memory) Get(_ context.Context, id string) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byID[id]
	if !ok {
		return Entry{}, ErrNotFound
	}
	return e.clone(), nil
}

// EraseLead forgets all entries of a lead.
func (m *Memory) EraseLead(_ context.Context, leadID string) (int, error) {
	return m.forget(func(e *Entry) bool { return e.LeadID == leadID }), nil
}

// Prune forgets the entries that were created before a time.
func (m *Memory) Prune(_ context.Context, before time.Time) (int, error) {
	return m.forget(func(e *Entry) bool { return e.CreatedAt.Before(before) }), nil
}

func (m *Memory) forget(which func(*Entry) bool) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.order)
	m.order = slices.DeleteFunc(m.order, func(e *Entry) bool {
		if !which(e) {
			return false
		}
		delete(m.byID, e.ID)
		m.bytes -= size(e)
		return true
	})
	return before - len(m.order)
}
