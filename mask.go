package leadhook

import (
	"encoding/json"
	"net/url"

	"github.com/topprovider/leadhook/encode"
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
	absent bool      // they are left out instead
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
	if m.absent {
		return nil, false
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
		if text, err := mapping.AppendText(nil, v); err == nil {
			if len(text) > 0 {
				*m.texts = append(*m.texts, string(text))
			}
			return
		}
		// A map or a struct: what JSON makes of it.
		var plain any
		if text, err := json.Marshal(v); err == nil && json.Unmarshal(text, &plain) == nil && !isScalar(plain) {
			m.collect(plain)
		}
	}
}

func isScalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// encodeMasked encodes src for e without its sensitive values.
func (e *endpoint) encodeMasked(src mapping.Source, size int) (body []byte, texts []string) {
	body, err := e.masker.Append(make([]byte, 0, size+size/4), masked{Source: src, fields: e.sensitive, texts: &texts})
	if err != nil { // where only a time can stand, such as HubSpot's submittedAt
		body, _ = e.masker.Append(make([]byte, 0, size), masked{Source: src, fields: e.sensitive, texts: &texts, absent: true})
	}
	return body, texts
}

// withoutSecrets returns options whose WebhookURL, which goes out as a part of the
// payload, has no path and no query.
func withoutSecrets(o encode.Options) encode.Options {
	if u, err := url.Parse(o.WebhookURL); err == nil && o.WebhookURL != "" {
		o.WebhookURL = u.Scheme + "://" + u.Host + "/" + mask
	}
	return o
}
