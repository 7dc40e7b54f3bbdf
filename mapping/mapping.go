package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
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

// MarshalJSON writes the value as payloads have it (times, text, values with
// methods), so that what comes back from a database encodes to the same bytes.
// Structs and raw JSON come back as maps, whose keys are sorted.
func (c Constant) MarshalJSON() ([]byte, error) {
	type plain Constant
	var err error
	if c.Value, err = settle(c.Value, 0); err != nil {
		return nil, err
	}
	return json.Marshal(plain(c))
}

// settle replaces all that encoding/json would write in another way than
// encoders do.
func settle(v any, depth int) (any, error) {
	if depth > 100 {
		return nil, errors.New("mapping: a constant nests more than 100 deep")
	}
	if _, ok := v.(json.RawMessage); ok {
		return v, nil
	}
	r, err := Resolve(v)
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case time.Time:
		text, err := AppendText(nil, r)
		return string(text), err
	case []any:
		list := make([]any, len(r))
		for i := range r {
			if list[i], err = settle(r[i], depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		m := make(map[string]any, len(r))
		for key := range r {
			if m[key], err = settle(r[key], depth+1); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return r, nil
}

// UnmarshalJSON keeps the digits of numbers: they become [json.Number].
func (c *Constant) UnmarshalJSON(data []byte) error {
	type plain Constant
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*plain)(c))
}
