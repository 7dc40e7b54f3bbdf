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

// rejects checks that an answer is a rejection, after one exchange.
func rejects(rig Rig, id string, answer Answer, cause deliver.Cause) error {
	rig.Answers(answer)
	receipt, err := rig.deliver(context.Background(), rig.request(id))
	if !queued(receipt, err) {
		e, fault := asError(err)
		switch {
		case fault != nil:
			return fmt.Errorf("%d: %w", answer.Code, fault)
		case !errors.Is(err, deliver.ErrRejected) || errors.Is(err, deliver.ErrExhausted):
			return fmt.Errorf("%d is %v, not ErrRejected", answer.Code, e.Kind)
		case e.Cause != cause || e.StatusCode != answer.Code:
			return fmt.Errorf("%d has cause %q and status %d, not %q", answer.Code, e.Cause, e.StatusCode, cause)
		}
	}
	return sent(rig, id, 1)
}

func isCanceled(err, want error) error {
	e, fault := asError(err)
	switch {
	case fault != nil:
		return fault
	case !errors.Is(err, want) || errors.Is(err, deliver.ErrRejected) || errors.Is(err, deliver.ErrExhausted):
		return fmt.Errorf("an ended context is %v, not the context's own error", e.Kind)
	case e.Cause != deliver.CauseCanceled:
		return fmt.Errorf("an ended context has cause %q", e.Cause)
	}
	return nil
}
