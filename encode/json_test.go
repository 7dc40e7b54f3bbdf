package encode_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// standard is what encoding/json writes without its HTML escapes, and with
// U+FFFD as it is.
func standard(t require.TestingT, v any) string {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(v))
	return strings.TrimSuffix(buf.String(), "\n")
}

// one is a mapping with a single rule, v → v, and no message type in the lead.
var one = mapping.Mapping{Rules: []mapping.Rule{{Field: "v", Name: "v"}}}

func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{"", "plain", `"\`, "\x00\x1f\x7f", "\u2028\u2029", "ü", "\xff\xfe", "a\xc3", "😀", "<script>&amp;", "exactly8", "1234567\"", "\xe2\x80\xa7", "seven77\n", "a back\\slash", `a "quoted" text`} {
		f.Add(seed)
	}
	e, err := compile(f, encode.JSON, one, nil)
	require.NoError(f, err)
	h, err := compile(f, encode.HubSpotForms, one, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := e.Append(nil, mapping.Lead{"v": s})
		require.NoError(t, err)
		// encoding/json escapes what it replaces; we write it as it is.
		require.Equal(t, `{"v":`+standard(t, strings.ToValidUTF8(replaceEach(s), "?"))+`}`, string(got))
		if s == "" {
			return
		}
		got, err = h.Append(nil, mapping.Lead{"v": s})
		require.NoError(t, err)
		var form struct {
			Fields []struct{ Name, Value, ObjectTypeID string }
		}
		require.NoError(t, json.Unmarshal(got, &form))
		require.Equal(t, replaceEach(s), form.Fields[0].Value)
	})
}

// replaceEach replaces each byte that is no UTF-8, as ranging over a string does.
func replaceEach(s string) string { return string([]rune(s)) }

func FuzzJSONNumber(f *testing.F) {
	for _, seed := range []float64{0, 1, -1.5, 19.99, 1e-7, 1e21, 1e20, 123456789.123, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1)} {
		f.Add(seed, int64(seed))
	}
	e, err := compile(f, encode.JSON, one, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, x float64, n int64) {
		for _, v := range []any{x, float32(x), n, uint64(n), int32(n), uint16(n), []any{n, x}} {
			got, err := e.Append(nil, mapping.Lead{"v": v})
			want, wantErr := json.Marshal(v)
			require.Equal(t, wantErr == nil, err == nil, "%v", v)
			if err == nil {
				require.Equal(t, `{"v":`+string(want)+`}`, string(got))
			}
		}
	})
}

// FuzzJSONTree compares values inside values with encoding/json.
func FuzzJSONTree(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}],"c":"x"}`, `[[],{},""]`, `1.50`, `null`, `{"b":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	e, err := compile(f, encode.JSON, one, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return
		}
		got, err := e.Append(nil, mapping.Lead{"v": v})
		if err != nil {
			require.ErrorContains(t, err, "nests more than")
			return
		}
		if v == nil {
			require.Equal(t, `{}`, string(got))
			return
		}
		var back map[string]any
		d = json.NewDecoder(bytes.NewReader(got))
		d.UseNumber()
		require.NoError(t, d.Decode(&back))
		require.True(t, reflect.DeepEqual(v, back["v"]), "%s", got)
	})
}

func TestJSONValues(t *testing.T) {
	type plan struct {
		Name string `json:"name"`
		At   *int   `json:"at,omitempty"`
	}
	type text string
	newYork := time.Date(2026, 4, 22, 15, 45, 0, 0, time.FixedZone("", -4*3600))
	selfish := []any{1}
	selfish[0] = selfish
	for _, tt := range []struct {
		proves string
		v      any
		want   string
	}{
		{"a map, keys sorted", map[string]any{"b": 1, "a": "<"}, `{"a":"<","b":1}`},
		{"a typed map", map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`},
		{"a map with other keys", map[int]string{2: "b", 1: "a"}, `{"1":"a","2":"b"}`},
		{"a struct by its tags", plan{Name: "<x>"}, `{"name":"<x>"}`},
		{"a pointer to a struct", &plan{Name: "p"}, `{"name":"p"}`},
		{"a list of structs", []plan{{Name: "a"}, {Name: "b"}}, `[{"name":"a"},{"name":"b"}]`},
		{"a time inside a list", []time.Time{time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)}, `["2026-04-22T19:45:00+00:00"]`},
		{"a time inside a map", map[string]any{"at": time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)}, `{"at":"2026-04-22T19:45:00+00:00"}`},
		{"a pointer to a time, in UTC", &newYork, `"2026-04-22T19:45:00+00:00"`},
		{"pointers to times in lists and maps", map[string]*time.Time{"at": &newYork, "never": nil}, `{"at":"2026-04-22T19:45:00+00:00","never":null}`},
		{"a map with named keys", map[text]time.Time{"at": newYork}, `{"at":"2026-04-22T19:45:00+00:00"}`},
		{"raw JSON that is no UTF-8", json.RawMessage("\"\xff\u2028\""), "\"\uFFFD\\u2028\""},
		{"keys that become one", map[string]any{"a\xfe": 1, "a\xff": 2, "b": 3}, "{\"a\uFFFD\":1,\"b\":3}"},
		{"nil inside a list", []any{nil, (*int)(nil), "a"}, `[null,null,"a"]`},
		{"named types in lists", []text{"a", "b"}, `["a","b"]`},
		{"a Marshaler", big.NewInt(12), `12`},
		{"raw JSON", json.RawMessage(` {"a" : 1} `), `{"a":1}`},
		{"[]byte is text", []byte(`"`), `"\""`},
		{"json.Number is copied", json.Number("1.50e3"), `1.50e3`},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			assert.Equal(t, `{"v":`+tt.want+`}`, payload(t, encode.JSON, one, nil, mapping.Lead{"v": tt.v}))
		})
	}
	for proves, v := range map[string]any{
		"raw JSON that is null": json.RawMessage(`null`), "nil": nil, "a nil pointer": (*plan)(nil), "a nil Marshaler": (*big.Int)(nil),
	} {
		t.Run(proves+" is absent", func(t *testing.T) {
			assert.Equal(t, `{}`, payload(t, encode.JSON, one, nil, mapping.Lead{"v": v}))
		})
	}
	for proves, v := range map[string]any{
		"a list that holds itself": selfish, "broken raw JSON": json.RawMessage(`{`), "a channel": make(chan int), "a channel in a map": map[string]any{"c": make(chan int)},
		"NaN in a struct": struct{ F float64 }{math.NaN()}, "no number": json.Number("1 "), "NaN": math.NaN(), "a year of five digits": time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(proves+" cannot be written", func(t *testing.T) {
			e, err := compile(t, encode.JSON, one, nil)
			require.NoError(t, err)
			got, err := e.Append([]byte("kept"), mapping.Lead{"v": v})
			assert.Equal(t, "kept", string(got), "dst comes back as it was")
			var fault *encode.ValueError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, "v", fault.Field)
			assert.Equal(t, reflect.TypeOf(v).String(), fault.Type)
			assert.ErrorContains(t, err, `field "v"`)
		})
	}
}

