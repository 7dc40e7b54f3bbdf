package mapping

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// maxPointers bounds how many pointers Resolve follows: in Go a pointer can
// point at itself.
const maxPointers = 16

// Resolve reduces a value to what encoders know how to write. It returns one of
// nil (absent), string, bool, int64, uint64, float32, float64, [json.Number],
// [time.Time], []string, []any (any other list), or a map or a struct as it
// was. Named types, pointers, [encoding.TextMarshaler] and [fmt.Stringer] are
// gone then, at the top; the elements of lists are left as they are.
//
// A value that nothing can write is an error that names its type, and so is a
// method of the value that fails or panics.
func Resolve(v any) (resolved any, err error) {
	// A host's own String or MarshalText must not take down the delivery of
	// every other endpoint.
	defer func() {
		if r := recover(); r != nil {
			resolved, err = nil, fmt.Errorf("the methods of type %T panic", v)
		}
	}()
	return resolve(v)
}

func resolve(v any) (any, error) {
	original := v
	for range maxPointers {
		switch v := v.(type) {
		case nil, string, bool, int64, uint64, float32, float64, json.Number, time.Time:
			return v, nil
		case []byte:
			if v == nil {
				return nil, nil
			}
			return string(v), nil
		case []string:
			if v == nil {
				return nil, nil
			}
			return v, nil
		case []any:
			if v == nil {
				return nil, nil
			}
			return v, nil
		}
		r := reflect.ValueOf(v)
		switch r.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			if r.IsNil() {
				return nil, nil
			}
		}
		switch v := v.(type) {
		case *time.Time: // before TextMarshaler, which it has from time.Time
			return *v, nil
		case *json.Number:
			return *v, nil
		case encoding.TextMarshaler:
			text, err := v.MarshalText()
			if err != nil {
				// The error's text is left out: it may quote the value.
				return nil, fmt.Errorf("MarshalText of type %T fails", v)
			}
			return string(text), nil
		case fmt.Stringer:
			return v.String(), nil
		}
		switch r.Kind() {
		case reflect.Pointer:
			v = r.Elem().Interface()
			continue
		case reflect.String:
			return r.String(), nil
		case reflect.Bool:
			return r.Bool(), nil
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			return r.Int(), nil
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
			return r.Uint(), nil
		case reflect.Float32:
			return float32(r.Float()), nil
		case reflect.Float64:
			return r.Float(), nil
		case reflect.Slice, reflect.Array:
			if e := r.Type().Elem(); r.Kind() == reflect.Slice && e.Kind() == reflect.Uint8 && !hasText(e) {
				return string(r.Bytes()), nil
			}
			list := make([]any, r.Len())
			for i := range list {
				list[i] = r.Index(i).Interface()
			}
			return list, nil
		case reflect.Map:
			return v, nil
		case reflect.Struct:
			if t := reflect.TypeFor[time.Time](); r.CanConvert(t) {
				return r.Convert(t).Interface(), nil // a named type over it, without its methods
			}
			return v, nil
		}
		return nil, fmt.Errorf("a value of type %T cannot be written", v)
	}
	return nil, fmt.Errorf("a value of type %T is a pointer to a pointer, over and over", original)
}

// hasText reports whether values of a type give their own text, so that a list of
// them is one, though they are bytes to Go.
func hasText(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[fmt.Stringer]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// absent reports whether v is no value at all.
func absent(v any) bool {
	r, err := Resolve(v)
	return r == nil && err == nil
}

// AppendText appends the text of a scalar as every format but JSON writes it,
// without escaping: numbers in plain decimal without an exponent, times in UTC
// as 2026-04-22T19:45:00+00:00 with a fraction only where there is one. An
// absent value appends nothing. Lists, maps and structs, a NaN, an infinity, a
// json.Number that is no number and a year beyond 0 to 9999 are errors; they
// leave dst as it was and name the type, never the value.
func AppendText(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return append(dst, v...), nil
	case []byte:
		return append(dst, v...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case json.Number:
		return appendDecimal(dst, string(v))
	case time.Time:
		return appendTime(dst, v)
	case nil:
		return dst, nil
	}
	r, err := Resolve(v)
	if err != nil {
		return dst, err
	}
	switch r.(type) {
	case string, bool, int64, uint64, float64, float32, json.Number, time.Time, nil:
		return AppendText(dst, r)
	}
	return dst, fmt.Errorf("a value of type %T has no text; only JSON can write it", v)
}

func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("a float%d that is no finite number cannot be written", bits)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits), nil
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return dst, errors.New("a time.Time in a year beyond 0 to 9999 cannot be written")
	}
	if t.Nanosecond() != 0 {
		dst = t.AppendFormat(dst, time.RFC3339Nano)
		return append(dst[:len(dst)-1], "+00:00"...), nil // for the Z
	}
	hour, minute, second := t.Clock()
	dst = append(dst, "0000-00-00T00:00:00+00:00"...)
	text := (*[25]byte)(dst[len(dst)-25:])
	putTwo(text, 0, year/100)
	putTwo(text, 2, year%100)
	putTwo(text, 5, int(month))
	putTwo(text, 8, day)
	putTwo(text, 11, hour)
	putTwo(text, 14, minute)
	putTwo(text, 17, second)
	return dst, nil
}

// putTwo writes n, 0 to 99, in two digits.
func putTwo(text *[25]byte, at, n int) {
	tens := uint8(n) / 10
	text[at], text[at+1] = '0'+tens, '0'+uint8(n)-10*tens
}

// maxDigits bounds what a number with an exponent may grow to when it is
// written without: "1e999999999" is eleven bytes that would become a gigabyte.
// The longest float64 takes 1,077.
const maxDigits = 1100

// appendDecimal appends a JSON number without its exponent.
func appendDecimal(dst []byte, s string) ([]byte, error) {
	if !ValidNumber(s) {
		return dst, errors.New("a json.Number that is no number cannot be written")
	}
	mantissa, exponent, ok := strings.Cut(s, "e")
	if !ok {
		mantissa, exponent, ok = strings.Cut(s, "E")
	}
	if !ok {
		return append(dst, s...), nil
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		digits = "0"
		exponent = "0"
		fraction = ""
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil || shift < -maxDigits || shift > maxDigits {
		return dst, errors.New("a json.Number whose exponent is beyond any float64 cannot be written")
	}
	if negative {
		dst = append(dst, '-')
	}
	point := len(digits) - len(fraction) + shift // where the decimal point goes, in digits
	switch {
	case point <= 0:
		dst = append(dst, "0."...)
		dst = append(dst, strings.Repeat("0", -point)...)
		return append(dst, digits...), nil
	case point >= len(digits):
		dst = append(dst, digits...)
		return append(dst, strings.Repeat("0", point-len(digits))...), nil
	}
	dst = append(dst, digits[:point]...)
	dst = append(dst, '.')
	return append(dst, digits[point:]...), nil
}

// ValidNumber reports whether s is a number by JSON's grammar (RFC 8259 §6).
func ValidNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	s, _ = strings.CutPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return digits() && s == ""
	}
	return s == ""
}
