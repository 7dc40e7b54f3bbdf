package leadhook

import (
	"github.com/topprovider/leadhook/mapping"
)

// mask stands in for a sensitive value where payloads are kept.
const mask = "***"

// sensitive returns the fields of a plan that the catalog calls sensitive.
func sensitive(p *mapping.Plan, c *mapping.Catalog) map[string]bool {
	var fields map[string]bool
	for _, o := range p.Outputs() {
		if f, ok := c.Lookup(o.Field); ok && f.Sensitive {
			if fields == nil {
				fields = make(map[string]bool)
			}
			fields[o.Field] = true
		}
	}
	return fields
}

// A masked source has *** in place of sensitive values, before anything is
// encoded, so that no format can leak them. What is absent or empty stays so.
type masked struct {
	mapping.Source
	fields map[string]bool
	texts  *[]string // the values that were masked
}

func (m masked) Value(field string) (any, bool) {
	v, ok := m.Source.Value(field)
	if !ok || !m.fields[field] {
		return v, ok
	}
	resolved, err := mapping.Resolve(v)
	if resolved == nil && err == nil || resolved == "" {
		return v, ok
	}
	m.collect(resolved)
	return mask, true
}

// collect keeps the texts of a value.
func (m masked) collect(v any) {
	switch v := v.(type) {
	case []string:
		*m.texts = append(*m.texts, v...)
	case []any:
		for _, element := range v {
			m.collect(element)
		}
	case map[string]any:
		for _, element := range v {
			m.collect(element)
		}
	default:
		if text, err := mapping.AppendText(nil, v); err == nil && len(text) > 0 {
			*m.texts = append(*m.texts, string(text))
		}
	}
}
