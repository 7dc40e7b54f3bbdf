package history

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/topprovider/leadhook/deliver"
)

// mask stands in for what is not kept.
const mask = "***"

// A masker replaces what must not be kept wherever a text repeats it. It looks
// at what a text means and not at how it is spelt: JSON's escapes, HTML's
// character references and percent-encoding are decoded first, as often as they
// are nested, and letters compared without case.
type masker struct {
	req    *deliver.Request // nil once it was looked into, which only a text makes worth it
	hidden []hidden         // the longest first
	all    bool             // there is too much to look for: nothing may be kept
}

// A hidden text is folded, and has what it takes to find its beginnings fast:
// for each length of one, the longest shorter one that it ends in (Knuth, Morris
// and Pratt).
type hidden struct {
	text  []byte
	falls []int
}

func newHidden(text []byte) hidden {
	h := hidden{text, make([]int, len(text)+1)}
	for i, n := 1, 0; i < len(text); i++ {
		for n > 0 && text[i] != text[n] {
			n = h.falls[n]
		}
		if text[i] == text[n] {
			n++
		}
		h.falls[i+1] = n
	}
	return h
}

const (
	// minMasked is the least length of a text that is found within others. Two or
	// three bytes are found as a word of their own, one is not looked for.
	minMasked = 4
	// These bound what is looked for, and so the time that it takes. Of a text
	// that is longer than any answer its beginning serves.
	maxHidden     = 1000
	maxHiddenSize = 64 << 10 // of all together
	longest       = 8 << 10
	// maxEscape is how long a part of an escape can be at a text's end.
	maxEscape = 16
	// minSegment is the least length of a part of a URL's path that can be a key.
	minSegment = 10
)

// prepare hides the values of sensitive fields, those of headers, the secrets,
// and the URL's path and query.
func (m *masker) prepare() {
	req := m.req
	if req == nil {
		return
	}
	m.req = nil
	d := &req.Destination
	texts := slices.Concat(req.Sensitive, d.Secrets)
	for name, values := range d.Header {
		for _, v := range values {
			texts = append(texts, v)
			switch scheme, rest, _ := strings.Cut(v, " "); {
			case strings.EqualFold(name, "Cookie"):
				for pair := range strings.SplitSeq(v, ";") {
					_, value, _ := strings.Cut(pair, "=")
					texts = append(texts, strings.TrimSpace(value))
				}
			case rest != "": // Bearer …, Basic …
				texts = append(texts, rest)
				if user, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
					name, password, _ := strings.Cut(string(user), ":")
					texts = append(texts, string(user), name, password)
				}
			}
		}
	}
	if u, err := url.Parse(d.URL); err == nil {
		if len(u.Path) > minMasked {
			texts = append(texts, u.Path)
		}
		for segment := range strings.SplitSeq(u.Path, "/") {
			if len(segment) >= minSegment {
				texts = append(texts, segment)
			}
		}
		texts = append(texts, u.RawQuery)
		for pair := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
			_, value, found := strings.Cut(pair, "=")
			if !found {
				value = pair
			}
			texts = append(texts, value)
		}
	}
	if m.all = len(texts) > maxHidden; m.all {
		return
	}
	var folded [][]byte
	size := 0
	for _, s := range texts {
		// Receivers take the space off that stands around a value.
		if text := bytes.TrimSpace(fold([]byte(s[:min(len(s), longest)])).text); len(text) > 1 {
			folded = append(folded, text)
			size += len(text)
		}
		if m.all = size > maxHiddenSize; m.all {
			return
		}
	}
	slices.SortFunc(folded, func(a, b []byte) int { return cmp.Or(len(b)-len(a), bytes.Compare(a, b)) })
	for _, text := range slices.CompactFunc(folded, bytes.Equal) {
		m.hidden = append(m.hidden, newHidden(text))
	}
}

func (m *masker) text(s string) string { return string(m.bytes([]byte(s))) }

// bytes returns s with *** in place of what is hidden. s may have been cut off in
// the middle of that.
func (m *masker) bytes(s []byte) []byte {
	if len(s) == 0 {
		return nil
	}
	if m.prepare(); m.all {
		return []byte(mask)
	}
	f := fold(s)
	covered := make([]bool, len(f.text))
	any := false
	cover := func(from, to int) {
		any = true
		for i := from; i < to; i++ {
			covered[i] = true
		}
	}
	for _, h := range m.hidden {
		upTo := 0 // so far this text is covered
		for from := 0; from+len(h.text) <= len(f.text); {
			i := bytes.Index(f.text[from:], h.text)
			if i < 0 {
				break
			}
			at := from + i
			if end := at + len(h.text); len(h.text) >= minMasked || f.isWord(at, end) {
				cover(max(at, upTo), end)
				upTo = end
			}
			from = at + 1
		}
	}
	if from := m.cut(f.text); from < len(f.text) {
		cover(from, len(f.text))
	}
	if !any {
		return bytes.Clone(s)
	}
	var out []byte
	for i := 0; i < len(f.text); i++ {
		if !covered[i] {
			if i == 0 || covered[i-1] || f.at[i] != f.at[i-1] {
				out = append(out, s[f.at[i]:f.end(i)]...)
			}
			continue
		}
		if i == 0 || !covered[i-1] {
			out = append(out, mask...)
		}
	}
	return out
}

