package encode

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/topprovider/leadhook/mapping"
)

// A flat encoder writes one text after another, each between a prefix and a
// suffix: what XML, form and HubSpot's fields have in common. They differ in
// what stands around a value, in how text is escaped and in what a list is.
type flat struct {
	outputs   []flatOutput // in the order in which they are written
	fields    []string     // theirs
	constants string       // behind them, separators included
	sep       string       // between two values
	plain     *charset     // what needs no escaping; nil in a form
	list      listForm
	// keepEmpty is false where an empty text is left out like an absent value.
	keepEmpty bool
	// missing other than Omit writes an absent value as an empty text.
	missing Missing
}

type flatOutput struct {
	prefix, suffix string // around a value; the prefix starts with the separator
	joint          string // the suffix of the output before, and prefix
	list           string // prefix of each element of a list
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
	f.outputs = append(f.outputs, flatOutput{prefix: prefix, list: prefix, suffix: suffix, output: &o})
	return &f.outputs[len(f.outputs)-1]
}

// compile writes the constants among the outputs, which come last, once and for
// all, and joins what stands between two outputs.
func (f *flat) compile() (faults []error) {
	text := []byte{0} // they start with the separator, since something is there
	for i := range f.outputs {
		o := &f.outputs[i]
		if !o.output.Constant {
			f.fields = append(f.fields, o.output.Field)
			if i > 0 {
				o.joint = f.outputs[i-1].suffix + o.prefix
			}
			continue
		}
		var err error
		if text, err = f.appendValue(text, 0, o, o.output.Value); err != nil {
			faults = append(faults, o.output.Fault(err))
		}
	}
	f.constants = string(text[1:])
	f.outputs = f.outputs[:len(f.fields)]
	return faults
}

// appendTo appends the outputs' values. On error dst is not to be used.
//
// The suffix of a text waits until it is known what follows: mostly that is the
// next text, and what stands between the two goes out in one piece.
func (f *flat) appendTo(dst []byte, src mapping.Source) ([]byte, error) {
	start := len(dst)
	waits := false       // a suffix does
	outputs := f.outputs // spares a bounds check
	var r reader
	r.open(src)
	for i := range outputs {
		if i%ahead == 0 {
			r.read(f.fields[i:])
		}
		v := r.values[i%ahead]
		o := &outputs[i]
		s, isText := v.(string)
		isText = isText && s != "" // as most are
		if waits && isText {
			if dst = append(dst, o.joint...); f.plain == nil {
				dst = appendForm(dst, s)
			} else {
				dst = f.plain.append(dst, s)
			}
			continue
		}
		_, isTime := v.(time.Time)
		var err error
		switch {
		case waits && isTime:
			dst, err = f.appendTime(append(dst, o.joint...), v)
		case isText || isTime:
			dst = append(dst, f.first(dst, start, o.prefix)...)
			if isText {
				dst = f.append(dst, s)
			} else {
				dst, err = f.appendTime(dst, v)
			}
			waits = true
		default:
			if waits {
				dst = append(dst, outputs[i-1].suffix...)
			}
			waits = false
			dst, err = f.appendValue(dst, start, o, v)
		}
		if err != nil {
			return dst, valueError(o.output, v, err)
		}
	}
	if waits {
		dst = append(dst, outputs[len(outputs)-1].suffix...)
	}
	if f.constants != "" {
		dst = append(dst, f.first(dst, start, f.constants)...)
	}
	return dst, nil
}

// append appends s, escaped.
func (f *flat) append(dst []byte, s string) []byte {
	if f.plain == nil {
		return appendForm(dst, s)
	}
	return f.plain.append(dst, s)
}

// appendTime appends a time, which has something to escape in a form only.
func (f *flat) appendTime(dst []byte, v any) ([]byte, error) {
	if f.plain != nil {
		return mapping.AppendText(dst, v)
	}
	var buf [40]byte // holds any time, and stays on the stack
	text, err := mapping.AppendText(buf[:0], v)
	if err != nil {
		return dst, err
	}
	return appendForm(dst, string(text)), nil
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
		return append(f.append(dst, text), suffix...), nil
	}
	dst = append(dst, f.first(dst, start, prefix)...)
	if _, ok := v.(time.Time); ok {
		dst, err := f.appendTime(dst, v)
		return append(dst, suffix...), err
	}
	// Neither numbers nor bools have anything to escape.
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
