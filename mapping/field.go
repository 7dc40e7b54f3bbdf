package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The keys of the standard fields.
const (
	FieldMessageType                   = "messageType"
	FieldLeadID                        = "leadId"
	FieldLeadOrderID                   = "leadOrderId"
	FieldCreatedAt                     = "createdAt"
	FieldFirstName                     = "firstName"
	FieldLastName                      = "lastName"
	FieldEmail                         = "email"
	FieldPhone                         = "phone"
	FieldCompany                       = "company"
	FieldJobTitle                      = "jobTitle"
	FieldCompanySize                   = "companySize"
	FieldIndustry                      = "industry"
	FieldWebsite                       = "website"
	FieldAddress                       = "address"
	FieldCity                          = "city"
	FieldState                         = "state"
	FieldPostalCode                    = "postalCode"
	FieldCountry                       = "country"
	FieldMessage                       = "message"
	FieldRequestedMeetingTime          = "requestedMeetingTime"
	FieldFormattedRequestedMeetingTime = "formattedRequestedMeetingTime"
)

// A Field is one thing that a host knows of its leads and offers for mapping.
type Field struct {
	// Key names the field in leads and rules. It is never empty.
	Key string `json:"key"`
	// Label is what people read. "" means that Key serves.
	Label string `json:"label,omitempty"`
	// Kind tells pages and validators what to expect. It does not restrict the
	// values that a lead may have.
	Kind Kind `json:"kind"`
	// Example goes into test leads and previews. nil leaves the field out there.
	Example any `json:"example,omitempty"`
	// Sensitive fields are masked where payloads are kept or logged.
	Sensitive bool `json:"sensitive,omitempty"`
}

// MarshalJSON writes the example as payloads have it, as Constant's does.
func (f Field) MarshalJSON() ([]byte, error) {
	type plain Field
	var err error
	if f.Example, err = settle(f.Example, 0); err != nil {
		return nil, err
	}
	return json.Marshal(plain(f))
}

// UnmarshalJSON keeps the digits of numbers: they become [json.Number].
func (f *Field) UnmarshalJSON(data []byte) error {
	type plain Field
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*plain)(f))
}

// A Kind says what a field holds. In JSON it is its name: "text", "email", ….
type Kind uint8

// The kinds of fields. Text is the zero value.
const (
	Text Kind = iota
	Email
	Phone
	URL
	Number
	Bool
	Time
	List
)

var kindNames = [...]string{"text", "email", "phone", "url", "number", "bool", "time", "list"}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText returns the kind's name; a value that is none of the constants is
// an error.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) >= len(kindNames) {
		return nil, fmt.Errorf("mapping: %v is no kind of field", k)
	}
	return []byte(kindNames[k]), nil
}

// UnmarshalText takes a name that MarshalText gives.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if string(text) == name {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("mapping: %.40q is no kind of field; one of %s is", text, strings.Join(kindNames[:], ", "))
}
