package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// Options adjust a History. The zero value records, and cannot send again.
type Options struct {
	// OnError is told of a store that fails or panics; the delivery counts all the
	// same. nil: the default logger of log/slog, as a warning.
	OnError func(context.Context, error)
	// StoreTimeout is the deadline of the context by which a store records. It may,
	// too, when the delivery's context has ended. 0 means 5 s.
	StoreTimeout time.Duration
	// Rebuild makes the request of an entry anew, from the host's lead and the
	// endpoint's present configuration: leadhook's Dispatcher.Rebuild does. It is
	// for Resend and ResendFailed. nil: they are errors.
	Rebuild func(context.Context, Entry) (*deliver.Request, error)
}

// A History is a Deliverer around another that records every request with its
// attempts. It is safe for concurrent use.
type History struct {
	next    deliver.Deliverer
	store   Store
	options Options
}

var _ deliver.BatchDeliverer = (*History)(nil)

// New returns a History around next. Nil options are the defaults. A negative
// timeout is an error, and what a store's Validate says, where it has one.
func New(next deliver.Deliverer, store Store, o *Options) (*History, error) {
	if o == nil {
		o = &Options{}
	}
	if next == nil || store == nil {
		return nil, errors.New("history: it takes a Deliverer and a Store; &history.Memory{} is one")
	}
	if v, ok := store.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	if o.StoreTimeout < 0 {
		return nil, &deliver.SettingError{Setting: "storeTimeout", Err: fmt.Errorf("it is %v; 0 means 5 s", o.StoreTimeout)}
	}
	h := &History{next: next, store: store, options: *o}
	h.options.StoreTimeout = cmp.Or(o.StoreTimeout, 5*time.Second)
	return h, nil
}

// Store returns the store, to list what is in it.
func (h *History) Store() Store { return h.store }

// Deliver delivers req and records what came of it.
func (h *History) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	return h.deliver(ctx, req, false)
}

func (h *History) deliver(ctx context.Context, req *deliver.Request, resent bool) (receipt *deliver.Receipt, err error) {
	began := time.Now()
	err = errPanic // until it returns
	defer func() { h.keep(ctx, newEntry(req, began, resent, receipt, err)) }()
	return h.next.Deliver(ctx, req)
}

// DeliverBatch delivers reqs at once, as a queue behind it does, and records what
// came of each. errors.ErrUnsupported: what is behind it takes no batches.
func (h *History) DeliverBatch(ctx context.Context, reqs []*deliver.Request) (receipts []*deliver.Receipt, err error) {
	batch, ok := h.next.(deliver.BatchDeliverer)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	began := time.Now()
	err = errPanic // until it returns
	defer func() {
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		for i, req := range reqs {
			var receipt *deliver.Receipt
			if i < len(receipts) {
				receipt = receipts[i]
			}
			h.keep(ctx, newEntry(req, began, false, receipt, err))
		}
	}()
	return batch.DeliverBatch(ctx, reqs)
}

// keep records e, and tells of a store that fails.
func (h *History) keep(ctx context.Context, e Entry) {
	switch err := h.record(ctx, e); {
	case err == nil:
	case h.options.OnError != nil:
		h.options.OnError(ctx, err)
	default:
		slog.WarnContext(ctx, err.Error())
	}
}

// errPanic is what came of a request whose Deliverer, or a hook of its, panicked:
// nobody knows.
var errPanic = errors.New("the deliverer panicked")

func (h *History) record(ctx context.Context, e Entry) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("history: recording %v: the store panicked: %v", e, r)
		}
	}()
	// What was sent is to be known, and the more so where the caller gave up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.options.StoreTimeout)
	defer cancel()
	if err := h.store.Record(ctx, e); err != nil {
		return fmt.Errorf("history: recording %v: %w", e, err)
	}
	return nil
}

// errNoRebuild is for a host that has not said how.
var errNoRebuild = errors.New("history: nothing can be sent again without Options.Rebuild")

// Resend delivers an entry again, whatever became of it: from the host's lead,
// with the endpoint's present configuration and the same webhook-id. Its
// attempts are added to the entry and marked as resent. Errors are those of
// Deliver, of Options.Rebuild, and ErrNotFound.
func (h *History) Resend(ctx context.Context, id string) (*deliver.Receipt, error) {
	if h.options.Rebuild == nil {
		return nil, errNoRebuild
	}
	e, err := h.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return h.resend(ctx, e)
}

