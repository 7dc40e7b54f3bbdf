package mapping

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A Plan is a mapping that was found to be without fault. Encoders are built
// from it.
type Plan struct {
	outputs []Output
}

// An Output is one value of a payload: where it comes from and what it is
// called there.
type Output struct {
	Name     string // as configured; package encode parses the dots
	Field    string // the lead's field; "" for a constant
	Value    any    // the constant's value; nil for a field
	Constant bool
	Implicit bool // messageType, where the mapping has no rule for it
	Index    int  // of the rule or constant in the mapping; -1 for the implicit one
}

// Fault returns err as a fault of the rule or constant that o comes from.
func (o Output) Fault(err error) *RuleError {
	return &RuleError{Index: o.Index, Field: o.Field, Name: o.Name, Constant: o.Constant, Err: err}
}

// A RuleError is one fault of a mapping. Compile joins all that it finds.
type RuleError struct {
	Index    int    // of the rule or constant, from 0; -1 for a fault of the mapping as a whole
	Field    string // field key as given; "" for a constant
	Name     string // output name as given
	Err      error
	Constant bool // Index counts constants, not rules
}

// Error names the rule and what is wrong with it.
func (e *RuleError) Error() string {
	switch {
	case e.Constant:
		return fmt.Sprintf("constant %d (%.80q): %v", e.Index, e.Name, e.Err)
	case e.Index < 0 && e.Field == "":
		return e.Err.Error()
	case e.Index < 0:
		return fmt.Sprintf("implicit rule (%.80q → %.80q): %v", e.Field, e.Name, e.Err)
	}
	return fmt.Sprintf("rule %d (%.80q → %.80q): %v", e.Index, e.Field, e.Name, e.Err)
}

// Unwrap returns Err.
func (e *RuleError) Unwrap() error { return e.Err }

// Bounds on a mapping, far above what a receiver asks for. What it costs must
// be of the order of what somebody typed.
const (
	maxOutputs = 2000
	maxName    = 1 << 10 // bytes
)

// Compile checks m against c; a nil c is Standard. Every fault comes back at
// once, each a [*RuleError], joined: a field that is not in the catalog (with
// the nearest key as a suggestion), a name that is empty, not UTF-8, longer than
// 1 KiB or given twice, a constant without a value, a mapping with neither rule
// nor constant or with more than 2,000 of them.
//
// What only one format refuses, as JSON does a..b, is for package encode to
// say when an encoder is built.
func Compile(m Mapping, c *Catalog) (*Plan, error) {
	p, err := CompileSound(m, c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// CompileSound is Compile for a validator that goes on after a fault: beside
// the same error it returns the plan of those rules and constants that have
// none, with the indices that they have in m.
func CompileSound(m Mapping, c *Catalog) (*Plan, error) {
	if c == nil {
		c = Standard()
	}
	outputs := make([]Output, 0, len(m.Rules)+len(m.Constants)+1)
	if !slices.ContainsFunc(m.Rules, func(r Rule) bool { return r.Field == FieldMessageType }) {
		outputs = append(outputs, Output{Name: FieldMessageType, Field: FieldMessageType, Implicit: true, Index: -1})
	}
	for i, r := range m.Rules {
		outputs = append(outputs, Output{Name: r.Name, Field: r.Field, Index: i})
	}
	for i, k := range m.Constants {
		outputs = append(outputs, Output{Name: k.Name, Value: k.Value, Constant: true, Index: i})
	}

	var faults []error
	if n := len(m.Rules) + len(m.Constants); n > maxOutputs {
		return &Plan{}, errors.Join(Output{Index: -1}.Fault(fmt.Errorf("the mapping has %d rules and constants; %d are the most", n, maxOutputs)))
	}
	fault := func(o Output, format string, args ...any) {
		faults = append(faults, o.Fault(fmt.Errorf(format, args...)))
	}
	if len(m.Rules) == 0 && len(m.Constants) == 0 {
		fault(Output{Index: -1}, "the mapping has neither a rule nor a constant; map at least one field")
	}
	named := make(map[string]int, len(outputs))
	var faulty map[int]bool
	for i, o := range outputs {
		before := len(faults)
		_, known := c.Lookup(o.Field)
		switch {
		case o.Constant && absent(o.Value):
			fault(o, `it has no value; "" is one too`)
		case o.Constant || o.Implicit || known:
		case o.Field == "":
			fault(o, `it names no field; a rule has a "field" and a "name"`)
		default:
			fault(o, "field %.80q is not in the catalog; %s", o.Field, suggestion(c, o))
		}

		place, twice := named[o.Name]
		switch first := outputs[place]; {
		case o.Name == "":
			fault(o, "the name is empty; give the name that the receiver expects")
		case len(o.Name) > maxName:
			fault(o, "the name has %d bytes; %d are the most", len(o.Name), maxName)
		case !utf8.ValidString(o.Name):
			fault(o, "the name is not valid UTF-8")
		case twice && first.Implicit:
			fault(o, "the name %q is the message type's; add a rule that gives field %q another name", o.Name, FieldMessageType)
		case twice:
			fault(o, "the name %.80q is given twice, first by %s", o.Name, first.place())
		default:
			named[o.Name] = i
		}
		if len(faults) > before {
			if faulty == nil {
				faulty = make(map[int]bool)
			}
			faulty[i] = true
		}
	}
	if len(faulty) > 0 {
		sound := outputs[:0]
		for i, o := range outputs {
			if !faulty[i] {
				sound = append(sound, o)
			}
		}
		outputs = sound
	}
	return &Plan{outputs: outputs}, errors.Join(faults...)
}

func suggestion(c *Catalog, o Output) string {
	if _, known := c.Lookup(o.Name); known {
		return "are field and name swapped?"
	}
	if key := c.nearest(o.Field); key != "" {
		return fmt.Sprintf("did you mean %q?", key)
	}
	return "the host can add it with Catalog.Extend"
}

func (o Output) place() string {
	if o.Constant {
		return fmt.Sprintf("constant %d", o.Index)
	}
	return fmt.Sprintf("rule %d", o.Index)
}

// Outputs returns a copy of what a payload can hold, in payload order: the
// implicit messageType where there is one, the rules, the constants.
func (p *Plan) Outputs() []Output { return slices.Clone(p.outputs) }

// Maps reports whether field goes out under some name.
func (p *Plan) Maps(field string) bool {
	return slices.ContainsFunc(p.outputs, func(o Output) bool { return !o.Constant && o.Field == field })
}
