package delivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/topprovider/leadhook/deliver"
)

// sent checks that the endpoint was sent a rule's request n times, as it was.
func sent(rig Rig, id string, n int) error {
	exchanges := rig.exchanges(id)
	if len(exchanges) != n {
		var ids []string
		for _, x := range rig.Exchanges() {
			ids = append(ids, x.ID)
		}
		return fmt.Errorf("the endpoint was sent request %s %d times, not %d; the IDs that it was sent are %q", id, len(exchanges), n, ids)
	}
	for i, x := range exchanges {
		switch {
		case !bytes.Equal(x.Body, []byte(ruleBody)):
			return fmt.Errorf("exchange %d of request %s has another body: %q", i+1, id, x.Body)
		case x.ContentType != "application/json":
			return fmt.Errorf("exchange %d of request %s has content type %q", i+1, id, x.ContentType)
		case x.Destination.Header.Get("X-Api-Key") != ruleValue:
			return fmt.Errorf("exchange %d of request %s lacks the destination's header", i+1, id)
		}
	}
	return nil
}

// failed checks that an error is what a Deliverer gives: an *Error of this kind,
// and of no other verdict, with this cause.
func failed(err, kind error, cause deliver.Cause) (*deliver.Error, error) {
	if err == nil {
		return nil, errors.New("there is no error")
	}
	var e *deliver.Error
	if !errors.As(err, &e) {
		return nil, errors.New("the error is no *deliver.Error")
	}
	// A context's error is the caller's own, and never that of an attempt's time.
	for _, verdict := range []error{kind, deliver.ErrRejected, deliver.ErrExhausted, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, verdict) != (verdict == kind) {
			return nil, fmt.Errorf("the error's kind is %v, not %v", e.Kind, kind)
		}
	}
	if e.Cause != cause {
		return nil, fmt.Errorf("the error's cause is %q, not %q", e.Cause, cause)
	}
	return e, nil
}

// rejects checks that an answer is a rejection, after one exchange.
func rejects(rig Rig, id string, answer Answer, cause deliver.Cause) error {
	rig.Answers(answer)
	receipt, err := rig.deliver(context.Background(), rig.request(id))
	if !queued(receipt, err) {
		e, fault := failed(err, deliver.ErrRejected, cause)
		if fault != nil {
			return fmt.Errorf("%d: %w", answer.Code, fault)
		}
		if e.StatusCode != answer.Code {
			return fmt.Errorf("%d came back as status %d", answer.Code, e.StatusCode)
		}
	}
	return sent(rig, id, 1)
}
