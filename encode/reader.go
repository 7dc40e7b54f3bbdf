package encode

import "github.com/topprovider/leadhook/mapping"

// A reader looks up a lead's values.
type reader struct {
	src  mapping.Source // nil: no value
	lead mapping.Lead   // has src's values; nil: src is to be asked
}

func (r *reader) open(src mapping.Source) {
	r.src = src
	r.lead, _ = src.(mapping.Lead)
}

func (r *reader) value(field string) any {
	if r.lead == nil {
		return valueOf(r.src, field)
	}
	return r.lead[field]
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