func TestConstantsAreWrittenOnce(t *testing.T) {
	m := one
	m.Constants = []mapping.Constant{{Name: "a.n", Value: json.Number("19.90")}, {Name: "a.list", Value: []any{"x", 1}}, {Name: "map", Value: map[string]any{"k": nil}}}
	assert.Equal(t, `{"v":1,"a":{"n":19.90,"list":["x",1]},"map":{"k":null}}`, payload(t, encode.JSON, m, nil, mapping.Lead{"v": 1}))

	m.Constants = []mapping.Constant{{Name: "a", Value: json.RawMessage("null")}}
	assert.Equal(t, `{"v":1,"a":null}`, payload(t, encode.JSON, m, nil, mapping.Lead{"v": 1}))

	m.Constants = []mapping.Constant{{Name: "bad", Value: make(chan int)}}
	_, err := compile(t, encode.JSON, m, nil)
	assert.ErrorContains(t, err, `constant 0 ("bad"): a value of type chan int cannot be written`)
	for _, f := range []encode.Format{encode.XML, encode.Form, encode.HubSpotForms} {
		m.Constants = []mapping.Constant{{Name: "bad", Value: map[string]any{"a": 1}}}
		_, err := compile(t, f, m, nil)
		assert.ErrorContains(t, err, `constant 0 ("bad"): a value of type map[string]interface {} has no text`, f)
	}
}
