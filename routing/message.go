package routing

import (
	"errors"
	"fmt"

	"github.com/topprovider/leadhook/mapping"
)

// A MessageType says why a lead is sent. Its text is what receivers get.
type MessageType string

// The types of messages.
const (
	MessageNewLead    MessageType = "new_lead"    // the lead was generated
	MessageLeadUpdate MessageType = "lead_update" // it asked for a meeting, or for another time
)

// Validate refuses anything but the constants.
func (t MessageType) Validate() error {
	switch t {
	case MessageNewLead, MessageLeadUpdate:
		return nil
	}
	return fmt.Errorf("routing: %.40q is no message type; %q and %q are", string(t), MessageNewLead, MessageLeadUpdate)
}

// A Message is a lead and why it is sent. It is a [mapping.Source]: messageType
// comes from Type, everything else from Lead.
type Message struct {
	// ID is the same on every delivery of this message, so that a receiver
	// recognises a repeat, and different for each lead and each update of it: the
	// webhook-id of Standard Webhooks. It is printable ASCII without dots and
	// spaces. "" lets the dispatcher give one.
	ID   string
	Type MessageType
	Lead mapping.Source
}

// Value returns the message's type for messageType, and the lead's value for
// any other field.
func (m Message) Value(field string) (any, bool) {
	if field == mapping.FieldMessageType {
		// A string, so that encoders need not look behind a named type; and of a
		// constant, which is no allocation.
		switch m.Type {
		case MessageNewLead:
			return string(MessageNewLead), true
		case MessageLeadUpdate:
			return string(MessageLeadUpdate), true
		}
		return string(m.Type), m.Type != ""
	}
	if m.Lead == nil {
		return nil, false
	}
	return m.Lead.Value(field)
}

// Untyped returns the lead: a Message is [mapping.Typed].
func (m Message) Untyped() mapping.Source { return m.Lead }

// Validate refuses a message without a lead, of an unknown type, or with an ID
// that cannot be a webhook-id. All faults come back at once.
func (m Message) Validate() error {
	var faults []error
	if err := m.Type.Validate(); err != nil {
		faults = append(faults, err)
	}
	if m.Lead == nil {
		faults = append(faults, errors.New("routing: the message has no lead"))
	}
	for _, r := range m.ID {
		if r <= ' ' || r > '~' || r == '.' {
			faults = append(faults, fmt.Errorf("routing: message ID %.80q holds %q; use printable ASCII without dots and spaces", m.ID, r))
			break
		}
	}
	return errors.Join(faults...)
}

// leadOrder returns the lead order that m belongs to, as text. "" is none.
func (m Message) leadOrder() string {
	if m.Lead == nil {
		return ""
	}
	return text(m.Lead, mapping.FieldLeadOrderID)
}

// text returns a field as text; "" where it is absent.
func text(s mapping.Source, field string) string {
	v, _ := s.Value(field)
	if t, ok := v.(string); ok {
		return t
	}
	b, err := mapping.AppendText(nil, v)
	if err != nil {
		return ""
	}
	return string(b)
}
