package sqlhistory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/topprovider/leadhook/deliver/history"
)

// columns are in the order of values and scan.
const columns = "id, message_id, endpoint_id, lead_id, message_type, test, status, cause, created_at, updated_at, document"

// A document is what of an entry has no column. It is all of the entry but for
// the names below, which hide the entry's own: a field that entries gain later is
// kept without a migration.
type document struct {
	history.Entry
	ID          hidden `json:"id,omitzero"`
	MessageID   hidden `json:"messageId,omitzero"`
	EndpointID  hidden `json:"endpointId,omitzero"`
	LeadID      hidden `json:"leadId,omitzero"`
	MessageType hidden `json:"messageType,omitzero"`
	Test        hidden `json:"test,omitzero"`
	Status      hidden `json:"status,omitzero"`
	Cause       hidden `json:"cause,omitzero"`
	CreatedAt   hidden `json:"createdAt,omitzero"`
	UpdatedAt   hidden `json:"updatedAt,omitzero"`
}

type hidden struct{}

// values are the columns of an entry.
func values(e history.Entry) ([]any, error) {
	doc, err := json.Marshal(document{Entry: e})
	if err != nil {
		return nil, err
	}
	return []any{
		e.ID, e.MessageID, e.EndpointID, e.LeadID, e.MessageType, e.Test, string(e.Status), string(e.Cause),
		e.CreatedAt.UnixMicro(), e.UpdatedAt.UnixMicro(), string(doc),
	}, nil
}

// scan reads what values wrote. The errors are those of row.Scan, or say that the
// document is damaged.
func scan(row interface{ Scan(...any) error }) (history.Entry, error) {
	var e history.Entry
	var createdAt, updatedAt int64
	var text []byte
	if err := row.Scan(&e.ID, &e.MessageID, &e.EndpointID, &e.LeadID, &e.MessageType, &e.Test, &e.Status, &e.Cause, &createdAt, &updatedAt, &text); err != nil {
		return history.Entry{}, err
	}
	e.CreatedAt, e.UpdatedAt = time.UnixMicro(createdAt).UTC(), time.UnixMicro(updatedAt).UTC()
	doc := document{Entry: e}
	if err := json.Unmarshal(text, &doc); err != nil {
		return history.Entry{}, fmt.Errorf("the document of entry %.80q: %w", e.ID, err)
	}
	return doc.Entry, nil
}

// exact is e with its times as they are kept.
func exact(e history.Entry) history.Entry {
	e.CreatedAt, e.UpdatedAt = e.CreatedAt.UTC().Truncate(time.Microsecond), e.UpdatedAt.UTC().Truncate(time.Microsecond)
	return e
}

// ceil is a bound in microseconds: times that are kept are before the one where
// they are before the other.
func ceil(t time.Time) int64 { return t.Add(time.Microsecond - 1).UnixMicro() }

// maxText is what fits into the rows of an index together with two others:
// PostgreSQL's have 2,700 bytes at most.
const maxText = 800

// check says what of e the databases would not keep, or not both of them.
func check(e history.Entry) error {
	for _, c := range []struct{ name, text string }{
		{"ID", e.ID}, {"MessageID", e.MessageID}, {"EndpointID", e.EndpointID}, {"LeadID", e.LeadID},
		{"MessageType", e.MessageType}, {"Status", string(e.Status)}, {"Cause", string(e.Cause)},
	} {
		if err := checkText(c.text); err != nil {
			return fmt.Errorf("the entry's %s %w", c.name, err)
		}
	}
	return nil
}

// checkText completes a sentence, without the text, which may name a person.
func checkText(text string) error {
	switch {
	case len(text) > maxText:
		return fmt.Errorf("has %d bytes; %d is the most", len(text), maxText)
	case strings.Contains(text, "\x00"):
		return errors.New("has a NUL in it, which databases do not keep; leave it out")
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8")
	}
	return nil
}
