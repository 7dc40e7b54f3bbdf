package encode

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/topprovider/leadhook/mapping"
)

// An op is one step of writing a document.
type op struct {
	kind    opKind
	inArray bool   // it stands in an array
	isArray bool   // of opOpen and opClose: the container is one
	lit     string // what comes first, with its comma: `,"firstName":` or `,"contact":{`
	quoted  string // of opField: lit and the quote of a text
	output  *mapping.Output
}

type opKind uint8

const (
	opField opKind = iota // lit and the field's value
	opConst               // lit, which holds the value
	opHole                // lit, which holds the null
	opOpen                // lit, which holds the bracket
	opClose               // the bracket; lit is that of the opOpen
)

// A layout is how a document is written, step by step.
type layout struct {
	ops     []op     // without the brackets of the root
	slots   []slot   // the fields among ops
	fields  []string // theirs
	isArray bool     // the root is one
	missing Missing
}

// A slot is a field's place in a layout.
type slot struct {
	from, to int    // of ops: the steps since the field before, and the field's own
	joint    string // all from the end of a text before to the start of a text here
	skips    bool   // an absent value leaves nothing, and what follows as it was
}

// newLayout gives the steps that write a document with these leaves. Keys come
// in the order in which the names first mention them. appendConst writes the
// value of a constant.
func newLayout(leaves []leaf, missing Missing, appendConst func(dst []byte, o *mapping.Output) ([]byte, error)) (layout, []error) {
	t, faults := grow(leaves)
	if len(faults) > 0 {
		return layout{}, faults
	}
	steps, size := len(t)-1, 0
	for i := range t {
		if size += len(t[i].key) + len(`,"":{"`); t[i].children > 0 {
			steps++
		}
	}
	w := walker{tree: t, appendConst: appendConst, ops: make([]op, 0, steps), buf: make([]byte, 0, 64)}
	w.lits.text.Grow(2 * size) // in a step, and in what stands between two fields
	w.container(0)
	l := layout{ops: w.ops, isArray: t[0].isArray(), missing: missing}
	l.join(len(leaves), &w.lits)
	return l, w.faults
}

// join finds the fields, at most so many, and writes what stands between two of
// them once and for all. Where both are texts no container between them is empty.
func (l *layout) join(most int, lits *literals) {
	l.slots, l.fields = make([]slot, 0, most), make([]string, 0, most)
	from := 0
	var joint []byte
	for i := range l.ops {
		if l.ops[i].kind != opField {
			continue
		}
		var first bool
		joint, first = l.steps(append(joint[:0], '"'), from, i, false)
		joint = appendLit(joint, l.ops[i].quoted, first)
		l.slots = append(l.slots, slot{from, i, lits.keep(joint), from == i && !l.ops[i].inArray && l.missing == Omit})
		l.fields = append(l.fields, l.ops[i].output.Field)
		from = i + 1
	}
}

// literals are texts side by side: an encoder has dozens of them, and a host
// thousands of encoders.
type literals struct{ text strings.Builder }

func (l *literals) keep(text []byte) string {
	from := l.text.Len()
	l.text.Write(text)
	return l.text.String()[from:]
}

// A walker turns a tree into ops.
type walker struct {
	tree        tree
	appendConst func(dst []byte, o *mapping.Output) ([]byte, error)
	ops         []op
	lits        literals
	faults      []error
	buf         []byte // for a literal or a path
}

// container writes what is in a container, in the order in which sjson lays it
// out. sjson sees the numbers of nodes in place of both keys and values, so that
// nothing that a receiver's key may hold has a meaning in its path syntax. One
// document for each container takes it half the time of one for all.
func (w *walker) container(container int) {
	inArray := w.tree[container].isArray()
	document := []byte("{}")
	if inArray {
		document = []byte("[]")
	}
	var number []byte
	for child := w.tree[container].child; child != 0; child = w.tree[child].next {
		number = strconv.AppendInt(number[:0], int64(child), 10)
		path := w.tree[child].key
		if !inArray {
			path = strconv.Itoa(child) // a key, since the document is an object
		}
		var err error
		if document, err = sjson.SetRawBytes(document, path, number); err != nil {
			w.faults = append(w.faults, w.tree[child].leaf.output.Fault(fmt.Errorf("the name cannot be laid out: %w", err)))
			return
		}
	}
	gjson.ParseBytes(document).ForEach(func(_, member gjson.Result) bool {
		w.member(int(member.Int()), inArray)
		return true
	})
}

// member writes the steps of a node; 0 is a hole of an array.
func (w *walker) member(number int, inArray bool) {
	n := &w.tree[number]
	lit := append(w.buf[:0], ',')
	if !inArray {
		lit = append(appendString(lit, n.key), ':')
	}
	step := op{inArray: inArray}
	switch {
	case number == 0:
		step.kind, step.lit = opHole, w.lits.keep(append(lit, "null"...))
	case !n.value:
		step.kind, step.isArray = opOpen, n.isArray()
		step.lit = w.lits.keep(append(lit, bracket(step.isArray, '[', '{')))
		w.ops = append(w.ops, step)
		w.container(number)
		step.kind = opClose
	case n.leaf.output.Constant:
		text, err := w.appendConst(lit, n.leaf.output)
		if err != nil {
			w.faults = append(w.faults, n.leaf.output.Fault(err))
		}
		step.kind, step.lit, lit = opConst, w.lits.keep(text), text
	default:
		o := n.leaf.output
		step.kind, step.output = opField, o
		step.quoted = w.lits.keep(append(lit, '"'))
		step.lit = step.quoted[:len(step.quoted)-1]
	}
	w.buf = lit
	w.ops = append(w.ops, step)
}

