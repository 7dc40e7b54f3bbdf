package leadhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"

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
	found  *found
	absent bool // they are left out instead
}

// found is what was masked.
type found struct {
	texts []string
	deep  bool // something has texts inside that only JSON shows
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
	if _, raw := v.(json.RawMessage); raw {
		m.found.deep = true
	} else {
		m.found.collect(resolved)
	}
	return mask, true
}

// collect keeps the texts of a value as payloads have them.
func (f *found) collect(v any) {
	switch v := v.(type) {
	case string:
		f.texts = append(f.texts, v)
	case []string:
		f.texts = append(f.texts, v...)
	case []any:
		for _, element := range v {
			f.collect(element)
		}
	default:
		text, err := mapping.AppendText(nil, v)
		if f.deep = f.deep || err != nil; len(text) > 0 { // a map or a struct has no text
			f.texts = append(f.texts, string(text))
		}
	}
}

// collectLeaves keeps the texts that stand in JSON.
func (f *found) collectLeaves(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			f.collectLeaves(member)
		}
	case []any:
		for _, element := range v {
			f.collectLeaves(element)
		}
	case string:
		f.texts = append(f.texts, v)
	case json.Number:
		f.texts = append(f.texts, v.String())
	}
}

// encodeMasked encodes src for e without its sensitive values, and returns their
// texts.
func (e *endpoint) encodeMasked(src mapping.Source) (body []byte, texts []string) {
	f := found{texts: make([]string, 0, len(e.sensitive))}
	m := masked{Source: src, fields: e.sensitive, found: &f}
	body, err := e.masker.Append(nil, m)
	if err != nil { // where only a time can stand, such as HubSpot's submittedAt
		m.absent = true
		body, _ = e.masker.Append(nil, m)
	}
	if f.deep && e.leaves != nil {
		document, err := e.leaves.Append(nil, src)
		d := json.NewDecoder(bytes.NewReader(document))
		d.UseNumber()
		var leaves map[string]any
		if err == nil && d.Decode(&leaves) == nil {
			delete(leaves, mapping.FieldMessageType)
			f.collectLeaves(leaves)
		}
	}
	return body, f.texts
}

// newLeaves returns what encodes the sensitive fields alone, as the payload has
// them: JSON is the only format that takes values with texts inside.
func newLeaves(fields map[string]bool, f encode.Format, c *mapping.Catalog) encode.Encoder {
	if f != encode.JSON || len(fields) == 0 {
		return nil
	}
	var m mapping.Mapping
	for i, field := range slices.Sorted(maps.Keys(fields)) {
		m.Rules = append(m.Rules, mapping.Rule{Field: field, Name: fmt.Sprint("field", i)})
	}
	plan, err := mapping.Compile(m, c)
	if err != nil {
		return nil // it is a part of one that was compiled before
	}
	e, _ := encode.New(f, plan, nil)
	return e
}

// withoutSecrets returns options whose WebhookURL, which goes out as a part of the
// payload, has no path and no query.
func withoutSecrets(o encode.Options) encode.Options {
	if u, err := url.Parse(o.WebhookURL); err == nil && o.WebhookURL != "" {
		o.WebhookURL = u.Scheme + "://" + u.Host + "/" + mask
	}
	return o
}
