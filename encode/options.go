package encode

import (
	"fmt"
	"strings"
)

// Options adjust an encoder. The zero value is what most receivers take.
type Options struct {
	// Missing says what an absent value becomes. HubSpot ignores it: there an
	// absent value is always left out.
	Missing Missing `json:"missing,omitzero"`
	// Lists says how a form writes lists. Other formats ignore it.
	Lists ListStyle `json:"lists,omitzero"`
	// XMLRoot names the root element of XML. "" means lead.
	XMLRoot string `json:"xmlRoot,omitempty"`
	// WebhookURL is the WEBHOOKURL property of HubSpot payloads. "" leaves it out.
	WebhookURL string `json:"webhookUrl,omitempty"`
}

func (o *Options) validate() error {
	if _, err := o.Missing.MarshalText(); err != nil {
		return err
	}
	_, err := o.Lists.MarshalText()
	return err
}

// Missing says what an absent value becomes.
type Missing uint8

const (
	Omit  Missing = iota // left out
	Null                 // null in JSON, the same as Empty in formats that have no null
	Empty                // an empty string
)

var missingNames = []string{"omit", "null", "empty"}

// String returns the name: omit, null or empty.
func (m Missing) String() string { return enumName("Missing", missingNames, uint8(m)) }

// MarshalText returns the name.
func (m Missing) MarshalText() ([]byte, error) {
	return marshalEnum("missing", missingNames, uint8(m))
}

// UnmarshalText takes a name that MarshalText gives.
func (m *Missing) UnmarshalText(text []byte) error {
	return unmarshalEnum("missing", missingNames, text, (*uint8)(m))
}

// ListStyle says how a form writes a list.
type ListStyle uint8

const (
	Repeat    ListStyle = iota // a=1&a=2
	Brackets                   // a[]=1&a[]=2
	Indices                    // a[0]=1&a[1]=2
	Comma                      // a=1,2
	Semicolon                  // a=1;2
)

var listNames = []string{"repeat", "brackets", "indices", "comma", "semicolon"}

// String returns the name: repeat, brackets, indices, comma or semicolon.
func (s ListStyle) String() string { return enumName("ListStyle", listNames, uint8(s)) }

// MarshalText returns the name.
func (s ListStyle) MarshalText() ([]byte, error) {
	return marshalEnum("lists", listNames, uint8(s))
}

// UnmarshalText takes a name that MarshalText gives.
func (s *ListStyle) UnmarshalText(text []byte) error {
	return unmarshalEnum("lists", listNames, text, (*uint8)(s))
}

func enumName(kind string, names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}

func marshalEnum(what string, names []string, v uint8) ([]byte, error) {
	if int(v) >= len(names) {
		return nil, fmt.Errorf("encode: %s is %d; one of %s is known", what, v, strings.Join(names, ", "))
	}
	return []byte(names[v]), nil
}

func unmarshalEnum(what string, names []string, text []byte, v *uint8) error {
	for i, name := range names {
		if string(text) == name {
			*v = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("encode: %s is %.40q; one of %s is known", what, text, strings.Join(names, ", "))
}