// appendTo appends the document for src. On error dst is not to be used.
//
// The closing quote of a text waits until it is known what follows: mostly that
// is the next text, and all that stands between the two goes out in one piece.
func (l *layout) appendTo(dst []byte, src mapping.Source) ([]byte, error) {
	dst = append(dst, bracket(l.isArray, '[', '{'))
	first := true    // nothing is in the container yet: no comma
	waits := false   // a closing quote does
	slots := l.slots // spares a bounds check
	var r reader
	r.open(src)
	for i := range slots {
		if i%ahead == 0 {
			r.read(l.fields[i:])
		}
		v := r.values[i%ahead]
		f := &slots[i]
		s, isText := v.(string) // as most are
		if waits && isText {
			dst = plainJSON.append(append(dst, f.joint...), s)
			continue
		}
		if v == nil && f.skips {
			continue
		}
		_, isTime := v.(time.Time)
		var err error
		switch o := &l.ops[f.to]; {
		case waits && isTime:
			dst, err = mapping.AppendText(append(dst, f.joint...), v)
		case isText || isTime:
			dst, first = l.steps(dst, f.from, f.to, first)
			if dst = appendLit(dst, o.quoted, first); isText {
				dst = plainJSON.append(dst, s)
			} else {
				dst, err = mapping.AppendText(dst, v)
			}
			waits, first = true, false
		default:
			if waits {
				dst = append(dst, '"')
			}
			dst, first = l.steps(dst, f.from, f.to, first)
			waits = false
			dst, first, err = o.appendValue(dst, v, first, l.missing)
		}
		if err != nil {
			return dst, valueError(l.ops[f.to].output, v, err)
		}
	}
	if waits {
		dst = append(dst, '"')
	}
	end := 0
	if n := len(slots); n > 0 {
		end = slots[n-1].to + 1
	}
	dst, _ = l.steps(dst, end, len(l.ops), first)
	if l.isArray {
		dst = trimNulls(dst, l.missing)
	}
	return append(dst, bracket(l.isArray, ']', '}')), nil
}

// steps takes the steps from ops[from] to before ops[to], none of them a field.
func (l *layout) steps(dst []byte, from, to int, first bool) ([]byte, bool) {
	for i := from; i < to; i++ {
		o := &l.ops[i]
		if o.kind == opClose {
			dst, first = l.close(dst, o, l.missing)
			continue
		}
		dst = appendLit(dst, o.lit, first)
		first = o.kind == opOpen
	}
	return dst, first
}

// appendValue appends a value that is no string. It is apart from appendTo so
// that the loop there stays small.
func (o *op) appendValue(dst []byte, v any, first bool, missing Missing) ([]byte, bool, error) {
	start := len(dst)
	dst = appendLit(dst, o.lit, first)
	dst, written, err := appendJSON(dst, v, 0)
	switch {
	case err != nil || written:
	case missing == Empty:
		dst = append(dst, `""`...)
	case missing == Null || o.inArray:
		dst = append(dst, "null"...)
	default:
		return dst[:start], first, nil
	}
	return dst, false, err
}

// close ends a container, or takes it back where it holds nothing. No value
// ends with an opening bracket or a comma, so the last byte tells where it was.
func (l *layout) close(dst []byte, o *op, missing Missing) (_ []byte, first bool) {
	if o.isArray {
		dst = trimNulls(dst, missing)
	}
	if dst[len(dst)-1] != bracket(o.isArray, '[', '{') {
		return append(dst, bracket(o.isArray, ']', '}')), false
	}
	if o.inArray { // its place must stay
		return append(dst[:len(dst)-1], "null"...), false
	}
	dst = dst[:len(dst)-len(o.lit)+1]
	if dst[len(dst)-1] == ',' {
		return dst[:len(dst)-1], false
	}
	return dst, true
}

// appendLit appends lit, without its comma where it is the first of its
// container.
func appendLit(dst []byte, lit string, first bool) []byte {
	if first {
		lit = lit[1:]
	}
	return append(dst, lit...)
}

// trimNulls drops the nulls at an array's end, which stand for absent values;
// nulls that were asked for stay. No value of an array's own element ends with
// a bare null: lists, maps and structs end with a bracket.
func trimNulls(dst []byte, missing Missing) []byte {
	if missing == Null {
		return dst
	}
	for {
		rest, ok := bytes.CutSuffix(dst, []byte("null"))
		switch {
		case !ok:
			return dst
		case rest[len(rest)-1] == ',':
			dst = rest[:len(rest)-1]
		case rest[len(rest)-1] == '[':
			return rest
		default:
			return dst
		}
	}
}

func bracket(array bool, a, o byte) byte {
	if array {
		return a
	}
	return o
}
