package encode

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/topprovider/leadhook/mapping"
)

// A flat encoder writes one text after another, each between a prefix and a
// suffix: what XML, form and HubSpot's fields have in common. They differ in
// what stands around a value, in how text is escaped and in what a list is.
type flat struct {
	outputs []flatOutput
	sep     string // between two values
	escape  escape
	list    listForm
	// keepEmpty is false where an empty text is left out like an absent value.
	keepEmpty bool
	// missing other than Omit writes an absent value as an empty text.
	missing Missing
}

type flatOutput struct {
	field          string
	prefix, suffix string // around a value
	list           string // prefix of each element of a list
	constant       string // all that a constant writes, separators inside included
	output         *mapping.Output
}

// An escape names how a format writes text. It is no function value, since what
// goes into one of those escapes to the heap.
type escape uint8

const (
	escapeXML escape = iota
	escapeForm
	escapeJSON
)

func (e escape) append(dst []byte, s string) []byte {
	switch e {
	case escapeXML:
		return appendXML(dst, s)
	case escapeForm:
		return appendForm(dst, s)
	}
	return appendEscaped(dst, s)
}

// A listForm says what becomes of a list.
type listForm uint8

const (
	listRepeat  listForm = iota // each element is a value of its own
	listIndexed                 // the same, with the index and indexEnd behind the prefix
	listComma                   // one value
	listSemicolon
)

// indexEnd is "]=" in a form.
const indexEnd = "%5D="

// add adds an output whose values stand between prefix and suffix.
func (f *flat) add(o mapping.Output, prefix, suffix string) *flatOutput {
	f.outputs = append(f.outputs, flatOutput{field: o.Field, prefix: prefix, list: prefix, suffix: suffix, output: &o})
	return &f.outputs[len(f.outputs)-1]
}

// addConstants writes the constants among the outputs, once and for all, and
// drops those that write nothing, such as an empty list.
func (f *flat) addConstants() (faults []error) {
	for i := range f.outputs {
		o := &f.outputs[i]
		if !o.output.Constant {
			continue
		}
		text, err := f.appendValue(nil, 0, o, o.output.Value)
		if err != nil {
			faults = append(faults, o.output.Fault(err))
		}
		o.constant = string(text)
	}
	f.outputs = slices.DeleteFunc(f.outputs, func(o flatOutput) bool { return o.output.Constant && o.constant == "" })
	return faults
}

// appendTo appends the outputs' values. On error dst is not to be used.
func (f *flat) appendTo(dst []byte, src mapping.Source) ([]byte, error) {
	start := len(dst)
	lead, isLead := src.(mapping.Lead)
	for i := range f.outputs {
		o := &f.outputs[i]
		if o.constant != "" {
			dst = append(f.separate(dst, start), o.constant...)
			continue
		}
		var v any
		if isLead { // spares the call
			v = lead[o.field]
		} else if value, ok := src.Value(o.field); ok {
			v = value
		}
		var err error
		if dst, err = f.appendValue(dst, start, o, v); err != nil {
			return dst, valueError(o.output, v, err)
		}
	}
	return dst, nil
}

// separate appends the separator unless nothing was written since start.
func (f *flat) separate(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = append(dst, f.sep...)
	}
	return dst
}

func (f *flat) appendValue(dst []byte, start int, o *flatOutput, v any) ([]byte, error) {
	switch t := v.(type) {
	case string:
		if t == "" && !f.keepEmpty {
			return dst, nil
		}
		dst = append(f.separate(dst, start), o.prefix...)
		return append(f.escape.append(dst, t), o.suffix...), nil
	case nil:
		if f.missing == Omit {
			return dst, nil
		}
		dst = append(f.separate(dst, start), o.prefix...)
		return append(dst, o.suffix...), nil
	case []string:
		if t == nil {
			return f.appendValue(dst, start, o, nil)
		}
		return f.appendList(dst, start, o, len(t), func(i int) any { return t[i] })
	case []any:
		if t == nil {
			return f.appendValue(dst, start, o, nil)
		}
		return f.appendList(dst, start, o, len(t), func(i int) any { return t[i] })
	case bool, int, int32, int64, uint64, float32, float64, json.Number, time.Time:
		return f.appendScalar(dst, start, o.prefix, o.suffix, v)
	}
	r, err := mapping.Resolve(v)
	if err != nil {
		return dst, err
	}
	switch r.(type) {
	case nil, string, []string, []any:
		return f.appendValue(dst, start, o, r)
	}
	return f.appendScalar(dst, start, o.prefix, o.suffix, r) // maps and structs are refused there
}

func (f *flat) appendScalar(dst []byte, start int, prefix, suffix string, v any) ([]byte, error) {
	var buf [40]byte // holds all but the longest numbers, and stays on the stack
	text, err := mapping.AppendText(buf[:0], v)
	if err != nil || len(text) == 0 && !f.keepEmpty {
		return dst, err
	}
	dst = append(f.separate(dst, start), prefix...)
	return append(f.escape.append(dst, string(text)), suffix...), nil
}

func (f *flat) appendList(dst []byte, start int, o *flatOutput, n int, at func(int) any) ([]byte, error) {
	if f.list == listComma || f.list == listSemicolon {
		var joined []byte
		for i := range n {
			if i > 0 {
				joined = append(joined, f.joint())
			}
			var err error
			if joined, err = mapping.AppendText(joined, at(i)); err != nil {
				return dst, err
			}
		}
		return f.appendValue(dst, start, o, string(joined))
	}
	for i := range n {
		v, err := mapping.Resolve(at(i))
		if err != nil {
			return dst, err
		}
		if v == nil {
			continue
		}
		prefix := o.list
		if f.list == listIndexed {
			prefix += strconv.Itoa(i) + indexEnd
		}
		if dst, err = f.appendScalar(dst, start, prefix, o.suffix, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (f *flat) joint() byte {
	if f.list == listComma {
		return ','
	}
	return ';'
}
