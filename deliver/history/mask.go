package history

import (
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/topprovider/leadhook/deliver"
)

// mask stands in for what is not kept.
const mask = "***"

// minMasked is the least length of a text that is looked for in answers: a
// shorter one says nothing, and would be found everywhere.
const minMasked = 4

// masker replaces what must not be kept wherever an answer repeats it: the values
// of sensitive fields, of headers and of the URL's query, and the secrets.
func masker(req *deliver.Request) []string {
	d := &req.Destination
	texts := slices.Concat(req.Sensitive, d.Secrets)
	for _, values := range d.Header {
		for _, v := range values {
			texts = append(texts, v)
			if _, token, ok := strings.Cut(v, " "); ok { // Bearer …
				texts = append(texts, token)
			}
		}
	}
	if u, err := url.Parse(d.URL); err == nil && u.RawQuery != "" {
		texts = append(texts, u.RawQuery)
		for _, values := range u.Query() {
			texts = append(texts, values...)
		}
	}
	var hidden []string
	for _, s := range texts {
		if len(s) < minMasked {
			continue
		}
		quoted, _ := json.Marshal(s)
		hidden = append(hidden, s, string(quoted[1:len(quoted)-1]), url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s))
	}
	// The longest first: a part of it may be another.
	slices.SortFunc(hidden, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(hidden)
}

func maskText(hidden []string, s string) string {
	for _, h := range hidden {
		s = strings.ReplaceAll(s, h, mask)
	}
	return s
}

// maskAnswer masks a text that may have been cut off in the middle of a value.
func maskAnswer(hidden []string, body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	s := maskText(hidden, string(body))
	for _, h := range hidden {
		for n := min(len(h)-1, len(s)); n >= minMasked; n-- {
			if strings.HasSuffix(s, h[:n]) {
				return []byte(s[:len(s)-n] + mask)
			}
		}
	}
	return []byte(s)
}

func maskOutcome(hidden []string, o deliver.Outcome) deliver.Outcome {
	o.Reason, o.Reference, o.Price = maskText(hidden, o.Reason), maskText(hidden, o.Reference), maskText(hidden, o.Price)
	return o
}
