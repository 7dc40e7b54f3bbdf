package encode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/topprovider/leadhook/mapping"
)

// maxNesting bounds how deep a value may nest: in Go a list can hold itself.
const maxNesting = 500

func appendJSONConst(dst []byte, o *mapping.Output) ([]byte, error) {
	dst, _, err := appendJSON(dst, o.Value, 0) // a constant is never absent
	return dst, err
}

// appendJSON appends v. written is false for an absent value, which appends
// nothing. depth is how many lists and maps v stands in.
func appendJSON(dst []byte, v any, depth int) (out []byte, written bool, err error) {
	switch t := v.(type) {
	case string:
		return appendString(dst, t), true, nil
	case nil:
		return dst, false, nil
	case int:
		return strconv.AppendInt(dst, int64(t), 10), true, nil
	case int64:
		return strconv.AppendInt(dst, t, 10), true, nil
	case uint64:
		return strconv.AppendUint(dst, t, 10), true, nil
	case bool:
		return strconv.AppendBool(dst, t), true, nil
	case json.Number:
		if !mapping.ValidNumber(string(t)) {
			return dst, false, errors.New("a json.Number that is no number cannot be written")
		}
		return append(dst, t...), true, nil
	case float64:
		dst, err = appendFloat(dst, t, 64)
		return dst, true, err
	case float32:
		dst, err = appendFloat(dst, float64(t), 32)
		return dst, true, err
	case time.Time:
		// v and not t, which would be boxed anew.
		dst, err = mapping.AppendText(append(dst, '"'), v)
		return append(dst, '"'), true, err
	case []string:
		if t == nil {
			return dst, false, nil
		}
		dst = append(dst, '[')
		for i, s := range t {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, s)
		}
		return append(dst, ']'), true, nil
	case []any:
		if t == nil {
			return dst, false, nil
		}
		return appendList(dst, t, depth)
	case map[string]any:
		if t == nil {
			return dst, false, nil
		}
		return appendMap(dst, t, depth)
	}
	return appendOther(dst, v, depth)
}

// appendOther appends what takes reflection to write.
func appendOther(dst []byte, v any, depth int) ([]byte, bool, error) {
	if _, ok := v.(json.Marshaler); ok && !nilPointer(v) {
		return appendMarshaled(dst, v)
	}
	r, err := mapping.Resolve(v)
	if err != nil {
		return dst, false, err
	}
	switch kind := reflect.TypeOf(r); {
	case kind == nil:
		return dst, false, nil
	case kind.Kind() == reflect.Struct && kind != reflect.TypeFor[time.Time]():
		return appendMarshaled(dst, r)
	case kind.Kind() == reflect.Map:
		m, ok := stringMap(r)
		if !ok {
			return appendMarshaled(dst, r)
		}
		return appendMap(dst, m, depth)
	}
	return appendJSON(dst, r, depth)
}

func nilPointer(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// stringMap copies a map whose keys are plain strings, so that its values are
// written as leads' values are, not as encoding/json would.
func stringMap(v any) (map[string]any, bool) {
	r := reflect.ValueOf(v)
	if r.Type().Key() != reflect.TypeFor[string]() {
		return nil, false
	}
	m := make(map[string]any, r.Len())
	for it := r.MapRange(); it.Next(); {
		m[it.Key().String()] = it.Value().Interface()
	}
	return m, true
}

func appendList(dst []byte, list []any, depth int) ([]byte, bool, error) {
	if depth >= maxNesting {
		return dst, false, fmt.Errorf("a list nests more than %d deep", maxNesting)
	}
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendElement(dst, v, depth+1); err != nil {
			return dst, false, err
		}
	}
	return append(dst, ']'), true, nil
}

func appendMap(dst []byte, m map[string]any, depth int) ([]byte, bool, error) {
	if depth >= maxNesting {
		return dst, false, fmt.Errorf("a map nests more than %d deep", maxNesting)
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		var err error
		if dst, err = appendElement(dst, m[key], depth+1); err != nil {
			return dst, false, err
		}
	}
	return append(dst, '}'), true, nil
}

// appendElement appends a value inside a value, where absent is null.
func appendElement(dst []byte, v any, depth int) ([]byte, error) {
	dst, written, err := appendJSON(dst, v, depth)
	if err == nil && !written {
		dst = append(dst, "null"...)
	}
	return dst, err
}

// appendMarshaled leaves v to encoding/json. Its error is not passed on: a
// host's MarshalJSON may quote the value in it.
func appendMarshaled(dst []byte, v any) (out []byte, written bool, err error) {
	defer func() {
		if recover() != nil {
			out, written, err = dst, false, fmt.Errorf("the methods of type %T panic", v)
		}
	}()
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return dst, false, fmt.Errorf("a value of type %T cannot be written as JSON", v)
	}
	text := bytes.TrimSpace(buf.Bytes())
	if string(text) == "null" {
		return dst, false, nil
	}
	return append(dst, text...), true, nil
}

// appendFloat writes as ECMAScript does, and encoding/json after it: with an
// exponent only where the number would be very long.
func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	abs := math.Abs(f)
	small, large := abs < 1e-6, abs >= 1e21
	if bits == 32 {
		small, large = float32(abs) < 1e-6, float32(abs) >= 1e21
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("a float%d that is no finite number cannot be written", bits)
	}
	if abs == 0 || !small && !large {
		return strconv.AppendFloat(dst, f, 'f', -1, bits), nil
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' { // e-07 is e-7
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}

const hex = "0123456789abcdef"

// plainJSON has the bytes that stand for themselves in a JSON string.
var plainJSON = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return t
}()

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends what stands between the quotes of a JSON string:
// UTF-8 as it is, invalid bytes as U+FFFD, U+2028 and U+2029 escaped, since
// they end a line in JavaScript.
func appendEscaped(dst []byte, s string) []byte {
	i := plainRun(s)
	if i == len(s) {
		return append(dst, s...)
	}
	start := 0
	for i < len(s) {
		c := s[i]
		if plainJSON[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			size := runeSize(s[i:])
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

// plainRun counts the bytes at the start of s that stand for themselves in a
// JSON string, eight at a time; the last eight overlap those before.
func plainRun(s string) int {
	if len(s) < 8 {
		for i := range len(s) {
			if !plainJSON[s[i]] {
				return i
			}
		}
		return len(s)
	}
	for i := 0; ; i = min(i+8, len(s)-8) {
		if special := specialBytes(word(s[i:])); special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		if i == len(s)-8 {
			return len(s)
		}
	}
}

// specialBytes sets the top bit of the lowest byte of w that is above 0x7F,
// below 0x20, a quote or a backslash, and none where there is no such byte. A
// borrow can set bits above that one, which do not count.
func specialBytes(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return (w | (w - ones*' ') | (w ^ ones*'"' - ones) | (w ^ ones*'\\' - ones)) & tops
}

// word loads eight bytes, in one instruction.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// runeSize returns the length of the UTF-8 sequence at the start of s, whose
// first byte is not ASCII; 1 for an invalid one.
func runeSize(s string) int {
	if len(s) > 1 && 0xC2 <= s[0] && s[0] <= 0xDF && s[1]&0xC0 == 0x80 { // most letters of Europe
		return 2
	}
	_, size := utf8.DecodeRuneInString(s)
	return size
}