func (h *History) resend(ctx context.Context, e Entry) (*deliver.Receipt, error) {
	built, err := h.options.Rebuild(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("history: sending %v again: %w", e, err)
	}
	if built == nil {
		return nil, fmt.Errorf("history: sending %v again: Rebuild gave neither a request nor an error", e)
	}
	// Whatever the host made anew, it is this message for this endpoint.
	req := *built
	req.ID, req.EndpointID, req.LeadID, req.MessageType, req.Test = e.MessageID, e.EndpointID, e.LeadID, e.MessageType, e.Test
	return h.deliver(ctx, &req, true)
}

// How long ResendFailed waits where limits hold an entry back.
const (
	maxHolds = 5
	maxHold  = 2 * time.Minute
)

// resendWaiting is resend, and waits where limits hold it back.
func (h *History) resendWaiting(ctx context.Context, e Entry) (*deliver.Receipt, error) {
	for holds := 1; ; holds++ {
		receipt, err := h.resend(ctx, e)
		held, ok := errors.AsType[*deliver.Error](err)
		if !ok || held.Cause != deliver.CauseThrottled || held.RetryAfter > maxHold || holds == maxHolds {
			return receipt, err
		}
		timer := time.NewTimer(held.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return receipt, err
		}
	}
}

// A Resent is what came of one entry that was sent again.
type Resent struct {
	ID      string           // of the entry
	Receipt *deliver.Receipt // nil where Err is set
	Err     error            // as Resend's; ErrWaits where it was not sent
}

// String describes it without what came back.
func (r Resent) String() string {
	if r.Err != nil {
		return fmt.Sprintf("%s: %v", r.ID, r.Err)
	}
	return fmt.Sprintf("%s: %v", r.ID, r.Receipt)
}

// LogValue logs String.
func (r Resent) LogValue() slog.Value { return slog.StringValue(r.String()) }

// ErrWaits: what was told of the same lead before it may still pass, and must not
// be overtaken.
var ErrWaits = errors.New("history: an earlier message of the lead may still pass")

// ResendFailed delivers again what failed and matches f, one after the other,
// the oldest first: where one may still pass, what failed of the same lead and
// endpoint later is left alone (ErrWaits), so that a lead update does not
// overtake its lead. What limits hold back it waits for, up to 2 min at a time. Test deliveries are sent again only where f.Test asks for
// them. f.Limit is how many are sent at the most; 0 means all. What is rejected
// again stays failed, and comes first the next time: go on with f.From.
//
// What is delivered meanwhile is not sent; but two calls at once can both
// send the same entry. The error is that of listing, of an f that asks for
// another status, or of ctx, which ends it early.
func (h *History) ResendFailed(ctx context.Context, f Filter) ([]Resent, error) {
	if h.options.Rebuild == nil {
		return nil, errNoRebuild
	}
	if f.Status != "" && f.Status != Failed {
		return nil, fmt.Errorf("history: only what failed is sent again here, not what is %.40q", string(f.Status))
	}
	if f.Test == nil {
		f.Test = new(bool)
	}
	// All of them first: sending changes what a list has.
	most := f.Limit
	f.Status, f.Limit, f.After = Failed, 500, ""
	type listed struct{ id, endpointID, leadID string }
	var list []listed
	for {
		page, err := h.store.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			list = append(list, listed{e.ID, e.EndpointID, e.LeadID})
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	type stream struct{ endpointID, leadID string }
	waits := make(map[stream]bool)
	var all []Resent
	sent := 0
	for _, l := range slices.Backward(list) {
		switch {
		case most > 0 && sent == most:
			return all, nil
		case ctx.Err() != nil:
			return all, ctx.Err()
		}
		r, of := Resent{ID: l.id}, stream{l.endpointID, l.leadID}
		e, err := h.store.Get(ctx, r.ID)
		switch {
		case err == nil && e.Status != Failed, errors.Is(err, ErrNotFound):
			continue // it was delivered or erased meanwhile
		case waits[of]:
			r.Err = ErrWaits
		case err != nil:
			r.Err = err
		default:
			r.Receipt, r.Err = h.resendWaiting(ctx, e)
			sent++
		}
		waits[of] = l.leadID != "" && r.Err != nil && !errors.Is(r.Err, deliver.ErrRejected)
		all = append(all, r)
	}
	return all, nil
}
