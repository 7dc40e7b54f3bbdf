package encode

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// An escape names how a format writes text. It is no function value, since what
// goes into one of those escapes to the heap.
type escape uint8

const (
	escapeXML escape = iota
	escapeForm
	escapeJSON
)

func (e escape) append(dst []byte, s string) []byte {
	// Most text stands for itself. What escapes the rest is called, and not a
	// part of this function, since saving registers for it would cost every text.
	switch e {
	case escapeXML:
		if !plainXML.ascii(s) {
			return escapeXMLText(dst, s)
		}
	case escapeJSON:
		if !plainJSON.ascii(s) {
			return escapeJSONText(dst, s)
		}
	case escapeForm:
		return appendForm(dst, s)
	}
	return append(dst, s...)
}

const (
	hex      = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// A charset says which ASCII stands for itself in a format: all from the space
// on, but for two or three characters.
type charset struct {
	plain [256]bool // what stands for itself, perhaps more of it than look knows

	// For eight bytes at a time: a byte b is special where b|or is a, or where b
	// is c. Each has the byte eight times.
	or, a, c uint64
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

func newCharset(special, more string, or, a, c byte) *charset {
	set := &charset{or: ones * uint64(or), a: ones * uint64(a), c: ones * uint64(c)}
	for b := byte(' '); b < utf8.RuneSelf; b++ {
		set.plain[b] = strings.IndexByte(special, b) < 0
	}
	for i := range len(more) {
		set.plain[more[i]] = true
	}
	return set
}

var (
	plainJSON = newCharset(`"\`, "", 0, '"', '\\')
	plainXML  = newCharset("<>&", "\t\n", '<'^'>', '>', '&')
)

// ascii reports whether s is ASCII that stands for itself. It looks at eight
// bytes at a time, the last eight overlapping those before, and decides once;
// beside a look-up for each byte that makes a whole encoder a quarter faster.
func (set *charset) ascii(s string) bool {
	var other uint64
	switch {
	case len(s) >= 8:
		other = set.look(word(s[len(s)-8:]))
		for ; len(s) > 8; s = s[8:] {
			other |= set.look(word(s))
		}
	case len(s) >= 4:
		other = set.look(half(s) | half(s[len(s)-4:])<<32)
	default:
		for i := range len(s) {
			if !set.plain[s[i]] {
				return false
			}
		}
	}
	return other&tops == 0
}

// look returns a word in which a byte's top bit is 0 where none of w's bytes is
// below 0x20, one of the two or three special characters or beyond ASCII.
func (set *charset) look(w uint64) uint64 {
	return w | (w - ones*' ') | ((w | set.or) ^ set.a - ones) | (w ^ set.c - ones)
}

// word loads eight bytes, in one instruction.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// pair reports whether s starts with a UTF-8 sequence of two bytes, as most
// letters of Europe are. It and triple are inlined, unlike
// utf8.DecodeRuneInString; leads whose message is Russian or Chinese are an
// eighth faster for that.
func pair(s string) bool {
	return len(s) > 1 && 0xC2 <= s[0] && s[0] <= 0xDF && s[1]&0xC0 == 0x80
}

// triple reports whether s starts with a sequence of three bytes, as most of
// East Asia's characters are. JSON and XML escape none of those it knows.
func triple(s string) bool {
	return len(s) > 2 && 0xE3 <= s[0] && s[0] <= 0xEC && s[1]&s[2]&0x80 != 0 && (s[1]|s[2])&0x40 == 0
}

// skip returns the place of the next byte of s, from i on, that may not stand for
// itself.
func (set *charset) skip(s string, i int) int {
	for i < len(s) {
		switch {
		case set.plain[s[i]]:
			i++
		case pair(s[i:]):
			i += 2
		case triple(s[i:]):
			i += 3
		default:
			return i
		}
	}
	return i
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends what stands between the quotes of a JSON string:
// UTF-8 as it is, invalid bytes as U+FFFD, U+2028 and U+2029 escaped, since
// they end a line in JavaScript.
func appendEscaped(dst []byte, s string) []byte {
	if plainJSON.ascii(s) {
		return append(dst, s...)
	}
	return escapeJSONText(dst, s)
}

func escapeJSONText(dst []byte, s string) []byte {
	start := 0
	for i := plainJSON.skip(s, 0); i < len(s); i = plainJSON.skip(s, i) {
		c := s[i]
		if c >= utf8.RuneSelf {
			_, size := utf8.DecodeRuneInString(s[i:])
			if size == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			} else if c == 0xE2 && s[i+1] == 0x80 && s[i+2]&^1 == 0xA8 { // U+2028, U+2029
				dst = append(append(dst, s[start:i]...), `\u202`...)
				dst = append(dst, hex[s[i+2]&15])
				start = i + 3
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

// escapeXMLText appends the text of an element. CR is escaped, since a parser
// would make it LF (XML 1.0 §2.11), and > too, for the sake of ]]>. What the
// production Char (§2.2) leaves out becomes U+FFFD.
func escapeXMLText(dst []byte, s string) []byte {
	start := 0
	for i := plainXML.skip(s, 0); i < len(s); i = plainXML.skip(s, i) {
		c := s[i]
		replacement, size := "\uFFFD", 1
		switch {
		case c == '<':
			replacement = "&lt;"
		case c == '>':
			replacement = "&gt;"
		case c == '&':
			replacement = "&amp;"
		case c == '\r':
			replacement = "&#xD;"
		case c >= utf8.RuneSelf:
			_, size = utf8.DecodeRuneInString(s[i:])
			if r := s[i : i+size]; size > 1 && r != "\uFFFE" && r != "\uFFFF" {
				i += size
				continue
			}
		}
		dst = append(append(dst, s[start:i]...), replacement...)
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}

// formByte has what each byte becomes, 0 for %XX: the WHATWG's
// application/x-www-form-urlencoded percent-encode set leaves some alone, and a
// space is a plus.
var formByte = func() (t [256]byte) {
	for c := range t {
		if '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte("*-._", byte(c)) >= 0 {
			t[c] = byte(c)
		}
	}
	t[' '] = '+'
	return t
}()

// appendForm appends s as the WHATWG's urlencoded serializer does.
func appendForm(dst []byte, s string) []byte {
	// Room is made once: most values have characters to escape, so that copying
	// runs of plain ones would not pay.
	n := len(dst)
	dst = slices.Grow(dst, 3*len(s))
	dst = dst[:cap(dst)]
	checked := false
	for i := range len(s) {
		c := s[i]
		if b := formByte[c]; b != 0 {
			dst[n] = b
			n++
			continue
		}
		if c >= utf8.RuneSelf && !checked {
			if !utf8.ValidString(s) {
				return appendForm(dst[:n], string([]rune(s[i:]))) // each invalid byte becomes U+FFFD
			}
			checked = true
		}
		dst[n], dst[n+1], dst[n+2] = '%', upperHex[c>>4], upperHex[c&15]
		n += 3
	}
	return dst[:n]
}
