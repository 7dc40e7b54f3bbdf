package history

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Status is what became of a request.
type Status string

// The statuses.
const (
	Delivered Status = "delivered" // the endpoint accepted it
	Duplicate Status = "duplicate" // it said that it had the lead already
	Queued    Status = "queued"    // it is stored for delivery, or for another after the failure that Cause says
	Failed    Status = "failed"
)

// An Entry is one message for one endpoint, and all that was tried. Times are in
// UTC, to the microsecond.
type Entry struct {
	// ID names the entry: the same for the same message, type, lead and endpoint.
	ID          string `json:"id"`
	MessageID   string `json:"messageId"`
	EndpointID  string `json:"endpointId"`
	LeadID      string `json:"leadId"`
	MessageType string `json:"messageType"`
	Test        bool   `json:"test,omitempty"`
	// Host of the URL, with its port: nothing else of it is kept.
	Host string `json:"host,omitempty"`
	// CreatedAt is when the message was first given to a Deliverer. UpdatedAt is
	// when what Status says was known.
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// Resent marks what Resend or ResendFailed delivered once more.
	Resent bool `json:"resent,omitempty"`

	// What came of it: delivered for good, or else what was known last.
	Status Status        `json:"status"`
	Cause  deliver.Cause `json:"cause,omitempty"` // of a failure, the last one of what is queued
	Err    string        `json:"err,omitempty"`   // safe to log
	// MayPass says that a failure was not final (deliver.ErrExhausted, or an ended
	// context): the same request may be accepted later.
	MayPass bool `json:"mayPass,omitempty"`
	deliver.Outcome

	// What was sent then.
	ContentType string `json:"contentType,omitempty"`
	Body        []byte `json:"body,omitempty"` // masked; none where the request had no masked body
	Size        int    `json:"size"`           // of the exact bytes
	SHA256      string `json:"sha256"`         // of the exact bytes, in hexadecimal

	Attempts []Attempt `json:"attempts,omitempty"` // oldest first, the latest 100
}

// An Attempt is one exchange of an entry. Its number counts within one delivery.
type Attempt struct {
	deliver.Attempt
	SHA256 string `json:"sha256"`           // of the exact bytes that it sent
	Resent bool   `json:"resent,omitempty"` // by Resend or ResendFailed
}

// maxAttempts bounds an entry: a queue may try for weeks.
const maxAttempts = 100

// Remedy says what the endpoint's owner should do about a failure.
func (e Entry) Remedy() string {
	if n := len(e.Attempts); n > 0 && e.Attempts[n-1].Cause == e.Cause {
		return e.Attempts[n-1].Remedy()
	}
	return e.Cause.Remedy()
}

// String describes the entry without what was sent and what came back.
func (e Entry) String() string {
	text := fmt.Sprintf("%s for endpoint %s (lead %s, %s): %s", e.MessageID, e.EndpointID, e.LeadID, e.MessageType, e.Status)
	if e.Cause != "" {
		text += fmt.Sprintf(" (%s)", e.Cause)
	}
	return text + fmt.Sprintf(", %d attempts", len(e.Attempts))
}

// Format writes String, whatever the verb: an entry holds personal data.
func (e Entry) Format(s fmt.State, _ rune) { fmt.Fprint(s, e.String()) }

// LogValue logs String.
func (e Entry) LogValue() slog.Value { return slog.StringValue(e.String()) }

// Merge returns e with what other says of the same message, for a Store that has
// e already when it is to record other; the order of the two does not matter.
// Attempts are added, but for one that is there already, by its time and number.
// All else is that of the entry that decides: one that is delivered or a
// duplicate does, whatever was tried later, since the endpoint has the lead; one
// that was only held back or given up by its caller (held, throttled, canceled)
// does not, since that says nothing; then the later one, by UpdatedAt, where
// Queued counts for a minute earlier, since the machine that delivers may have a
// slower clock than the one that stored. Reference and price are those of the
// latest attempt that was accepted with one.
func (e Entry) Merge(other Entry) Entry {
	winner, loser := e, other
	if loser.decides(&winner) {
		winner, loser = loser, winner
	}
	merged := winner
	merged.Resent = winner.Resent || loser.Resent
	if loser.CreatedAt.Before(merged.CreatedAt) {
		merged.CreatedAt = loser.CreatedAt
	}
	merged.Attempts = slices.Clone(winner.Attempts)
	for _, a := range loser.Attempts {
		if !slices.ContainsFunc(merged.Attempts, func(b Attempt) bool { return a.At.Equal(b.At) && a.Number == b.Number }) {
			merged.Attempts = append(merged.Attempts, a)
		}
	}
	slices.SortStableFunc(merged.Attempts, func(a, b Attempt) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number)) })
	merged.Attempts = merged.Attempts[max(0, len(merged.Attempts)-maxAttempts):]
	for _, a := range merged.Attempts {
		if a.Cause == "" { // it was accepted
			merged.Reference = cmp.Or(a.Reference, merged.Reference)
			merged.Price = cmp.Or(a.Price, merged.Price)
		}
	}
	return merged
}

