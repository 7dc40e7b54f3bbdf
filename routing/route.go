package routing

import (
	"fmt"
	"slices"
)

// An EndpointType says which messages an endpoint takes. Its text is stable:
// hosts keep it in databases.
type EndpointType string

// The types of endpoints. "" is NewLeadsOnly.
const (
	NewLeadsOnly       EndpointType = "new_leads"
	LeadUpdatesOnly    EndpointType = "lead_updates"
	NewLeadsAndUpdates EndpointType = "new_leads_and_lead_updates"
)

// EndpointTypes returns all types, for a form to offer.
func EndpointTypes() []EndpointType {
	return []EndpointType{NewLeadsOnly, LeadUpdatesOnly, NewLeadsAndUpdates}
}

// Validate refuses anything but the constants and "".
func (t EndpointType) Validate() error {
	if t == "" || slices.Contains(EndpointTypes(), t) {
		return nil
	}
	return fmt.Errorf("routing: %.40q is no endpoint type; new_leads, lead_updates and new_leads_and_lead_updates are", string(t))
}

// Takes reports whether endpoints of this type are told of messages of type m,
// other conditions aside.
func (t EndpointType) Takes(m MessageType) bool {
	switch m {
	case MessageNewLead:
		return t == "" || t == NewLeadsOnly || t == NewLeadsAndUpdates
	case MessageLeadUpdate:
		return t == LeadUpdatesOnly || t == NewLeadsAndUpdates
	}
	return false
}

// An Endpoint is what routing has to know of a receiving system.
type Endpoint struct {
	Type            EndpointType
	LeadOrders      []string // none: every lead order
	MapsMeetingTime bool     // requestedMeetingTime or its formatted twin goes out
	Disabled        bool
}

// A Decision says whether an endpoint receives a message, and why.
type Decision struct {
	Deliver bool
	Reason  Reason
}

// A Reason is why a message is delivered or not.
type Reason uint8

// The reasons, in the order in which Route looks for them. Only Matches
// delivers. Unknown is the zero value, which no decision has.
const (
	Unknown        Reason = iota // nothing was decided
	Matches                      // the endpoint takes the message
	UnknownType                  // the message's or the endpoint's type is none
	Disabled                     // the endpoint is disabled
	OtherLeadOrder               // it is attached to other lead orders
	NoNewLeads                   // it takes lead updates only
	NoLeadUpdates                // it takes new leads only
	NoMeetingTime                // it maps no meeting time, and this is an update
)

var reasons = [...]struct{ name, sentence string }{
	Unknown:        {"unknown", "Nothing was decided."},
	Matches:        {"matches", "The endpoint takes this message."},
	UnknownType:    {"unknownType", "The type of the message or of the endpoint is unknown."},
	Disabled:       {"disabled", "The endpoint is disabled."},
	OtherLeadOrder: {"otherLeadOrder", "The endpoint is attached to other lead orders."},
	NoNewLeads:     {"noNewLeads", "The endpoint takes lead updates only."},
	NoLeadUpdates:  {"noLeadUpdates", "The endpoint takes new leads only."},
	NoMeetingTime:  {"noMeetingTime", "The endpoint maps no meeting time, so a lead update would tell it nothing."},
}

// String returns a sentence for people.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r].sentence
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// MarshalText returns the reason's stable name, such as noMeetingTime.
func (r Reason) MarshalText() ([]byte, error) {
	if int(r) < len(reasons) {
		return []byte(reasons[r].name), nil
	}
	return nil, fmt.Errorf("routing: %v is none of the reasons", r)
}

// UnmarshalText takes a name that MarshalText gives.
func (r *Reason) UnmarshalText(text []byte) error {
	for i, known := range reasons {
		if string(text) == known.name {
			*r = Reason(i)
			return nil
		}
	}
	return fmt.Errorf("routing: %.40q is none of the reasons", text)
}

// Route decides whether e receives m.
func Route(e Endpoint, m Message) Decision {
	switch {
	case m.Type.Validate() != nil || e.Type.Validate() != nil:
		return Decision{Reason: UnknownType}
	case e.Disabled:
		return Decision{Reason: Disabled}
	case len(e.LeadOrders) > 0 && !attached(e, m.leadOrder()):
		return Decision{Reason: OtherLeadOrder}
	case !e.Type.Takes(m.Type) && m.Type == MessageNewLead:
		return Decision{Reason: NoNewLeads}
	case !e.Type.Takes(m.Type):
		return Decision{Reason: NoLeadUpdates}
	case m.Type == MessageLeadUpdate && !e.MapsMeetingTime:
		return Decision{Reason: NoMeetingTime}
	}
	return Decision{Deliver: true, Reason: Matches}
}

// attached reports whether e is attached to order; a lead without one belongs
// to none.
func attached(e Endpoint, order string) bool {
	return order != "" && slices.Contains(e.LeadOrders, order)
}
