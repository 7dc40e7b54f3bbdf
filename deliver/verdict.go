package deliver

import (
	"fmt"
	"slices"
)

// A Verdict says what follows from an attempt.
type Verdict string

// The verdicts of outcome rules.
const (
	VerdictAccepted  Verdict = "accepted"  // the endpoint has the lead
	VerdictDuplicate Verdict = "duplicate" // it had it already, which counts as delivered
	VerdictRejected  Verdict = "rejected"  // sending the same again cannot help
	VerdictRetry     Verdict = "retry"     // it may pass later

	verdictCanceled Verdict = "canceled" // nothing is known; the caller gave up
)

// accepts reports whether the lead was delivered.
func (v Verdict) accepts() bool { return v == VerdictAccepted || v == VerdictDuplicate }

// err is the verdict as callers get it.
func (v Verdict) err() error {
	switch v {
	case VerdictAccepted, VerdictDuplicate:
		return nil
	case VerdictRetry:
		return ErrExhausted
	}
	return ErrRejected
}

// Judge gives the verdict on an answer's status code, for a host that sends by
// itself: nil, ErrRejected, or ErrExhausted for what may pass later. No accepted
// codes means 200, 201 and 202. Destination.Judge looks into the body too.
func Judge(code int, accept []int) (Cause, error) {
	cause, v := judge(code, accept)
	return cause, v.err()
}

// Judge says what an answer means, as HTTP does: a redirect is refused; else the
// first of d.Outcomes that matches decides, and where none does the status code.
// It takes a.StatusCode and body, all of it, and fills in a's Cause, Outcome,
// Fields, Err and Note. It returns nil, ErrRejected, ErrExhausted, or what is
// wrong with the outcome rules.
func (d *Destination) Judge(a *Attempt, body []byte) error {
	rules, err := CompileOutcomes(d.Outcomes)
	if err != nil {
		return err
	}
	v, err := (&answer{code: a.StatusCode, body: body}).judge(rules, d.Accept, a)
	if err != nil {
		a.Err = err.Error()
	}
	return v.err()
}

// judge fills in all of a that the answer decides but Err, which it returns.
func (ans *answer) judge(rules []OutcomeRule, accept []int, a *Attempt) (Verdict, error) {
	cause, v := judge(ans.code, accept)
	a.Cause = cause
	if ans.code < 200 || cause == CauseRedirect {
		return v, nil // an answer that is not looked into
	}
	rule, number, unread := ans.read(rules)
	switch {
	case unread != nil:
		a.Note = unread.Error()
	case rule == nil && len(rules) > 0:
		a.Note = "no outcome rule matches; the status decides"
	}
	if rule != nil {
		v, a.Outcome = rule.Verdict, rule.outcome(ans)
		note := fmt.Sprintf("outcomes[%d] matches: %s", number, v)
		if missed := rule.missed(a.Outcome); missed != "" {
			note += ", and there is nothing at its " + missed
		}
		if a.Note != "" {
			note = a.Note + "; " + note
		}
		a.Note = note
		switch {
		case v.accepts():
			a.Cause = ""
			return v, nil
		case cause == "":
			a.Cause = CauseOutcome
		}
		return v, fmt.Errorf("outcomes[%d] reads the answer as %s", number, v)
	}
	if cause == CauseFieldMapping {
		if h := readHubSpot(ans.body); h != nil {
			a.Cause, a.Fields = h.cause, h.fields
			return v, h
		}
	}
	return v, nil
}

func judge(code int, accept []int) (Cause, Verdict) {
	switch {
	case code/100 == 3: // whatever the host says: it was not followed
		return CauseRedirect, VerdictRejected
	case len(accept) == 0 && (code == 200 || code == 201 || code == 202) || slices.Contains(accept, code):
		return "", VerdictAccepted
	}
	switch code {
	case 429:
		return CauseRateLimited, VerdictRetry
	case 408, 425:
		return CauseHTTPStatus, VerdictRetry
	case 401, 403, 407:
		return CauseAuthentication, VerdictRejected
	case 400, 422:
		return CauseFieldMapping, VerdictRejected
	case 410:
		return CauseGone, VerdictRejected
	case 501, 505:
		return CauseHTTPStatus, VerdictRejected
	}
	if code/100 == 5 {
		return CauseHTTPStatus, VerdictRetry
	}
	return CauseHTTPStatus, VerdictRejected
}
