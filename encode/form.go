package encode

import (
	"errors"
	"unicode/utf8"

	"github.com/topprovider/leadhook/mapping"
)

type formEncoder struct{ flat flat }

func newForm(outputs []mapping.Output, o *Options) (Encoder, error) {
	e := &formEncoder{flat{sep: "&", escape: escapeForm, keepEmpty: true, missing: o.Missing}}
	switch o.Lists {
	case Indices:
		e.flat.list = listIndexed
	case Comma:
		e.flat.list = listComma
	case Semicolon:
		e.flat.list = listSemicolon
	}
	for _, out := range outputs {
		name := string(appendForm(nil, out.Name))
		f := e.flat.add(out, name+"=", "")
		switch o.Lists {
		case Brackets:
			f.list = name + "%5B%5D="
		case Indices:
			f.list = name + "%5B"
		}
	}
	if faults := e.flat.addConstants(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return e, nil
}

func (e *formEncoder) ContentType() string { return "application/x-www-form-urlencoded" }

func (e *formEncoder) Append(dst []byte, src mapping.Source) ([]byte, error) {
	out, err := e.flat.appendTo(dst, present(src))
	if err != nil {
		return dst, err
	}
	return out, nil
}

// plainForm has the bytes that the WHATWG's application/x-www-form-urlencoded
// percent-encode set leaves alone.
var plainForm = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' ||
			c == '*' || c == '-' || c == '.' || c == '_'
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

// appendForm appends s as the WHATWG's urlencoded serializer does.
func appendForm(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainForm[c] {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		size := 1
		switch {
		case c == ' ':
			dst = append(dst, '+')
		case c < utf8.RuneSelf:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		default:
			_, size = utf8.DecodeRuneInString(s[i:])
			if size == 1 {
				dst = append(dst, "%EF%BF%BD"...) // U+FFFD
				break
			}
			for _, c := range []byte(s[i : i+size]) {
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			}
		}
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}
