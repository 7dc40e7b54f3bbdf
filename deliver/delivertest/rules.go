package delivertest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A rule is one thing that every Deliverer keeps.
type rule struct {
	name  string
	why   string
	check func(Rig) error
}

var rules = []rule{{
	name: "accepted-is-delivered",
	why:  "a nil error is a promise: the endpoint has the lead, or it is stored",
	check: func(rig Rig) error {
		rig.Answers(Code(200))
		receipt, err := rig.deliver(context.Background(), rig.request("accepted"))
		switch {
		case err != nil:
			return fmt.Errorf("an endpoint that answers 200 gives the error %w", err)
		case receipt == nil:
			return errors.New("there is neither a receipt nor an error")
		case receipt.Status != deliver.Delivered && receipt.Status != deliver.Queued:
			return fmt.Errorf("the receipt's status is %q", receipt.Status)
		case receipt.Status == deliver.Delivered && len(receipt.Attempts) != 1:
			return fmt.Errorf("one exchange was delivered in %d attempts", len(receipt.Attempts))
		}
		return sent(rig, "accepted", 1)
	},
}, {
	name: "request-unchanged",
	why:  "the caller may deliver the same request to another Deliverer",
	check: func(rig Rig) error {
		for _, code := range []int{200, 422} {
			rig.Answers(Code(code))
			req := rig.request(fmt.Sprint("unchanged-", code))
			before := clone(req)
			rig.deliver(context.Background(), req)
			if !reflect.DeepEqual(before, *req) {
				return errors.New("Deliver changed the request")
			}
		}
		return nil
	},
}, {
	name: "request-not-kept",
	why:  "when Deliver returns, the caller may write to the body's bytes",
	check: func(rig Rig) error {
		rig.Answers(Code(200))
		req := rig.request("kept")
		rig.Deliverer.Deliver(context.Background(), req)
		for i := range req.Body {
			req.Body[i] = 'X'
		}
		req.Destination.Header.Set("X-Api-Key", "X")
		if rig.Settle != nil {
			rig.Settle()
		}
		return sent(rig, "kept", 1)
	},
}, {
	name: "rejected-once",
	why:  "sending refused bytes again cannot help, and floods the receiver",
	check: func(rig Rig) error {
		for code, cause := range map[int]deliver.Cause{
			400: deliver.CauseFieldMapping, 401: deliver.CauseAuthentication, 403: deliver.CauseAuthentication,
			404: deliver.CauseHTTPStatus, 410: deliver.CauseGone, 422: deliver.CauseFieldMapping, 501: deliver.CauseHTTPStatus,
		} {
			if err := rejects(rig, fmt.Sprint("rejected-", code), Code(code), cause); err != nil {
				return err
			}
		}
		return nil
	},
}, {
	name: "redirect-not-followed",
	why:  "a followed POST becomes a GET without a body: the lead is lost and counted as delivered",
	check: func(rig Rig) error {
		for _, code := range []int{301, 302, 303, 307, 308} {
			if err := rejects(rig, fmt.Sprint("redirect-", code), Redirect(code, "/elsewhere"), deliver.CauseRedirect); err != nil {
				return err
			}
		}
		return nil
	},
}, {
	name: "only-success-is-accepted",
	why:  "204 or 206 is no success unless the endpoint's owner says so",
	check: func(rig Rig) error {
		if err := rejects(rig, "code-204", Code(204), deliver.CauseHTTPStatus); err != nil {
			return err
		}
		rig.Answers(Code(204))
		req := rig.request("accept-204")
		req.Destination.Accept = []int{204}
		if _, err := rig.deliver(context.Background(), req); err != nil {
			return fmt.Errorf("a code in Destination.Accept gives the error %w", err)
		}
		return sent(rig, "accept-204", 1)
	},
}, {
	name: "passing-faults-are-retried",
	why:  "a receiver that restarts must not cost a lead",
	check: func(rig Rig) error {
		for _, code := range []int{408, 425, 429, 500, 502, 503, 504} {
			id := fmt.Sprint("retried-", code)
			rig.Answers(Code(code), Code(200))
			receipt, err := rig.deliver(context.Background(), rig.request(id))
			if err != nil {
				return fmt.Errorf("%d and then 200 gives the error %w", code, err)
			}
			if !queued(receipt, err) && len(receipt.Attempts) != 2 {
				return fmt.Errorf("%d and then 200 is %d attempts in the receipt, not 2", code, len(receipt.Attempts))
			}
			if err := sent(rig, id, 2); err != nil {
				return err
			}
		}
		return nil
	},
}, {
	name: "outcomes-are-read",
	why:  "a 200 that says \"rejected\" inside is no delivered lead, and a 409 may be one",
	check: func(rig Rig) error {
		rules := []deliver.OutcomeRule{
			{Path: "state", Equals: "known", Verdict: deliver.VerdictDuplicate, ReferencePath: "id"},
			{Path: "state", Equals: "busy", Verdict: deliver.VerdictRetry},
			{Contains: "no thanks", Verdict: deliver.VerdictRejected},
		}
		read := func(id string, exchanges int, answers ...Answer) (*deliver.Receipt, error, error) {
			rig.Answers(answers...)
			req := rig.request(id)
			req.Destination.Outcomes = rules
			receipt, err := rig.deliver(context.Background(), req)
			return receipt, err, sent(rig, id, exchanges)
		}
		receipt, err, fault := read("outcome-retry", 2, Answer{Body: `{"state":"busy"}`}, Answer{Code: 409, Body: `{"state":"known","id":17}`})
		switch {
		case err != nil:
			return fmt.Errorf("a retry and then a duplicate gives the error %w", err)
		case fault != nil:
			return fault
		case !queued(receipt, err) && (!receipt.Duplicate || receipt.Reference != "17"):
			return fmt.Errorf("a duplicate has no mark, or not its reference: %+v", receipt.Outcome)
		}
		receipt, err, fault = read("outcome-rejected", 1, Answer{Body: "no thanks"}, Answer{})
		if !queued(receipt, err) {
			if _, fault := failed(err, deliver.ErrRejected, deliver.CauseOutcome); fault != nil {
				return fault
			}
		}
		return fault
	},
}, {
	name: "attempts-are-signed",
	why:  "a receiver verifies each request by Standard Webhooks, and knows a repeat by its ID",
	check: func(rig Rig) error {
		rig.Answers(Code(503), Code(200))
		req := rig.request("signed")
		secret := bytes.Repeat([]byte("secret"), 5)
		req.Destination.Secrets = []string{"whsec_" + base64.StdEncoding.EncodeToString(secret)}
		if _, err := rig.deliver(context.Background(), req); err != nil {
			return err
		}
		if err := sent(rig, "signed", 2); err != nil {
			return err
		}
		for i, x := range rig.exchanges("signed") {
			h := x.Destination.Header
			mac := hmac.New(sha256.New, secret)
			fmt.Fprintf(mac, "signed.%s.%s", h.Get("Webhook-Timestamp"), ruleBody)
			if h.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
				return fmt.Errorf("exchange %d has no valid webhook-signature", i+1)
			}
			at, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
			if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
				return fmt.Errorf("exchange %d has no webhook-timestamp of its time", i+1)
			}
		}
		return nil
	},
}, {
	name: "attempts-are-bounded",
	why:  "a dead endpoint must not be tried for ever, and the lead must be kept",
	check: func(rig Rig) error {
		rig.Answers(Code(503))
		req := rig.request("bounded")
		req.Destination.MaxAttempts = 3
		receipt, err := rig.deliver(context.Background(), req)
		if queued(receipt, err) {
			return nil // a queue goes on by its own schedule
		}
		e, fault := failed(err, deliver.ErrExhausted, deliver.CauseHTTPStatus)
		switch {
		case fault != nil:
			return fault
		case e.StatusCode != 503:
			return fmt.Errorf("503 came back as status %d", e.StatusCode)
		}
		return sent(rig, "bounded", 3)
	},
}, {
	name: "attempts-are-recorded",
	why:  "the attempts are the evidence of what was done for a lead",
	check: func(rig Rig) error {
		rig.Answers(Answer{Code: 500, Body: "first answer"}, Code(422))
		began := time.Now()
		receipt, err := rig.deliver(context.Background(), rig.request("recorded"))
		if queued(receipt, err) {
			return nil
		}
		e, fault := failed(err, deliver.ErrRejected, deliver.CauseFieldMapping)
		if fault != nil {
			return fault
		}
		if len(e.Attempts) != 2 {
			return fmt.Errorf("two exchanges are %d attempts in the error", len(e.Attempts))
		}
		for i, a := range e.Attempts {
			switch {
			case a.Number != i+1:
				return fmt.Errorf("attempt %d has the number %d", i+1, a.Number)
			case a.At.Before(began.Add(-time.Second)) || i > 0 && a.At.Before(e.Attempts[i-1].At):
				return fmt.Errorf("attempt %d has the wrong time", i+1)
			case a.StatusCode != []int{500, 422}[i] || a.Cause != []deliver.Cause{deliver.CauseHTTPStatus, deliver.CauseFieldMapping}[i]:
				return fmt.Errorf("attempt %d has status %d, cause %q", i+1, a.StatusCode, a.Cause)
			}
		}
		if string(e.Attempts[0].Body) != "first answer" {
			return errors.New("what came back is not recorded")
		}
		return nil
	},
}, {
	name: "long-retry-after-comes-back",
	why:  "a worker is not held for an hour; a queue is, with Error.RetryAfter",
	check: func(rig Rig) error {
		rig.Answers(RetryAfter(429, "3600"))
		began := time.Now()
		receipt, err := rig.deliver(context.Background(), rig.request("retry-after"))
		if queued(receipt, err) {
			return nil
		}
		e, fault := failed(err, deliver.ErrExhausted, deliver.CauseRateLimited)
		switch {
		case fault != nil:
			return fault
		case time.Since(began) > rig.patience():
			return errors.New("Deliver waited")
		case e.RetryAfter != time.Hour:
			return fmt.Errorf("Retry-After: 3600 came back as %v", e.RetryAfter)
		}
		return sent(rig, "retry-after", 1)
	},
}, {
	name: "timeout-is-kept",
	why:  "an endpoint that never answers must not hold a delivery for ever",
	check: func(rig Rig) error {
		rig.Answers(Answer{Delay: 2 * rig.patience()})
		req := rig.request("timeout")
		req.Destination.Timeout, req.Destination.MaxAttempts = 50*time.Millisecond, 1
		began := time.Now()
		receipt, err := rig.deliver(context.Background(), req)
		if time.Since(began) > rig.patience() {
			return errors.New("Destination.Timeout is not kept")
		}
		if queued(receipt, err) {
			return nil
		}
		_, fault := failed(err, deliver.ErrExhausted, deliver.CauseTimeout)
		return fault
	},
}, {
	name: "ended-context-sends-nothing",
	why:  "the caller has given up, and keeps the lead",
	check: func(rig Rig) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := rig.deliver(ctx, rig.request("ended"))
		if _, fault := failed(err, context.Canceled, deliver.CauseCanceled); fault != nil {
			return fault
		}
		return sent(rig, "ended", 0)
	},
}, {
	name: "context-ends-an-attempt",
	why:  "a host that shuts down must not wait for a slow receiver",
	check: func(rig Rig) error {
		rig.Answers(Answer{Delay: 2 * rig.patience()})
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		receipt, err := rig.Deliverer.Deliver(ctx, rig.request("ends"))
		if time.Since(began) > rig.patience() {
			return errors.New("Deliver goes on after its context has ended")
		}
		if queued(receipt, err) {
			return nil
		}
		_, fault := failed(err, context.DeadlineExceeded, deliver.CauseCanceled)
		return fault
	},
}, {
	name: "held-is-not-sent",
	why:  "a held endpoint's owner has asked for nothing to arrive",
	check: func(rig Rig) error {
		rig.Answers(Code(200))
		req := rig.request("held")
		req.Destination.Held = true
		receipt, err := rig.Deliverer.Deliver(context.Background(), req)
		if !queued(receipt, err) {
			if _, fault := failed(err, deliver.ErrExhausted, deliver.CauseHeld); fault != nil {
				return fault
			}
		}
		return sent(rig, "held", 0)
	},
}, {
	name: "unusable-destination-is-rejected",
	why:  "a fault of configuration must be told apart from one of the network",
	check: func(rig Rig) error {
		req := rig.request("unusable")
		req.Destination.Header.Set("Host", "evil.example")
		receipt, err := rig.deliver(context.Background(), req)
		if !queued(receipt, err) {
			if _, fault := failed(err, deliver.ErrRejected, deliver.CauseConfiguration); fault != nil {
				return fault
			}
		}
		return sent(rig, "unusable", 0)
	},
}, {
	name: "errors-are-safe-to-log",
	why:  "error texts end up in logs, where personal data and keys must not be",
	check: func(rig Rig) error {
		rig.Answers(Answer{Code: 500, Body: "answer-secret"})
		req := rig.request("safe")
		req.Destination.MaxAttempts = 2
		receipt, err := rig.deliver(context.Background(), req)
		if queued(receipt, err) {
			return nil
		}
		e, fault := failed(err, deliver.ErrExhausted, deliver.CauseHTTPStatus)
		if fault != nil {
			return fault
		}
		texts := fmt.Sprintf("%v %v %v", err, e.Kind, e.Err)
		for _, a := range e.Attempts {
			texts += a.Err
		}
		for _, secret := range []string{"personal@example.com", ruleQuery, ruleValue, "answer-secret"} {
			if strings.Contains(texts, secret) {
				return fmt.Errorf("an error's text has %q in it", secret)
			}
		}
		return nil
	},
}, {
	name: "safe-for-concurrent-use",
	why:  "a dispatcher tells its endpoints side by side",
	check: func(rig Rig) error {
		rig.Answers(Code(200))
		const n = 32
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() {
				_, errs[i] = rig.Deliverer.Deliver(context.Background(), rig.request(fmt.Sprint("concurrent-", i)))
			})
		}
		wg.Wait()
		if rig.Settle != nil {
			rig.Settle()
		}
		for i := range n {
			errs = append(errs, sent(rig, fmt.Sprint("concurrent-", i), 1))
		}
		return errors.Join(errs...)
	},
}}
