package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// Options adjust a Monitor. The zero value keeps records and tells nobody.
type Options struct {
	// Span of nothing but failures that makes an endpoint unhealthy. 0 means 24 h.
	Span time.Duration
	// OnUnhealthy is told of an endpoint that became unhealthy; Record.Unhealthy
	// is the reason. It is called by Deliver, which waits for it. nil: nobody.
	OnUnhealthy func(context.Context, Record)
	// OnRecovered is told of the first success of an endpoint that OnUnhealthy was
	// told of. nil: nobody.
	OnRecovered func(context.Context, Record)
}

// A Monitor is a Deliverer around another that keeps a record of each endpoint.
// It is safe for concurrent use.
type Monitor struct {
	next    deliver.Deliverer
	options Options

	mu      sync.Mutex
	records map[string]Record
	told    map[string]Reason // what the host was told of; none of those that are well
	telling map[string]bool   // a hook is being called
}

var _ deliver.Deliverer = (*Monitor)(nil)

// maxRecords bounds what is remembered: beyond it, half of the endpoints are
// forgotten, those that are well and with the oldest news first.
const maxRecords = 100_000

// New returns a Monitor around next. Nil options are the defaults. A negative
// span is an error.
func New(next deliver.Deliverer, o *Options) (*Monitor, error) {
	if o == nil {
		o = &Options{}
	}
	if next == nil {
		return nil, errors.New("health: there is no Deliverer to watch")
	}
	if o.Span < 0 {
		return nil, &deliver.SettingError{Setting: "span", Err: fmt.Errorf("it is %v; 0 means 24 h", o.Span)}
	}
	m := &Monitor{next: next, options: *o, records: make(map[string]Record), told: make(map[string]Reason), telling: make(map[string]bool)}
	m.options.Span = cmp.Or(o.Span, 24*time.Hour)
	return m, nil
}

// Deliver delivers req by the Deliverer that is watched, and counts what came of
// it.
func (m *Monitor) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	receipt, err := m.next.Deliver(ctx, req)
	if !req.Test {
		m.count(ctx, req.EndpointID, receipt, err)
	}
	return receipt, err
}

func (m *Monitor) count(ctx context.Context, endpointID string, receipt *deliver.Receipt, err error) {
	m.mu.Lock()
	before := m.records[endpointID]
	before.EndpointID = endpointID
	after, changed := before.after(receipt, err, time.Now(), m.options.Span)
	if changed {
		m.keep(after)
	}
	m.mu.Unlock()
	for changed && m.tell(ctx, endpointID) {
	}
}

// tell tells the host how an endpoint is, where that is not what it knows. The
// hooks of one endpoint are called one after the other, whatever happens
// meanwhile, so that the last one says how it is. It reports whether a hook was
// called.
func (m *Monitor) tell(ctx context.Context, endpointID string) bool {
	m.mu.Lock()
	r := m.records[endpointID]
	if m.telling[endpointID] || m.told[endpointID] == r.Unhealthy {
		m.mu.Unlock()
		return false
	}
	m.telling[endpointID] = true
	before, returned := m.told[endpointID], false
	m.know(endpointID, r.Unhealthy)
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.telling, endpointID)
		if !returned { // it panicked, and the host does not know
			m.know(endpointID, before)
		}
	}()
	// The hooks may call the Monitor, and take their time.
	hook := m.options.OnUnhealthy
	if r.Unhealthy == "" {
		r.EndpointID = endpointID
		hook = m.options.OnRecovered
	}
	if hook != nil {
		hook(context.WithoutCancel(ctx), r) // which is perhaps not that of the delivery which it tells of
	}
	returned = true
	return true
}

// know writes down what the host was told. The lock is held.
func (m *Monitor) know(endpointID string, r Reason) {
	if r == "" {
		delete(m.told, endpointID)
	} else {
		m.told[endpointID] = r
	}
}

// keep keeps r. The lock is held.
func (m *Monitor) keep(r Record) {
	m.records[r.EndpointID] = r
	if len(m.records) <= maxRecords {
		return
	}
	all := slices.Collect(maps.Values(m.records))
	slices.SortFunc(all, func(a, b Record) int {
		if (a.Failures == 0) != (b.Failures == 0) {
			return cmp.Compare(min(a.Failures, 1), min(b.Failures, 1))
		}
		return a.last().Compare(b.last())
	})
	for _, r := range all[:len(all)/2] { // many at once, so that it is seldom
		delete(m.records, r.EndpointID)
		delete(m.told, r.EndpointID)
	}
}

// Record returns how an endpoint does; with its ID alone where nothing is known.
func (m *Monitor) Record(endpointID string) Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[endpointID]
	r.EndpointID = endpointID
	return r
}

// Records returns all records, by endpoint ID.
func (m *Monitor) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.records), func(a, b Record) int { return strings.Compare(a.EndpointID, b.EndpointID) })
}

// Restore takes records over from before a restart. It replaces those of the same
// endpoints, and tells nobody.
func (m *Monitor) Restore(records ...Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.keep(r)
		m.know(r.EndpointID, r.Unhealthy)
	}
}

// Forget begins anew with endpoints that were enabled again, and ends it with
// those that were deleted.
func (m *Monitor) Forget(endpointIDs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range endpointIDs {
		delete(m.records, id)
		delete(m.told, id)
	}
}