// decides reports whether e and not other says what became of a message.
func (e *Entry) decides(other *Entry) bool {
	rank := func(e *Entry) int {
		switch {
		case e.Status == Delivered, e.Status == Duplicate:
			return 2
		case e.Cause == deliver.CauseHeld, e.Cause == deliver.CauseThrottled, e.Cause == deliver.CauseCanceled:
			return 0
		}
		return 1
	}
	known := func(e *Entry) time.Time {
		if e.Status == Queued {
			return e.UpdatedAt.Add(-time.Minute)
		}
		return e.UpdatedAt
	}
	// Of one time, any order will do, as long as it is one.
	return cmp.Or(cmp.Compare(rank(e), rank(other)), known(e).Compare(known(other)), cmp.Compare(e.Status, other.Status), cmp.Compare(e.SHA256, other.SHA256), cmp.Compare(e.Err, other.Err)) > 0
}

// clone shares nothing with e.
func (e Entry) clone() Entry {
	e.Body = bytes.Clone(e.Body)
	e.Attempts = slices.Clone(e.Attempts)
	for i := range e.Attempts {
		e.Attempts[i].Body = bytes.Clone(e.Attempts[i].Body)
		e.Attempts[i].Fields = slices.Clone(e.Attempts[i].Fields)
	}
	return e
}

// entryID is the same wherever a message is delivered to an endpoint.
func entryID(req *deliver.Request) string {
	if req.ID == "" { // nothing tells two of them apart
		return strings.ToLower(rand.Text())
	}
	// No ID holds a NUL that could move from one to the next.
	sum := sha256.Sum256([]byte(strings.Join([]string{req.ID, req.EndpointID, req.MessageType, req.LeadID}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// newEntry writes down what came of req.
func newEntry(req *deliver.Request, began time.Time, resent bool, receipt *deliver.Receipt, err error) Entry {
	sum := sha256.Sum256(req.Body)
	e := Entry{
		ID: entryID(req), MessageID: req.ID, EndpointID: req.EndpointID, LeadID: req.LeadID, MessageType: req.MessageType, Test: req.Test,
		CreatedAt: exact(began), UpdatedAt: exact(time.Now()), Status: Failed, Resent: resent,
		ContentType: req.ContentType, Body: bytes.Clone(req.Masked), Size: len(req.Body), SHA256: hex.EncodeToString(sum[:]),
	}
	if u, err := url.Parse(req.Destination.URL); err == nil {
		e.Host = u.Host
	}
	var attempts []deliver.Attempt
	failure, known := errors.AsType[*deliver.Error](err)
	switch {
	case err == nil && receipt != nil:
		e.Status, e.Outcome, attempts = Delivered, receipt.Outcome, receipt.Attempts
		if receipt.Status == deliver.Queued {
			e.Status = Queued
		} else if receipt.Duplicate {
			e.Status = Duplicate
		}
	case known:
		e.Cause, e.Err, e.Outcome, attempts = failure.Cause, failure.Error(), failure.Outcome, failure.Attempts
		e.MayPass = !errors.Is(err, deliver.ErrRejected)
		if e.Cause == deliver.CauseQueue { // its text is about the host's database
			e.Err = "the queue could not store it"
		}
		if req.Kept && e.MayPass && !(req.Last && errors.Is(err, deliver.ErrExhausted) && failure.RetryAfter <= 0) {
			e.Status = Queued
		}
	case err == errPanic:
		e.Err, e.MayPass = err.Error(), true
	default: // against the contract; such a text may hold anything
		e.Err, e.MayPass = "the deliverer gave an error that is no *deliver.Error", true
	}
	m := &masker{req: req}
	e.Err = m.text(e.Err)
	e.Outcome = m.outcome(e.Outcome)
	for _, a := range attempts[max(0, len(attempts)-maxAttempts):] {
		a.At = exact(a.At)
		a.Body, a.Err, a.Note, a.Outcome = m.bytes(a.Body), m.text(a.Err), m.text(a.Note), m.outcome(a.Outcome)
		a.Fields = slices.Clone(a.Fields)
		for i, f := range a.Fields {
			a.Fields[i] = m.text(f)
		}
		e.Attempts = append(e.Attempts, Attempt{Attempt: a, SHA256: e.SHA256, Resent: resent})
	}
	return e
}

// exact is a time as every database keeps it.
func exact(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Cursor is the entry's place in a list, for a Store that makes Page.Next of its
// last entry's.
func (e Entry) Cursor() string { return strconv.FormatInt(e.CreatedAt.UnixMicro(), 10) + "." + e.ID }

// ParseCursor takes a cursor apart, for a Store.
func ParseCursor(cursor string) (createdAt time.Time, id string, err error) {
	micros, id, ok := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil {
		return time.Time{}, "", fmt.Errorf("history: %.40q is no cursor; take Page.Next as it is", cursor)
	}
	return time.UnixMicro(n).UTC(), id, nil
}
