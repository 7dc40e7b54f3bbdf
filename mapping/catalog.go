package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Catalog is the fields that a host offers for mapping, in the order in which
// it offers them. It never changes; Extend makes another.
type Catalog struct {
	fields []Field
	index  map[string]int
	plain  []string // the keys as plainKey makes them
}

// NewCatalog returns a catalog of just these fields. An empty key, a key given
// twice and a key that is not valid UTF-8 are errors, all reported at once.
// A catalog without messageType cannot rename it.
func NewCatalog(fields ...Field) (*Catalog, error) {
	c := &Catalog{fields: slices.Clone(fields), index: make(map[string]int, len(fields))}
	var faults []error
	for i, f := range c.fields {
		first, twice := c.index[f.Key]
		switch {
		case f.Key == "":
			faults = append(faults, fmt.Errorf("mapping: field %d has no key", i))
		case !utf8.ValidString(f.Key):
			faults = append(faults, fmt.Errorf("mapping: field %d: key %.60q is not valid UTF-8", i, f.Key))
		case twice:
			faults = append(faults, fmt.Errorf("mapping: field %d: key %.60q is that of field %d already", i, f.Key, first))
		default:
			c.index[f.Key] = i
		}
		c.plain = append(c.plain, plainKey(f.Key))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// Standard returns the catalog of the standard fields.
func Standard() *Catalog { return standard() }

var standard = sync.OnceValue(func() *Catalog {
	lead := Lead{}
	lead.SetMeeting(time.Date(2026, time.April, 22, 19, 45, 0, 0, time.UTC), nil)
	c, err := NewCatalog(
		Field{Key: FieldMessageType, Label: "Message type"},
		Field{Key: FieldLeadID, Label: "Lead ID", Example: "test-lead"},
		Field{Key: FieldLeadOrderID, Label: "Lead order ID", Example: "test-order"},
		Field{Key: FieldCreatedAt, Label: "Created at", Kind: Time, Example: time.Date(2026, time.April, 20, 14, 30, 0, 0, time.UTC)},
		Field{Key: FieldFirstName, Label: "First name", Example: "Jane", Sensitive: true},
		Field{Key: FieldLastName, Label: "Last name", Example: "Doe", Sensitive: true},
		Field{Key: FieldEmail, Label: "Email", Kind: Email, Example: "jane@example.com", Sensitive: true},
		// 555-0100 to 555-0199 are kept free for fiction (NANPA).
		Field{Key: FieldPhone, Label: "Phone", Kind: Phone, Example: "+1 212 555 0123", Sensitive: true},
		Field{Key: FieldCompany, Label: "Company", Example: "Example Inc."},
		Field{Key: FieldJobTitle, Label: "Job title", Example: "Head of Operations"},
		Field{Key: FieldCompanySize, Label: "Company size", Example: "11-50"},
		Field{Key: FieldIndustry, Label: "Industry", Example: "Software"},
		Field{Key: FieldWebsite, Label: "Website", Kind: URL, Example: "https://www.example.com"},
		Field{Key: FieldAddress, Label: "Address", Example: "1 Example Street", Sensitive: true},
		Field{Key: FieldCity, Label: "City", Example: "New York"},
		Field{Key: FieldState, Label: "State", Example: "NY"},
		Field{Key: FieldPostalCode, Label: "Postal code", Example: "10001"},
		Field{Key: FieldCountry, Label: "Country", Example: "US"},
		Field{Key: FieldMessage, Label: "Message", Example: "This is a test lead.", Sensitive: true},
		Field{Key: FieldRequestedMeetingTime, Label: "Requested meeting time", Kind: Time, Example: lead[FieldRequestedMeetingTime]},
		Field{Key: FieldFormattedRequestedMeetingTime, Label: "Requested meeting time, in words", Example: lead[FieldFormattedRequestedMeetingTime]},
	)
	if err != nil {
		panic(err) // the list above is constant, and every test reads it
	}
	return c
})

// Extend returns a catalog of c's fields and these behind them. The errors are
// those of NewCatalog.
func (c *Catalog) Extend(fields ...Field) (*Catalog, error) {
	return NewCatalog(slices.Concat(c.fields, fields)...)
}

// Fields returns a copy of the fields, in order.
func (c *Catalog) Fields() []Field { return slices.Clone(c.fields) }

// Lookup returns the field with this key.
func (c *Catalog) Lookup(key string) (Field, bool) {
	i, ok := c.index[key]
	if !ok {
		return Field{}, false
	}
	return c.fields[i], true
}

// Example returns the test lead: each field with its example. The lead is the
// caller's to change.
func (c *Catalog) Example() Lead {
	l := make(Lead, len(c.fields))
	for _, f := range c.fields {
		if f.Example != nil {
			l[f.Key] = f.Example
		}
	}
	return l
}

// nearest returns the key that someone who typed key most likely meant, or ""
// where none is close. Case and the separators of other naming styles do not
// count as differences, so that first_name finds firstName.
func (c *Catalog) nearest(key string) string {
	key = plainKey(key)
	if key == "" || len(key) > 100 {
		return ""
	}
	// Farther than half of what was typed is a guess, not a suggestion.
	best, least := "", len(key)/2+1
	for i, plain := range c.plain {
		// Each edit changes the length by one at the most.
		if max(len(plain)-len(key), len(key)-len(plain)) >= least {
			continue
		}
		if d := distance(key, plain); d < least {
			best, least = c.fields[i].Key, d
		}
	}
	return best
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

func plainKey(key string) string { return strings.ToLower(separators.Replace(key)) }

// distance counts the edits between a and b: insert, delete, replace or swap
// two neighbours (the optimal string alignment distance).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
