package encode

import (
	"strings"
	"unicode/utf8"
)

// A charset says which ASCII stands for itself in a format: all from the space
// on, but for two or three characters.
type charset struct {
	plain [256]bool // what stands for itself, perhaps more of it than look knows

	// For eight bytes at a time: b is special where b^fold is below 0x21, as
	// control characters and one more are, or where b|or is a. Each has its byte
	// eight times.
	fold, or, a uint64
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

func newCharset(special, more string, fold, or, a byte) *charset {
	set := &charset{fold: ones * uint64(fold), or: ones * uint64(or), a: ones * uint64(a)}
	for b := byte(' '); b < utf8.RuneSelf; b++ {
		set.plain[b] = strings.IndexByte(special, b) < 0
	}
	for i := range len(more) {
		set.plain[more[i]] = true
	}
	return set
}

var (
	plainJSON = newCharset(`"\`, "", '"'^' ', 0, '\\')
	plainXML  = newCharset("<>&", "\t\n", '&'^' ', '<'^'>', '>')
)

// append appends s, escaped. Most text is ASCII that stands for itself: it looks
// at eight bytes at a time, the last eight overlapping those before, and decides
// once; beside a look-up for each byte that makes a whole encoder a quarter faster.
func (set *charset) append(dst []byte, s string) []byte {
	var other uint64
	switch {
	case len(s) >= 8:
		other = set.look(word(s[len(s)-8:]))
		for rest := s; len(rest) > 8; rest = rest[8:] {
			other |= set.look(word(rest))
		}
	case len(s) >= 4:
		other = set.look(half(s) | half(s[len(s)-4:])<<32)
	default:
		for i := range len(s) {
			if !set.plain[s[i]] {
				other = tops
			}
		}
	}
	if other&tops != 0 {
		return set.escape(dst, s)
	}
	return append(dst, s...)
}

// escape is append for text that may have something to escape.
func (set *charset) escape(dst []byte, s string) []byte {
	if set == plainXML {
		return escapeXMLText(dst, s)
	}
	return escapeJSONText(dst, s)
}

// look returns a word in which a byte's top bit is 0 where none of w's bytes is
// below 0x20, one of the two or three special characters or beyond ASCII.
func (set *charset) look(w uint64) uint64 {
	return w | (w ^ set.fold - ones*0x21) | ((w | set.or) ^ set.a - ones)
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

// pair reports whether a UTF-8 sequence of two bytes starts at s[i], as most
// letters of Europe are. It and triple are inlined, unlike
// utf8.DecodeRuneInString; leads whose message is Russian or Chinese are an
// eighth faster for that.
func pair(s string, i uint) bool {
	return i+1 < uint(len(s)) && 0xC2 <= s[i] && s[i] <= 0xDF && s[i+1]&0xC0 == 0x80
}

// triple reports whether a sequence of three bytes starts at s[i], as most of
// East Asia's characters are. JSON and XML escape none of those it knows.
func triple(s string, i uint) bool {
	return i+2 < uint(len(s)) && 0xE3 <= s[i] && s[i] <= 0xEC && s[i+1]&s[i+2]&0x80 != 0 && (s[i+1]|s[i+2])&0x40 == 0
}

// skip returns the place of the next byte of s, from there on, that may not stand
// for itself. Each of its loops lasts as long as its kind of character does, and
// the first takes eight bytes at a time: leads whose long message has quotes and
// line ends in it are a quarter faster for that.
func (set *charset) skip(s string, from int) int {
	i := uint(from) // spares bounds checks
	for i+8 <= uint(len(s)) && set.look(word(s[i:]))&tops == 0 {
		i += 8
	}
	for start := i; ; start = i {
		for i < uint(len(s)) && set.plain[s[i]] {
			i++
		}
		for pair(s, i) {
			i += 2
		}
		for triple(s, i) {
			i += 3
		}
		if i == start {
			return int(i)
		}
	}
}
