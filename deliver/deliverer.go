package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Deliverer gets requests to endpoints, or keeps them until it can. It is
// safe for concurrent use.
type Deliverer interface {
	// Deliver takes responsibility for req. A nil error means that the endpoint
	// accepted it (Receipt.Status Delivered) or that it is safely stored for
	// delivery (Queued). Every other error is an *Error: its Kind is ErrRejected,
	// ErrExhausted or, where ctx ended first, ctx's own error.
	//
	// Every exchange has the request's ID as webhook-id, its content type, its
	// exact bytes and the destination's headers, and a signature where there are
	// secrets (Request.Sign). Timeout, MaxAttempts, Accept, Outcomes and Held are kept, what
	// may pass is tried again, and redirects are not followed. delivertest.Run
	// checks all of it. For another transport alone, HTTP.Transport does; for
	// logging or limits, a Deliverer around another.
	//
	// Deliver neither changes nor keeps req: when it returns, the caller may
	// write to the body's bytes.
	Deliver(ctx context.Context, req *Request) (*Receipt, error)
}

// A BatchDeliverer is a Deliverer that takes several requests at once, as a queue
// does that stores them in one insert. leadhook's Dispatcher gives it a message for
// all its endpoints.
type BatchDeliverer interface {
	Deliverer
	// DeliverBatch is Deliver for all of reqs, or for none: an error is that of
	// each of them. The receipts are in their order. errors.ErrUnsupported says that
	// it takes no batches, as one around another does that takes none: they are to
	// be delivered one by one.
	DeliverBatch(ctx context.Context, reqs []*Request) ([]*Receipt, error)
}

// A Request is one message, encoded, for one endpoint.
type Request struct {
	// ID is the message's: the same on every delivery of it. It goes out as
	// webhook-id.
	ID          string `json:"id"`
	EndpointID  string `json:"endpointId"`
	LeadID      string `json:"leadId"`
	MessageType string `json:"messageType"`
	// Test marks a test lead: it counts in no statistics.
	Test        bool   `json:"test,omitempty"`
	ContentType string `json:"contentType"`
	Body        []byte `json:"body"`
	// Masked is the body with *** in place of sensitive fields, for history and
	// logs. It is never sent. None: nobody made one.
	Masked []byte `json:"masked,omitempty"`
	// Sensitive is the values of those fields, so that they can be masked where an
	// answer repeats them.
	Sensitive []string `json:"sensitive,omitempty"`
	// Kept says that a queue keeps it and delivers it again after what may pass, so
	// that a history calls it queued and not failed. Last: only where the endpoint
	// asks to wait, or the context ended.
	Kept bool `json:"-"`
	Last bool `json:"-"`
	// Destination is resolved when sending: a queue stores the request without
	// it, and so does JSON.
	Destination Destination `json:"-"`
}

// String describes the request without its body and its destination's secrets.
func (r Request) String() string {
	test := ""
	if r.Test {
		test = ", test"
	}
	return fmt.Sprintf("request %s for endpoint %s (lead %s, %s, %s, %d bytes%s) to %v",
		r.ID, r.EndpointID, r.LeadID, r.MessageType, r.ContentType, len(r.Body), test, r.Destination)
}

// Format writes String, whatever the verb: a body is personal data.
func (r Request) Format(s fmt.State, _ rune) { fmt.Fprint(s, r.String()) }

// LogValue logs String.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// A Receipt is what came of a request that was accepted or stored.
type Receipt struct {
	Status Status `json:"status"`
	// Outcome is what the last answer says of the lead, as Destination.Outcomes
	// read it. A duplicate is Delivered too.
	Outcome
	Attempts []Attempt `json:"attempts,omitempty"` // none where it is stored
}

// String describes the receipt without what came back.
func (r Receipt) String() string {
	duplicate := ""
	if r.Duplicate {
		duplicate = " (duplicate)"
	}
	return fmt.Sprintf("%s%s, %v", r.Status, duplicate, r.Attempts)
}

// Format writes String, whatever the verb: an answer may echo the lead.
func (r Receipt) Format(s fmt.State, _ rune) { fmt.Fprint(s, r.String()) }

// LogValue logs String.
func (r Receipt) LogValue() slog.Value { return slog.StringValue(r.String()) }

// A Status says what a Deliverer achieved.
type Status string

// The statuses.
const (
	Delivered Status = "delivered" // the endpoint accepted the request
	Queued    Status = "queued"    // the request is safely stored for delivery
)

// An Attempt is one HTTP exchange of a request.
type Attempt struct {
	Number   int           `json:"number"` // from 1
	At       time.Time     `json:"at"`     // when it began
	Duration time.Duration `json:"duration"`
	// StatusCode of the answer; 0 where none came.
	StatusCode int `json:"statusCode,omitempty"`
	// Cause of the failure; "" where the endpoint accepted.
	Cause Cause `json:"cause,omitempty"`
	// Err says what went wrong, safe to log; "" where nothing did.
	Err string `json:"err,omitempty"`
	// Body is what came back, at most 4 KiB of it.
	Body []byte `json:"body,omitempty"`
	// RetryAfter is the wait that the answer asked for; 0 for none.
	RetryAfter time.Duration `json:"retryAfter,omitempty"`
	// Outcome is what an outcome rule found in the answer.
	Outcome
	// Fields are those that the answer refuses, by the receiver's names; at most
	// 10.
	Fields []string `json:"fields,omitempty"`
	// Note says which outcome rule matched, and why others could not be applied.
	Note string `json:"note,omitempty"`
}

// Remedy is the cause's remedy, with the fields that it concerns. It is ""
// where nothing failed.
func (a Attempt) Remedy() string { return a.Cause.remedy(a.Fields) }

// String describes the attempt without what came back.
func (a Attempt) String() string {
	text := fmt.Sprintf("attempt %d after %v", a.Number, a.Duration)
	if a.StatusCode != 0 {
		text += fmt.Sprintf(": status %d", a.StatusCode)
	}
	if a.Cause != "" {
		text += fmt.Sprintf(" (%s)", a.Cause)
	}
	if a.Err != "" {
		text += ": " + a.Err
	}
	return text
}

// Format writes String, whatever the verb: an answer may echo the lead.
func (a Attempt) Format(s fmt.State, _ rune) { fmt.Fprint(s, a.String()) }

// LogValue logs String.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }
