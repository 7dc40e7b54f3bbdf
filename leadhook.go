package leadhook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// A Dispatcher tells endpoints of leads. It is safe for concurrent use; its
// endpoints can be replaced while it works.
type Dispatcher struct {
	deliverer deliver.Deliverer
	catalog   *mapping.Catalog
	unmasked  bool
	endpoints *atomic.Pointer[endpoints] // shared by all that Using made
}

// Options adjust a Dispatcher. The zero value is ready.
type Options struct {
	// Catalog is the fields that mappings may use. nil means mapping.Standard.
	Catalog *mapping.Catalog
	// Unmasked leaves Request.Masked and Request.Sensitive empty, for a host that
	// keeps no history: each payload is encoded once then, and not twice.
	Unmasked bool
}

// A Delivery is what came of a message for one endpoint.
type Delivery struct {
	EndpointID string
	Decision   routing.Decision // whether the endpoint is to be told, and why
	Receipt    *deliver.Receipt // nil where it was not told or Err is set
	Err        error            // nil where it was not told or accepted; else a *deliver.Error, as far as the Deliverer keeps the contract
	MessageID  string           // the message's own, or the one that it was given
}

// String describes the delivery without what was sent and what came back.
func (d Delivery) String() string {
	switch {
	case !d.Decision.Deliver:
		return fmt.Sprintf("endpoint %s was not told: %v", d.EndpointID, d.Decision.Reason)
	case d.Err != nil:
		return fmt.Sprintf("endpoint %s: %v", d.EndpointID, d.Err)
	}
	return fmt.Sprintf("endpoint %s: %v", d.EndpointID, d.Receipt)
}

// LogValue logs String.
func (d Delivery) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Attempts returns what was tried, whatever came of it.
func (d Delivery) Attempts() []deliver.Attempt {
	if e, ok := errors.AsType[*deliver.Error](d.Err); ok {
		return e.Attempts
	}
	if d.Receipt != nil {
		return d.Receipt.Attempts
	}
	return nil
}

// ErrUnknownEndpoint: there is no endpoint of this ID.
var ErrUnknownEndpoint = deliver.ErrUnknownEndpoint

// errNoReturn is for a Deliverer that ends its goroutine, as testing's FailNow does.
var errNoReturn = errors.New("leadhook: the deliverer did not return")

// errNoReceipts is for a Deliverer that gives a batch another number of receipts.
var errNoReceipts = errors.New("leadhook: the deliverer gave another number of receipts than it got requests")

var errNoEndpoints = errors.New("leadhook: SetEndpoints was not called yet")

var errNoDeliverer = errors.New("leadhook: there is no deliverer; &deliver.HTTP{} is one")

// endpoints is what SetEndpoints was given, compiled. It never changes.
type endpoints struct {
	list []*endpoint
	byID map[string]*endpoint
}

// endpoint is one of them.
type endpoint struct {
	id          string
	encoder     encode.Encoder
	masker      encode.Encoder // the encoder, or one that writes no secrets of the configuration
	leaves      encode.Encoder // of the sensitive fields alone; nil where no value has texts inside
	routing     routing.Endpoint
	destination deliver.Destination
	sensitive   map[string]bool // fields that go out and are to be masked
	host        string          // of the URL
}

// New returns a Dispatcher without endpoints. Nil options are the defaults.
func New(d deliver.Deliverer, o *Options) (*Dispatcher, error) {
	if d == nil {
		return nil, errNoDeliverer
	}
	if o == nil {
		o = &Options{}
	}
	dispatcher := &Dispatcher{deliverer: d, catalog: o.Catalog, unmasked: o.Unmasked, endpoints: new(atomic.Pointer[endpoints])}
	if dispatcher.catalog == nil {
		dispatcher.catalog = mapping.Standard()
	}
	dispatcher.endpoints.Store(&endpoints{})
	return dispatcher, nil
}

// SetEndpoints replaces all endpoints: all or nothing, while messages are
// dispatched. Every fault of every endpoint comes back at once, each an
// [*EndpointError], joined; an ID given twice is one.
func (d *Dispatcher) SetEndpoints(list []Endpoint) error {
	next := &endpoints{byID: make(map[string]*endpoint, len(list))}
	var faults []error
	seen := make(map[string]int, len(list))
	for i, e := range list {
		compiled, err := e.compile(d.catalog)
		faults = append(faults, split(err)...)
		if first, twice := seen[e.ID]; twice {
			faults = append(faults, &EndpointError{e.ID, "id", fmt.Errorf("endpoint %d has it already, this is endpoint %d", first, i)})
			continue
		}
		seen[e.ID] = i
		next.list = append(next.list, compiled)
		next.byID[e.ID] = compiled
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	d.endpoints.Store(next)
	return nil
}

// Using returns a Dispatcher with the same endpoints, now and later, and another
// way out, such as a queue inside the host's transaction.
func (d *Dispatcher) Using(other deliver.Deliverer) *Dispatcher {
	return &Dispatcher{deliverer: other, catalog: d.catalog, unmasked: d.unmasked, endpoints: d.endpoints}
}

// Dispatch tells every endpoint that should know of m, side by side, and returns
// when all have answered: a slow one delays no other. A deliver.BatchDeliverer gets
// them all at once. The deliveries are in
// the order of SetEndpoints, one for each endpoint, those that were not told
// included. The error joins what failed. A value that an endpoint's format
// cannot write is deliver.ErrRejected for that endpoint, with the
// *encode.ValueError in it.
//
// A message that is not valid, or whose lead has no leadId, is refused: an
// error and no deliveries. Without SetEndpoints there is nobody to tell: neither
// deliveries nor an error. A message without an ID gets one. A host that may
// dispatch the same message again gives it an ID of its own, so that receivers
// know the repeat.
func (d *Dispatcher) Dispatch(ctx context.Context, m routing.Message) ([]Delivery, error) {
	return d.dispatch(ctx, m, d.endpoints.Load().list)
}

// DispatchTo is Dispatch for some endpoints only, in this order: to deliver once
// more to those that failed. An unknown endpoint is ErrUnknownEndpoint, one that
// is given twice is an error too, and nobody is told then.
func (d *Dispatcher) DispatchTo(ctx context.Context, m routing.Message, endpointIDs ...string) ([]Delivery, error) {
	all := d.endpoints.Load()
	list := make([]*endpoint, len(endpointIDs))
	for i, id := range endpointIDs {
		var err error
		if list[i], err = all.find(id); err != nil {
			return nil, err
		}
		if slices.Contains(endpointIDs[:i], id) {
			return nil, fmt.Errorf("leadhook: endpoint %.80q is given twice", id)
		}
	}
	return d.dispatch(ctx, m, list)
}

func (d *Dispatcher) dispatch(ctx context.Context, m routing.Message, list []*endpoint) ([]Delivery, error) {
	if d.deliverer == nil {
		return nil, errNoDeliverer
	}
	m, leadID, err := identify(m)
	if err != nil {
		return nil, err
	}
	deliveries := make([]Delivery, len(list))
	requests := make([]*deliver.Request, len(list))
	told := -1 // the last that is; it needs no goroutine of its own
	var src mapping.Source = m
	for i, e := range list {
		deliveries[i] = Delivery{EndpointID: e.id, MessageID: m.ID, Decision: routing.Route(e.routing, m)}
		if !deliveries[i].Decision.Deliver {
			continue
		}
		// The lead is read here, one endpoint after the other: a host's Source
		// need not be safe for concurrent use.
		if requests[i], deliveries[i].Err = d.request(e, m, src, leadID); deliveries[i].Err == nil {
			told = i
		}
	}
	if batch, ok := d.deliverer.(deliver.BatchDeliverer); !ok || !deliverBatch(ctx, batch, requests, deliveries) {
		d.deliverEach(ctx, requests, deliveries, told)
	}
	var failed []error
	for _, delivery := range deliveries {
		if delivery.Err != nil {
			failed = append(failed, fmt.Errorf("endpoint %.80q: %w", delivery.EndpointID, delivery.Err))
		}
	}
	return deliveries, errors.Join(failed...)
}

// deliverBatch gives all requests that are not nil to a Deliverer that takes them
// at once; false where it does not after all.
func deliverBatch(ctx context.Context, batch deliver.BatchDeliverer, requests []*deliver.Request, deliveries []Delivery) bool {
	told := slices.DeleteFunc(slices.Clone(requests), func(req *deliver.Request) bool { return req == nil })
	if len(told) == 0 {
		return true
	}
	receipts, err := batch.DeliverBatch(ctx, told)
	if errors.Is(err, errors.ErrUnsupported) {
		return false
	}
	if err == nil && len(receipts) != len(told) {
		err = errNoReceipts
	}
	for i, req := range requests {
		switch {
		case req == nil:
		case err != nil:
			deliveries[i].Err = err
		default:
			deliveries[i].Receipt, receipts = receipts[0], receipts[1:]
		}
	}
	return true
}

// deliverEach delivers the requests that are not nil side by side, the last of
// them in no goroutine of its own.
func (d *Dispatcher) deliverEach(ctx context.Context, requests []*deliver.Request, deliveries []Delivery, told int) {
	var wg sync.WaitGroup
	var panicked atomic.Pointer[any]
	for i, req := range requests {
		send := func() {
			defer func() {
				if r := recover(); r != nil {
					panicked.Store(&r)
				}
			}()
			deliveries[i].Err = errNoReturn // until it does
			deliveries[i].Receipt, deliveries[i].Err = d.deliverer.Deliver(ctx, req)
		}
		switch {
		case req == nil:
		case i == told:
			send()
		default:
			wg.Go(send)
		}
	}
	wg.Wait()
	if r := panicked.Load(); r != nil {
		panic(*r) // the Deliverer's or its hooks', where the caller can recover it
	}
}

// identify checks m and gives it an ID where it has none.
func identify(m routing.Message) (_ routing.Message, leadID string, err error) {
	if err := m.Validate(); err != nil {
		return m, "", err
	}
	v, _ := m.Lead.Value(mapping.FieldLeadID)
	leadID, isText := v.(string)
	if !isText {
		text, err := mapping.AppendText(nil, v)
		if err != nil {
			return m, "", fmt.Errorf("leadhook: the lead's %s cannot be used: %w", mapping.FieldLeadID, err)
		}
		leadID = string(text)
	}
	if leadID == "" {
		return m, "", fmt.Errorf("leadhook: the lead has no %s; without one nobody can say what became of it", mapping.FieldLeadID)
	}
	if m.ID == "" {
		m.ID = "msg_" + rand.Text()
	}
	return m, leadID, nil
}

// request encodes m for e. src is m.
func (d *Dispatcher) request(e *endpoint, m routing.Message, src mapping.Source, leadID string) (*deliver.Request, error) {
	body, err := e.encoder.Append(nil, src)
	if err != nil { // and would be the next time too
		return nil, &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseFieldMapping, Host: e.host, Err: err}
	}
	req := &deliver.Request{
		ID: m.ID, EndpointID: e.id, LeadID: leadID, MessageType: string(m.Type),
		ContentType: e.encoder.ContentType(), Body: body, Destination: e.destination,
	}
	switch {
	case d.unmasked:
	case len(e.sensitive) == 0 && e.masker == e.encoder:
		req.Masked = body
	default:
		req.Masked, req.Sensitive = e.encodeMasked(src)
	}
	return req, nil
}

func (all *endpoints) find(id string) (*endpoint, error) {
	e, ok := all.byID[id]
	if !ok {
		return nil, fmt.Errorf("leadhook: %w %.80q", ErrUnknownEndpoint, id)
	}
	return e, nil
}

// Preview returns the request that m would be for an endpoint, whether or not
// routing would send it there, and sends nothing. The request is the caller's
// to change. Its errors are those of Dispatch, and ErrUnknownEndpoint.
func (d *Dispatcher) Preview(endpointID string, m routing.Message) (*deliver.Request, error) {
	e, err := d.endpoints.Load().find(endpointID)
	if err != nil {
		return nil, err
	}
	m, leadID, err := identify(m)
	if err != nil {
		return nil, err
	}
	req, err := d.request(e, m, m, leadID)
	if err != nil {
		return nil, fmt.Errorf("endpoint %.80q: %w", endpointID, err)
	}
	req.Destination = cloned(req.Destination)
	req.Masked = slices.Clone(req.Masked)
	return req, nil
}

// Destination returns where an endpoint's requests go now: what a queue's worker
// asks for when it sends. To an endpoint that is disabled nothing may go, so that
// it is Held here. The error is deliver.ErrUnknownEndpoint, and another one before
// the first SetEndpoints, when nobody knows.
func (d *Dispatcher) Destination(endpointID string) (deliver.Destination, error) {
	all := d.endpoints.Load()
	if all.byID == nil {
		return deliver.Destination{}, errNoEndpoints
	}
	e, err := all.find(endpointID)
	if err != nil {
		return deliver.Destination{}, err
	}
	to := cloned(e.destination)
	to.Held = to.Held || e.routing.Disabled
	return to, nil
}

// cloned shares nothing with to that a caller may change.
func cloned(to deliver.Destination) deliver.Destination {
	to.Header = to.Header.Clone()
	to.Secrets = slices.Clone(to.Secrets)
	to.Accept = slices.Clone(to.Accept)
	to.Outcomes = slices.Clone(to.Outcomes)
	return to
}

// Rebuild is Preview for a message that is to be delivered once more: it refuses
// an endpoint that would not be told of m now, such as one that is disabled, with
// the reason. history.Options.Rebuild takes what it returns.
func (d *Dispatcher) Rebuild(endpointID string, m routing.Message) (*deliver.Request, error) {
	e, err := d.endpoints.Load().find(endpointID)
	if err != nil {
		return nil, err
	}
	if decision := routing.Route(e.routing, m); !decision.Deliver {
		return nil, fmt.Errorf("leadhook: endpoint %.80q is not told: %v", endpointID, decision.Reason)
	}
	return d.Preview(endpointID, m)
}

// SendTest sends the catalog's example lead to one endpoint, disabled or not, as
// a new lead, or as a lead update with a meeting where the endpoint takes only
// those. Request.Test is set, for the host's own books; on the wire it is a
// lead like any other.
func (d *Dispatcher) SendTest(ctx context.Context, endpointID string) (*deliver.Receipt, error) {
	e, err := d.endpoints.Load().find(endpointID)
	if err != nil {
		return nil, err
	}
	lead := d.catalog.Example()
	standard := mapping.Standard().Example()
	for _, field := range []string{mapping.FieldLeadID, mapping.FieldRequestedMeetingTime, mapping.FieldFormattedRequestedMeetingTime} {
		if lead[field] == nil { // a host's catalog may lack what every message needs
			lead[field] = standard[field]
		}
	}
	m := routing.Message{Type: routing.MessageNewLead, Lead: lead}
	if !e.routing.Type.Takes(m.Type) {
		m.Type = routing.MessageLeadUpdate
	}
	req, err := d.Preview(endpointID, m)
	if err != nil {
		return nil, err
	}
	req.Test = true
	return d.deliverer.Deliver(ctx, req)
}

// String counts the endpoints.
func (d *Dispatcher) String() string {
	return fmt.Sprintf("dispatcher of %d endpoints", len(d.endpoints.Load().list))
}

// Format writes String, whatever the verb: what is inside holds secrets.
func (d *Dispatcher) Format(s fmt.State, _ rune) { fmt.Fprint(s, d.String()) }
