package delivertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// A Rig is a Deliverer under test and the endpoint behind it.
type Rig struct {
	Deliverer deliver.Deliverer

	// Destination leads to the rig's endpoint. Rules add to it.
	Destination deliver.Destination

	// Answers says what the endpoint does with the exchanges from now on, the
	// last answer repeated. Of an Answer's fields the rules use Code, Header,
	// Body and Delay.
	Answers func(...Answer)

	// Exchanges returns what the endpoint was sent so far, one for each attempt:
	// ID (the webhook-id), ContentType, Body and Destination.Header with all
	// that was sent, at the least.
	Exchanges func() []deliver.Request

	// Settle waits until everything that was stored was worked off. nil: Deliver
	// returns when it is.
	Settle func()

	hurry time.Duration // patience, where it is not the usual
}

// patience bounds what must not take long. It is far above what it takes.
func (rig Rig) patience() time.Duration {
	if rig.hurry > 0 {
		return rig.hurry
	}
	return 5 * time.Second
}

// Run checks that a Deliverer keeps the contract: what deliver.Deliverer's
// comments say, and what a host may rely on for that. newRig is called for each
// rule; it cleans up with t.Cleanup. Waits between attempts should be a few
// milliseconds in a rig.
func Run(t *testing.T, newRig func(t *testing.T) Rig) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			rig := newRig(t)
			if rig.Deliverer == nil || rig.Answers == nil || rig.Exchanges == nil {
				t.Fatal("the rig needs a Deliverer, Answers and Exchanges")
			}
			if err := r.check(rig); err != nil {
				t.Errorf("%v\n\tthe rule is there because %s", err, r.why)
			}
		})
	}
}

// EndpointID is that of all requests which rules make.
const EndpointID = "conformance"

const (
	ruleBody  = `{"email":"personal@example.com"}`
	ruleQuery = "query-secret"
	ruleValue = "header-secret"
)

// request makes a request for the rig's endpoint that has something to leak.
func (rig Rig) request(id string) *deliver.Request {
	d := rig.Destination
	d.URL += "?key=" + ruleQuery
	d.Header = d.Header.Clone()
	if d.Header == nil {
		d.Header = make(map[string][]string)
	}
	d.Header.Set("X-Api-Key", ruleValue)
	return &deliver.Request{
		ID: id, EndpointID: EndpointID, LeadID: "lead-" + id, MessageType: "new_lead",
		ContentType: "application/json", Body: []byte(ruleBody), Destination: d,
	}
}

// deliver delivers, and waits until a stored request was worked off.
func (rig Rig) deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	receipt, err := rig.Deliverer.Deliver(ctx, req)
	if rig.Settle != nil {
		rig.Settle()
	}
	return receipt, err
}

// exchanges returns those of one request.
func (rig Rig) exchanges(id string) []deliver.Request {
	return slices.DeleteFunc(rig.Exchanges(), func(r deliver.Request) bool { return r.ID != id })
}

// queued reports whether the verdict is not known yet: a queue has the request.
func queued(receipt *deliver.Receipt, err error) bool {
	return err == nil && receipt != nil && receipt.Status == deliver.Queued
}
