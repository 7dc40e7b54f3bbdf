package encode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/topprovider/leadhook/mapping"
)

// maxNesting bounds how deep a value may nest: in Go a list can hold itself.
const maxNesting = 500

func appendJSONConst(dst []byte, o *mapping.Output) ([]byte, error) {
	// A constant has a value, but its MarshalJSON may still say null.
	return appendElement(dst, o.Value, 0)
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
	case *time.Time: // before json.Marshaler, which it has from time.Time
		if t == nil {
			return dst, false, nil
		}
		return appendJSON(dst, *t, depth)
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

// stringMap copies a map whose keys are strings, so that its values are written
// as leads' values are, not as encoding/json would.
func stringMap(v any) (map[string]any, bool) {
	r := reflect.ValueOf(v)
	if r.Type().Key().Kind() != reflect.String {
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
	dst = append(dst, '{')
	last := ""
	for i, key := range slices.Sorted(maps.Keys(m)) {
		// Keys that differ in bytes which are no UTF-8 become one; a parser must
		// not have to choose.
		name := string([]rune(key))
		if i > 0 && name == last {
			continue
		}
		if last = name; i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, name), ':')
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
	if !utf8.Valid(text) { // raw JSON of the host's
		text = []byte(string([]rune(string(text))))
	}
	return append(dst, lineEnds.Replace(string(text))...), true, nil
}

// lineEnds escapes what encoding/json leaves alone in raw JSON. Outside of
// strings JSON has neither.
var lineEnds = strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`)

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
