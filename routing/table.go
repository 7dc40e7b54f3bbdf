package routing

import "iter"

// A Table answers which endpoints receive a message, in time that grows with
// those that do, not with those that exist. It agrees with Route and never
// changes; any number of goroutines may use it.
type Table struct {
	newLeads, leadUpdates index
}

// An index has the endpoints for one type of message, by their place in the
// list that the table was built from, in ascending order.
type index struct {
	everyOrder []int
	byOrder    map[string][]int
}

// NewTable builds a table. Endpoints of an unknown type receive nothing.
func NewTable(endpoints []Endpoint) *Table {
	t := &Table{}
	for i, e := range endpoints {
		if e.Disabled {
			continue
		}
		if e.Type.Takes(MessageNewLead) {
			t.newLeads.add(i, e.LeadOrders)
		}
		if e.Type.Takes(MessageLeadUpdate) && e.MapsMeetingTime {
			t.leadUpdates.add(i, e.LeadOrders)
		}
	}
	return t
}

func (x *index) add(endpoint int, orders []string) {
	if len(orders) == 0 {
		x.everyOrder = append(x.everyOrder, endpoint)
		return
	}
	if x.byOrder == nil {
		x.byOrder = make(map[string][]int)
	}
	for _, order := range orders {
		list := x.byOrder[order]
		if order == "" || len(list) > 0 && list[len(list)-1] == endpoint { // named twice
			continue
		}
		x.byOrder[order] = append(list, endpoint)
	}
}

// Route gives the endpoints that receive m, by their place in NewTable's list,
// in that order.
func (t *Table) Route(m Message) iter.Seq[int] {
	return func(yield func(int) bool) {
		var x *index
		switch m.Type {
		case MessageNewLead:
			x = &t.newLeads
		case MessageLeadUpdate:
			x = &t.leadUpdates
		default:
			return
		}
		a, b := x.everyOrder, []int(nil)
		if len(x.byOrder) > 0 {
			b = x.byOrder[m.leadOrder()]
		}
		for len(a) > 0 || len(b) > 0 { // merge: no endpoint is in both
			from := &a
			if len(a) == 0 || len(b) > 0 && b[0] < a[0] {
				from = &b
			}
			if !yield((*from)[0]) {
				return
			}
			*from = (*from)[1:]
		}
	}
}
