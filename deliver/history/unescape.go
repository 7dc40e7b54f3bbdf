package history

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape returns what an escape at the beginning of s stands for, and its
// length; 0 where there is none. A negative rune is a byte of a UTF-8 sequence.
func unescape(s []byte) (r rune, n int) {
	switch s[0] {
	case '\\':
		return unescapeJSON(s)
	case '%':
		if b, ok := hexadecimal(s, 1, 2); ok {
			return -rune(b), 3
		}
	case '&':
		end := bytes.IndexByte(s[:min(len(s), 12)], ';')
		if end < 0 {
			return 0, 0
		}
		reference := string(s[:end+1])
		plain := html.UnescapeString(reference)
		if r, size := utf8.DecodeRuneInString(plain); plain != reference && size == len(plain) {
			return r, end + 1
		}
	}
	return 0, 0
}

// unescapeJSON takes what JSON, JavaScript and PHP have: \", \/, \n, \u00fc, \xfc.
func unescapeJSON(s []byte) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch c := s[1]; c {
	case '"', '\\', '/', '\'':
		return rune(c), 2
	case 'b', 'f', 'n', 'r', 't':
		return ' ', 2
	case 'x':
		if b, ok := hexadecimal(s, 2, 2); ok {
			return rune(b), 4
		}
	case 'u':
		high, ok := hexadecimal(s, 2, 4)
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(rune(high)) {
			return rune(high), 6
		}
		if low, ok := hexadecimal(s, 8, 4); ok && s[6] == '\\' && s[7] == 'u' {
			return utf16.DecodeRune(rune(high), rune(low)), 12
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

func hexadecimal(s []byte, from, digits int) (uint64, bool) {
	if len(s) < from+digits {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s[from:from+digits]), 16, 32)
	return v, err == nil
}
