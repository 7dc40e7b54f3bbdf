package mapping_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/mapping"
)

type (
	named     string
	count     int
	stringer  int
	failing   struct{}
	panicking struct{}
	ownTime   time.Time
	octet     byte
	yes       bool
	single    float32
	double    float64
	loop      *loop
)

func (s stringer) String() string            { return "stringer " + strconv.Itoa(int(s)) }
func (failing) MarshalText() ([]byte, error) { return nil, errors.New("secret") }
func (panicking) String() string             { panic("secret") }
func ptr[T any](v T) *T                      { return &v }
func text(t *testing.T, v any) (string, error) {
	t.Helper()
	b, err := mapping.AppendText(nil, v)
	return string(b), err
}

func TestAppendText(t *testing.T) {
	at := time.Date(2026, 4, 22, 21, 45, 0, 0, time.FixedZone("", 2*3600))
	for _, tt := range []struct {
		proves string
		v      any
		want   string
	}{
		{"string", "a", "a"}, {"empty string", "", ""}, {"true", true, "true"}, {"false", false, "false"},
		{"int", -5, "-5"}, {"int8", int8(-8), "-8"}, {"int16", int16(16), "16"}, {"int32", int32(32), "32"}, {"int64", int64(math.MinInt64), "-9223372036854775808"},
		{"uint", uint(5), "5"}, {"uint8", uint8(8), "8"}, {"uint16", uint16(16), "16"}, {"uint32", uint32(32), "32"}, {"uint64", uint64(math.MaxUint64), "18446744073709551615"},
		{"uintptr", uintptr(7), "7"},
		{"a float keeps its digits", 19.99, "19.99"}, {"a float32 keeps its own", float32(19.99), "19.99"},
		{"a large float has no exponent", 1e21, "1000000000000000000000"}, {"a small float has none", 1e-7, "0.0000001"},
		{"json.Number is copied", json.Number("9007199254740993"), "9007199254740993"}, {"with its zeros", json.Number("19.90"), "19.90"},
		{"json.Number loses its exponent", json.Number("1.5e3"), "1500"}, {"a negative one", json.Number("-15E-4"), "-0.0015"},
		{"an exponent inside the digits", json.Number("1.2345e2"), "123.45"}, {"zero with an exponent", json.Number("0.00e5"), "0"},
		{"a time in UTC", at, "2026-04-22T19:45:00+00:00"}, {"with a fraction only where it has one", at.Add(1500 * time.Microsecond), "2026-04-22T19:45:00.0015+00:00"},
		{"[]byte as text", []byte("bytes"), "bytes"}, {"TextMarshaler", netip.MustParseAddr("1.2.3.4"), "1.2.3.4"},
		{"Stringer", stringer(3), "stringer 3"}, {"a pointer's Stringer", &url.URL{Scheme: "https", Host: "a"}, "https://a"},
		{"named string", named("n"), "n"}, {"named int", count(4), "4"}, {"named bool", yes(true), "true"}, {"named float32", single(0.1), "0.1"}, {"named float64", double(0.1), "0.1"}, {"named time", ownTime(at), "2026-04-22T19:45:00+00:00"}, {"json.RawMessage is bytes", json.RawMessage(`"x"`), `"x"`},
		{"pointer", ptr("p"), "p"}, {"pointer to a pointer", ptr(ptr(5)), "5"}, {"pointer to a time", &at, "2026-04-22T19:45:00+00:00"},
		{"nil", nil, ""}, {"nil pointer", (*string)(nil), ""}, {"nil pointer with methods", (*url.URL)(nil), ""}, {"nil pointer to a time", (*time.Time)(nil), ""},
		{"big.Int", big.NewInt(12), "12"}, {"a duration", 90 * time.Second, "1m30s"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			got, err := text(t, tt.v)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestAppendTextRefuses(t *testing.T) {
	var self loop
	self = &self
	for _, tt := range []struct {
		proves string
		v      any
		says   string
	}{
		{"NaN", math.NaN(), "float64"}, {"an infinity", math.Inf(-1), "float64"}, {"a float32 NaN", float32(math.NaN()), "float32"},
		{"a channel", make(chan int), "chan int"}, {"a nil channel", (chan int)(nil), "chan int"}, {"a func", func() {}, "func()"}, {"a complex", 1i, "complex128"},
		{"a map", map[string]any{"a": 1}, "map[string]interface {}"}, {"a struct", struct{ A int }{1}, "struct"}, {"a list", []string{"a"}, "[]string"},
		{"no number", json.Number("1.2.3"), "json.Number"}, {"a number with a sign", json.Number("+1"), "json.Number"}, {"an exponent beyond any float64", json.Number("1e999999999"), "json.Number"},
		{"a year beyond 9999", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "time.Time"}, {"a method that fails", failing{}, "mapping_test.failing"},
		{"a method that panics", panicking{}, "mapping_test.panicking"}, {"a pointer to itself", self, "loop"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			dst, err := mapping.AppendText([]byte("kept"), tt.v)
			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.says)
			assert.NotContains(t, err.Error(), "secret")
			assert.Equal(t, "kept", string(dst))
		})
	}
}

func TestResolveKeepsListsAndTrees(t *testing.T) {
	type list []named
	for _, tt := range []struct {
		proves  string
		v, want any
	}{
		{"named list", list{"a"}, []any{named("a")}}, {"array", [2]int{1, 2}, []any{1, 2}}, {"pointer to a list", &[]string{"a"}, []string{"a"}},
		{"empty list is a value", []int{}, []any{}}, {"nil list is absent", []int(nil), nil}, {"nil []string is absent", []string(nil), nil},
		{"a list of named bytes with a text", []mapping.Kind{mapping.Email}, []any{mapping.Email}}, {"named bytes without one are text", []octet("ab"), "ab"},
		{"nil map is absent", map[string]int(nil), nil}, {"map", map[string]int{"a": 1}, map[string]int{"a": 1}}, {"nil bytes are absent", []byte(nil), nil},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			got, err := mapping.Resolve(tt.v)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-0", "1e5", "1.50e-3", "12.5E+2", "1e400", "0E10000000000000000000", "01", ".5", "1.", "1e", "--1", "1e-400"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		valid := mapping.ValidNumber(s)
		isJSON := s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && strings.TrimSpace(s) == s && json.Valid([]byte(s))
		require.Equal(t, isJSON, valid, "%q", s)
		if len(s) > 300 {
			return
		}
		got, err := text(t, json.Number(s))
		if !valid {
			require.Error(t, err)
			return
		}
		if err != nil {
			return // an exponent beyond bounds
		}
		require.NotContains(t, strings.ToLower(got), "e")
		require.True(t, mapping.ValidNumber(got), "%q became %q", s, got)
		if got == "0" || got == "-0" { // math/big refuses zeros with a huge exponent
			digits, _, _ := strings.Cut(strings.ToLower(s), "e")
			require.Empty(t, strings.Trim(digits, "-0."), "%q became %q", s, got)
			return
		}
		want, ok1 := new(big.Rat).SetString(s)
		have, ok2 := new(big.Rat).SetString(got)
		require.True(t, ok1 && ok2 && want.Cmp(have) == 0, "%q became %q", s, got)
	})
}
