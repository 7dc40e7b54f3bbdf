package encode

import "github.com/topprovider/leadhook/mapping"

// ahead is how many values are looked up at a time. Look-ups one after the other
// take a third less than with a value written after each.
const ahead = 8

// A reader looks up a lead's values.
type reader struct {
	src    mapping.Source // nil: no value
	lead   mapping.Lead   // has src's values; nil: src is to be asked
	typed  mapping.Source // has messageType's value, where src has not
	values [ahead]any     // of the fields last read
}

// open starts to read src. It is a method, since the values are too many to
// return.
func (r *reader) open(src mapping.Source) {
	r.src = src
	if r.lead, _ = src.(mapping.Lead); r.lead != nil {
		return
	}
	if t, ok := src.(mapping.Typed); ok {
		r.typed, r.src = t, t.Untyped()
		r.lead, _ = r.src.(mapping.Lead)
	}
}

// read looks up as many of fields as there is room for values.
func (r *reader) read(fields []string) {
	fields = fields[:min(len(fields), ahead)]
	if r.lead != nil {
		for i, field := range fields {
			r.values[i] = r.lead[field]
		}
	} else {
		for i, field := range fields {
			r.values[i] = valueOf(r.src, field)
		}
	}
	if r.typed == nil {
		return
	}
	for i, field := range fields {
		if field == mapping.FieldMessageType {
			r.values[i] = valueOf(r.typed, field)
		}
	}
}

// valueOf returns the value of field, nil where there is none.
func valueOf(src mapping.Source, field string) any {
	if src != nil {
		if v, ok := src.Value(field); ok {
			return v
		}
	}
	return nil
}
