package mapping

import (
	"bytes"
	"encoding/json"
	"time"
)

// A Mapping is the rules and constants of one endpoint, as its owner set them
// and as a host keeps them in its database:
//
//	{"rules":[{"field":"firstName","name":"contact.firstName"}],"constants":[{"name":"source","value":"web"}]}
//
// The payload has the rules' outputs first, then the constants, each in this
// order.
type Mapping struct {
	Rules     []Rule     `json:"rules,omitempty"`
	Constants []Constant `json:"constants,omitempty"`
}

// A Rule sends one field of the lead under one name. A field may have several
// rules; a name may have only one.
type Rule struct {
	Field string `json:"field"` // a key of the catalog
	Name  string `json:"name"`  // output name: what the receiver calls it
}

// A Constant sends a fixed value under a name, whatever the lead is.
type Constant struct {
	Name  string `json:"name"`  // output name
	Value any    `json:"value"` // any type that a Source may give, but not absent
}

// MarshalJSON writes times and []byte in the text that payloads have, so that
// what comes back from a database encodes to the same bytes.
func (c Constant) MarshalJSON() ([]byte, error) {
	type plain Constant
	switch c.Value.(type) {
	case time.Time, []byte:
		text, err := AppendText(nil, c.Value)
		if err != nil {
			return nil, err
		}
		c.Value = string(text)
	}
	return json.Marshal(plain(c))
}

// UnmarshalJSON keeps the digits of numbers: they become [json.Number].
func (c *Constant) UnmarshalJSON(data []byte) error {
	type plain Constant
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*plain)(c))
}
