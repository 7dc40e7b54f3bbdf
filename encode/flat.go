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
	prefix, suffix string // around a value; the prefix starts with the separator
	joint          string // the suffix of the output before, and prefix
	list           string // prefix of each element of a list
	constant       string // all that a constant writes, separators included
	output         *mapping.Output
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
	prefix = f.sep + prefix
	f.outputs = append(f.outputs, flatOutput{field: o.Field, prefix: prefix, list: prefix, suffix: suffix, output: &o})
	return &f.outputs[len(f.outputs)-1]
}

// compile writes the constants among the outputs, once and for all, drops those
// that write nothing, such as an empty list, and joins what stands between two
// outputs.
func (f *flat) compile() (faults []error) {
	for i := range f.outputs {
		o := &f.outputs[i]
		if !o.output.Constant {
			continue
		}
		// Behind something else, so that it starts with the separator.
		text, err := f.appendValue([]byte{0}, 0, o, o.output.Value)
		if err != nil {
			faults = append(faults, o.output.Fault(err))
		}
		o.constant = string(text[1:])
	}
	f.outputs = slices.DeleteFunc(f.outputs, func(o flatOutput) bool { return o.output.Constant && o.constant == "" })
	for i := 1; i < len(f.outputs); i++ {
		f.outputs[i].joint = f.outputs[i-1].suffix + f.outputs[i].prefix
	}
	return faults
}

// appendTo appends the outputs' values. On error dst is not to be used.
//
// The suffix of a text waits until it is known what follows: mostly that is the
// next text, and what stands between the two goes out in one piece.
func (f *flat) appendTo(dst []byte, src mapping.Source) ([]byte, error) {
	start := len(dst)
	suffix := ""                  // what waits
	lead, _ := src.(mapping.Lead) // spares the call
	outputs := f.outputs          // spares a bounds check
	for i := range outputs {
		o := &outputs[i]
		if o.constant != "" {
			dst = append(dst, suffix...)
			dst = append(dst, f.first(dst, start, o.constant)...)
			suffix = ""
			continue
		}
		v := lead[o.field]
		if lead == nil {
			v = valueOf(src, o.field)
		}
		if s, ok := v.(string); ok && s != "" { // as most are
			if suffix != "" {
				dst = append(dst, o.joint...)
			} else {
				dst = append(dst, f.first(dst, start, o.prefix)...)
			}
			dst = f.escape.append(dst, s)
			suffix = o.suffix
			continue
		}
		dst = append(dst, suffix...)
		suffix = ""
		var err error
		if _, ok := v.(time.Time); ok { // spares appendValue's choices
			dst, err = f.appendScalar(dst, start, o.prefix, o.suffix, v)
		} else {
			dst, err = f.appendValue(dst, start, o, v)
		}
		if err != nil {
			return dst, valueError(o.output, v, err)
		}
	}
	return append(dst, suffix...), nil
}

// first drops the separator where nothing was written since start.
func (f *flat) first(dst []byte, start int, prefix string) string {
	if len(dst) == start {
		return prefix[len(f.sep):]
	}
	return prefix
}

func (f *flat) appendValue(dst []byte, start int, o *flatOutput, v any) ([]byte, error) {
	switch t := v.(type) {
	case nil:
		if f.missing == Omit {
			return dst, nil
		}
		dst = append(dst, f.first(dst, start, o.prefix)...)
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
	case string, bool, int, int32, int64, uint64, float32, float64, json.Number, time.Time:
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
	if text, ok := v.(string); ok {
		if text == "" && !f.keepEmpty {
			return dst, nil
		}
		dst = append(dst, f.first(dst, start, prefix)...)
		return append(f.escape.append(dst, text), suffix...), nil
	}
	dst = append(dst, f.first(dst, start, prefix)...)
	if _, ok := v.(time.Time); ok && f.escape == escapeForm {
		var buf [40]byte // holds any time, and stays on the stack
		text, err := mapping.AppendText(buf[:0], v)
		if err != nil {
			return dst, err
		}
		return appendForm(dst, string(text)), nil
	}
	// Neither numbers nor bools have anything to escape, nor times elsewhere.
	dst, err := mapping.AppendText(dst, v)
	return append(dst, suffix...), err
}

func (f *flat) appendList(dst []byte, start int, o *flatOutput, n int, at func(int) any) ([]byte, error) {
	if f.list == listComma || f.list == listSemicolon {
		var joined []byte
		for i := range n {
			text, err := mapping.AppendText(nil, at(i))
			switch {
			case err != nil:
				return dst, err
			case len(text) == 0:
				continue // two joints in a row would be an element of their own
			case len(joined) > 0:
				joined = append(joined, f.joint())
			}
			joined = append(joined, text...)
		}
		if len(joined) == 0 {
			return dst, nil
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