// cut returns where in text begins what is the beginning of something hidden, as
// long as it can be; the text's end where nothing is. An escape may be cut off as
// well, so what could be the beginning of one is looked before.
func (m *masker) cut(text []byte) (from int) {
	from = len(text)
	ends := make([]bool, len(text)+1) // where the text may have been cut off
	ends[len(text)] = true
	for end := max(0, len(text)-maxEscape); end < len(text); end++ {
		ends[end] = text[end] == '&' || text[end] == '%' || text[end] == '\\' || text[end] >= utf8.RuneSelf
	}
	for _, h := range m.hidden {
		n := 0 // so much of h ends here
		for i := max(0, len(text)-len(h.text)-maxEscape); i < len(text); i++ {
			for n == len(h.text) || n > 0 && text[i] != h.text[n] {
				n = h.falls[n]
			}
			if text[i] == h.text[n] {
				n++
			}
			if n >= minMasked && ends[i+1] {
				from = min(from, i+1-n)
			}
		}
	}
	return from
}

func (m *masker) outcome(o deliver.Outcome) deliver.Outcome {
	o.Reason, o.Reference, o.Price = m.text(o.Reason), m.text(o.Reference), m.text(o.Price)
	return o
}

// A folded text is what a text means, and where each byte of that stands.
type folded struct {
	text []byte
	at   []int // offsets into the original; one more than text has bytes
}

// end is where, in the original, that ends which became text[i].
func (f *folded) end(i int) int {
	for j := i + 1; j < len(f.at); j++ {
		if f.at[j] != f.at[i] {
			return f.at[j]
		}
	}
	return f.at[len(f.at)-1]
}

func (f *folded) isWord(from, to int) bool {
	letter := func(i int) bool {
		return i >= 0 && i < len(f.text) && (f.text[i] >= utf8.RuneSelf || '0' <= f.text[i] && f.text[i] <= '9' || 'a' <= f.text[i] && f.text[i] <= 'z')
	}
	return !letter(from-1) && !letter(to)
}

// maxNesting is how often what is decoded is decoded once more: JSON in JSON, in
// a URL, in HTML.
const maxNesting = 4

func fold(s []byte) *folded {
	f := &folded{text: s, at: identity(s)}
	if isPlain(s) {
		f.text = bytes.ToLower(s)
		return f
	}
	return f.long()
}

func identity(s []byte) []int {
	at := make([]int, len(s)+1)
	for i := range at {
		at[i] = i
	}
	return at
}

// long folds step by step.
func (f *folded) long() *folded {
	for range maxNesting {
		next, changed := f.decode()
		if !changed {
			break
		}
		f = next
	}
	return f.lower()
}

// isPlain reports whether case is all that folding s takes off, as it mostly is.
func isPlain(s []byte) bool {
	for i, c := range s {
		if c < ' ' || c > '~' || c == '\\' || c == '%' || c == '&' || c == '+' || c == ' ' && i > 0 && s[i-1] == ' ' {
			return false
		}
	}
	return true
}

// decode undoes one level of escapes, whichever there are.
func (f *folded) decode() (next *folded, changed bool) {
	next = &folded{text: make([]byte, 0, len(f.text)), at: make([]int, 0, len(f.at))}
	var buf [utf8.UTFMax]byte
	for i := 0; i < len(f.text); {
		r, n := unescape(f.text[i:])
		plain := f.text[i : i+max(n, 1)]
		if n > 0 {
			changed = true
			plain = buf[:utf8.EncodeRune(buf[:], r)]
			if r < 0 { // a byte of its own
				plain = append(buf[:0], byte(-r))
			}
		}
		for range plain {
			next.at = append(next.at, f.at[i])
		}
		next.text = append(next.text, plain...)
		i += max(n, 1)
	}
	next.at = append(next.at, f.at[len(f.text)])
	return next, changed
}

// lower takes case off, and what differs in the way from one system to the
// next: control characters and the plus of forms are spaces, and one space is as
// good as several.
func (f *folded) lower() *folded {
	next := &folded{text: make([]byte, 0, len(f.text)), at: make([]int, 0, len(f.at))}
	for i := 0; i < len(f.text); {
		r, n := utf8.DecodeRune(f.text[i:])
		plain := f.text[i : i+n]
		switch {
		case r <= ' ' || r == 0x7F || r == '+' || r == '\u00A0':
			plain = []byte{' '}
			if len(next.text) > 0 && next.text[len(next.text)-1] == ' ' {
				plain = nil
			}
		case r != utf8.RuneError:
			plain = []byte(strings.ToLower(string(r)))
		}
		for range plain {
			next.at = append(next.at, f.at[i])
		}
		next.text = append(next.text, plain...)
		i += n
	}
	next.at = append(next.at, f.at[len(f.text)])
	return next
}
