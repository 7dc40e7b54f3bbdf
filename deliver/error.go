package deliver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The verdicts that a caller acts on, by errors.Is.
var (
	// ErrRejected: do not send the same again, it cannot help.
	ErrRejected = errors.New("rejected")
	// ErrExhausted: it may pass later. Keep the lead.
	ErrExhausted = errors.New("attempts exhausted")
)

// ErrUnknownEndpoint: there is no endpoint of this ID, or not any more.
var ErrUnknownEndpoint = errors.New("unknown endpoint")

// An Error is what came of a request that was neither accepted nor stored.
// errors.Is finds Kind in it.
type Error struct {
	Kind       error         // ErrRejected, ErrExhausted, or the context's error
	Cause      Cause         // of the last attempt
	Host       string        // of the URL, with its port; "" where the URL has none
	StatusCode int           // of the last attempt; 0 where no answer came
	RetryAfter time.Duration // how long the endpoint asked to wait; 0 for none
	Outcome                  // what the last answer says of the lead, as Destination.Outcomes read it
	Attempts   []Attempt     // all of them; none where nothing was tried
	Err        error         // what went wrong; nil where StatusCode says it
}

// Error describes the failure, safe to log: without body, query, header values
// and secrets.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("deliver: ")
	if e.Host != "" {
		fmt.Fprintf(&b, "%s: ", e.Host)
	}
	fmt.Fprint(&b, e.Kind)
	if n := len(e.Attempts); n > 1 {
		fmt.Fprintf(&b, " after %d attempts", n)
	}
	fmt.Fprintf(&b, " (%s)", e.Cause)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": status %d", e.StatusCode)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	switch {
	case e.RetryAfter <= 0:
	case e.Cause == CauseThrottled:
		fmt.Fprintf(&b, "; try again after %v", e.RetryAfter.Round(time.Millisecond))
	default:
		fmt.Fprintf(&b, "; asks to wait %v", e.RetryAfter.Round(time.Millisecond))
	}
	return b.String()
}

// Format writes Error, whatever the verb: the attempts hold what came back.
func (e *Error) Format(s fmt.State, _ rune) { fmt.Fprint(s, e.Error()) }

// MarshalJSON writes Error: in a log the attempts would show what came back.
func (e *Error) MarshalJSON() ([]byte, error) { return json.Marshal(e.Error()) }

// Unwrap returns Kind and Err.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// EndpointCause is what is known of the endpoint: Cause, or where the caller's
// context ended, the cause of the last attempt that it did not cut short. It is ""
// where there was none.
func (e *Error) EndpointCause() Cause {
	if e.Kind == ErrRejected || e.Kind == ErrExhausted {
		return e.Cause
	}
	for _, a := range slices.Backward(e.Attempts) {
		if a.Cause != CauseCanceled {
			return a.Cause
		}
	}
	return ""
}

// Remedy says what the endpoint's owner should do, and names the fields where
// the answer did.
func (e *Error) Remedy() string {
	if n := len(e.Attempts); n > 0 && e.Attempts[n-1].Cause == e.Cause {
		return e.Attempts[n-1].Remedy()
	}
	return e.Cause.Remedy()
}
