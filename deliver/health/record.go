package health

import (
	"errors"
	"fmt"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Record is how an endpoint does.
type Record struct {
	EndpointID string `json:"endpointId"`
	// FailingSince is the first failure since the last success. Zero: the last
	// delivery was a success.
	FailingSince time.Time `json:"failingSince,omitzero"`
	// Failures since the last success.
	Failures int `json:"failures,omitempty"`
	// LastSuccess and LastFailure are zero where there was none.
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
	// LastCause is that of the last failure.
	LastCause deliver.Cause `json:"lastCause,omitempty"`
	// Unhealthy is why the host was told; "" where it was not, or the endpoint
	// has recovered.
	Unhealthy Reason `json:"unhealthy,omitempty"`
}

// A Reason is why an endpoint is unhealthy. Its text is stable.
type Reason string

// The reasons.
const (
	ReasonFailing Reason = "failing" // nothing but failures for Options.Span
	ReasonGone    Reason = "gone"    // it answered 410
)

// String describes the record.
func (r Record) String() string {
	switch {
	case r.Failures == 0 && r.LastSuccess.IsZero():
		return fmt.Sprintf("endpoint %s: nothing is known", r.EndpointID)
	case r.Failures == 0:
		return fmt.Sprintf("endpoint %s: well, last success %s", r.EndpointID, r.LastSuccess.UTC().Format(time.RFC3339))
	}
	text := fmt.Sprintf("endpoint %s: %d failures since %s, the last one %s", r.EndpointID, r.Failures,
		r.FailingSince.UTC().Format(time.RFC3339), r.LastCause)
	if r.Unhealthy != "" {
		text += fmt.Sprintf(" (unhealthy: %s)", r.Unhealthy)
	}
	return text
}

// after returns the record after one more delivery; changed is false where that
// says nothing of the endpoint.
func (r Record) after(receipt *deliver.Receipt, err error, now time.Time, span time.Duration) (next Record, changed bool) {
	if err == nil {
		if receipt == nil || receipt.Status != deliver.Delivered {
			return r, false
		}
		return Record{EndpointID: r.EndpointID, LastSuccess: now, LastFailure: r.LastFailure, LastCause: r.LastCause}, true
	}
	e, ok := errors.AsType[*deliver.Error](err)
	if !ok {
		return r, false
	}
	cause, rejected := e.EndpointCause(), e.Kind == deliver.ErrRejected
	switch cause {
	case "", deliver.CauseHeld, deliver.CauseThrottled, deliver.CauseLeadData, deliver.CauseCanceled, deliver.CauseQueue:
		return r, false
	case deliver.CauseOutcome:
		if rejected { // it works, and says no to this lead
			return r, false
		}
	}
	if r.Failures == 0 {
		r.FailingSince = now
	}
	r.Failures++
	r.LastFailure, r.LastCause = now, cause
	switch {
	case cause == deliver.CauseGone && rejected:
		r.Unhealthy = ReasonGone
	case r.Unhealthy == "" && now.Sub(r.FailingSince) >= span:
		r.Unhealthy = ReasonFailing
	}
	return r, true
}

// last is when something was heard of the endpoint.
func (r Record) last() time.Time {
	if r.LastFailure.After(r.LastSuccess) {
		return r.LastFailure
	}
	return r.LastSuccess
}
