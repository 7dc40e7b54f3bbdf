package encode

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	hex      = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	return append(plainJSON.append(append(dst, '"'), s), '"')
}

// escapeJSONText appends what stands between the quotes of a JSON string: UTF-8
// as it is, invalid bytes as U+FFFD, U+2028 and U+2029 escaped, since they end a
// line in JavaScript.
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

// formCode has what each byte becomes: in the low three bytes its text, which may
// be longer than what counts, in the top one how many do. The WHATWG's
// application/x-www-form-urlencoded percent-encode set leaves some alone, and a
// space is a plus.
var formCode = func() (t [256]uint32) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte("*-._", byte(c)) >= 0:
			t[c] = 1<<24 | uint32(c)
		case c == ' ':
			t[c] = 1<<24 | '+'
		default:
			t[c] = 3<<24 | uint32(upperHex[c&15])<<16 | uint32(upperHex[c>>4])<<8 | '%'
		}
	}
	return t
}()

// formSize is how many bytes appendForm makes of s.
func formSize(s string) (n int) {
	for i := range len(s) {
		n += int(formCode[s[i]] >> 24)
	}
	return n
}

// appendForm appends s as the WHATWG's urlencoded serializer does.
func appendForm(dst []byte, s string) []byte {
	// Room is made once: most values have characters to escape, so that copying
	// runs of plain ones would not pay. Nor would a branch for each character,
	// which a processor cannot foresee; so four bytes are written for each, and
	// the next overwrites those that do not count.
	n := len(dst)
	room := 3*len(s) + 1
	if cap(dst)-n < room { // mostly it is near its end, and what is needed is less
		room = formSize(s) + 3
	}
	to := slices.Grow(dst, room)
	to = to[:cap(to)]
	var all byte
	for i := range len(s) {
		code := formCode[s[i]]
		binary.LittleEndian.PutUint32(to[n:n+4:n+4], code) // the last 4 spares a computation
		n += int(code >> 24)
		all |= s[i]
	}
	if all >= utf8.RuneSelf && !utf8.ValidString(s) {
		return appendForm(dst, string([]rune(s))) // each invalid byte becomes U+FFFD
	}
	return to[:n]
}
