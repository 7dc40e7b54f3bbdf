package encode_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// named is a mapping of fields f0, f1, … to names, with no message type in the
// source, and the lead that has them all.
func named(names ...string) (mapping.Mapping, mapping.Lead) {
	var m mapping.Mapping
	lead := mapping.Lead{}
	for i, name := range names {
		key := fmt.Sprintf("f%d", i)
		m.Rules = append(m.Rules, mapping.Rule{Field: key, Name: name})
		lead[key] = i
	}
	return m, lead
}

// Each row of the design's table of structured names.
func TestStructuredNames(t *testing.T) {
	for _, tt := range []struct {
		proves string
		names  []string
		want   string
	}{
		{"dots nest", []string{"a.b.c"}, `{"a":{"b":{"c":0}}}`},
		{`\. is a dot inside a key`, []string{`a\.b`, "a.b"}, `{"a.b":0,"a":{"b":1}}`},
		{`\\ is a backslash`, []string{`a\\b`}, `{"a\\b":0}`},
		{"indices make an array", []string{"a.0", "a.1"}, `{"a":[0,1]}`},
		{"00, -1 and 1e3 are keys", []string{"a.00", "b.-1", "c.1e3"}, `{"a":{"00":0},"b":{"-1":1},"c":{"1e3":2}}`},
		{"one key that is no index makes an object", []string{"a.0", "a.1", "a.x"}, `{"a":{"0":0,"1":1,"x":2}}`},
		{"the order of the names never matters", []string{"a.x", "a.1", "a.0"}, `{"a":{"x":0,"1":1,"0":2}}`},
		{"nor that of indices", []string{"a.2", "a.0", "a.1"}, `{"a":[1,2,0]}`},
		{"the root is an array by the same rule", []string{"0.x", "1.x"}, `[{"x":0},{"x":1}]`},
		{"a root of values", []string{"1", "0"}, `[1,0]`},
		{"the root of an index and a key is an object", []string{"0", "x"}, `{"0":0,"x":1}`},
		{"holes are null", []string{"a.2"}, `{"a":[null,null,0]}`},
		{"holes in the root", []string{"1.x"}, `[null,{"x":0}]`},
		{"arrays in arrays", []string{"a.1.1", "a.0.0"}, `{"a":[[1],[null,0]]}`},
		{"999 is the last index", []string{"a.999"}, `{"a":[` + strings.Repeat("null,", 999) + `0]}`},
		{"an index above 999 is a key in an object", []string{"a.2024", "a.x"}, `{"a":{"2024":0,"x":1}}`},
		{"every other character is literal", []string{"[", "]", "*", "##", "@", ":", "$", " ", "?", "|", "!", "{", "}", "a[0]", "@this", "#.x", ":0.:1", "~", "%", "&", "<>", `"`, "'", "\n"},
			`{"[":0,"]":1,"*":2,"##":3,"@":4,":":5,"$":6," ":7,"?":8,"|":9,"!":10,"{":11,"}":12,"a[0]":13,"@this":14,"#":{"x":15},":0":{":1":16},"~":17,"%":18,"&":19,"<>":20,"\"":21,"'":22,"\n":23}`},
		{"keys of any script", []string{"имя.é", "名"}, `{"имя":{"é":0},"名":1}`},
		{"keys keep the mapping's order", []string{"z.b", "y", "z.a", "x"}, `{"z":{"b":0,"a":2},"y":1,"x":3}`},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			m, lead := named(tt.names...)
			got := payload(t, encode.JSON, m, nil, lead)
			assert.Equal(t, tt.want, got)
			assert.True(t, json.Valid([]byte(got)))
		})
	}
}

func TestStructuredNamesRefused(t *testing.T) {
	for _, tt := range []struct {
		proves string
		names  []string
		index  int
		says   string
	}{
		{"an empty segment", []string{"x", "a..b"}, 1, "empty key at character 3"},
		{"an empty segment at the start", []string{".a"}, 0, "empty key at character 1"},
		{"an empty segment at the end", []string{"a."}, 0, "empty key at character 3"},
		{"any other escape", []string{`a\n`}, 0, "backslash"},
		{"a value and a container", []string{"a", "a.b"}, 1, `inside "a", which is a value (rule 0)`},
		{"a container and a value", []string{"a.b", "a"}, 1, `"a.b" nests inside it (rule 0)`},
		{"deeper down", []string{"x.a.b.c", "x.a.b"}, 1, `"x.a.b.c" nests inside it`},
		{"inside the message type", []string{"messageType.x"}, 0, "gives it another name"},
		{"an index above 999", []string{"a.1000"}, 0, "above 999"},
		{"an index that no int holds", []string{"a.99999999999999999999999"}, 0, "above 999"},
		{"nesting without end", []string{strings.Repeat("a.", 200) + "a"}, 0, "deep"},
		{"arrays of arrays of holes", []string{"999.999.999.999.999.999.999.999.999.999.999.999"}, 0, "more than 10000 elements"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			m, _ := named(tt.names...)
			_, err := compile(t, encode.JSON, m, nil)
			require.Error(t, err)
			var fault *mapping.RuleError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.index, fault.Index)
			assert.Equal(t, tt.names[tt.index], fault.Name)
			assert.ErrorContains(t, fault, tt.says)
		})
	}
	t.Run("every index above 999, the same each time", func(t *testing.T) {
		m, _ := named("a.1000", "b.2000", "c.0", "c.3000", "c.4000")
		_, err := compile(t, encode.JSON, m, nil)
		for range 20 {
			_, again := compile(t, encode.JSON, m, nil)
			require.Equal(t, err.Error(), again.Error())
		}
		assert.Equal(t, 4, strings.Count(err.Error(), "above 999"))
	})
	t.Run("all at once", func(t *testing.T) {
		m, _ := named("a..b", "c", "c.d", "e.1000", `f\x`)
		_, err := compile(t, encode.JSON, m, nil)
		for _, says := range []string{"rule 0 ", "rule 2 ", "rule 3 ", "rule 4 "} {
			assert.ErrorContains(t, err, says)
		}
	})
	t.Run("a dot is just a dot in other formats", func(t *testing.T) {
		m, lead := named("a..b", ".c")
		assert.Equal(t, "a..b=0&.c=1", payload(t, encode.Form, m, nil, lead))
		m, lead = named("a..b", "a", "a.b", "c.")
		assert.Equal(t, `<lead><a..b>0</a..b><a>1</a><a.b>2</a.b><c.>3</c.></lead>`,
			strings.TrimPrefix(payload(t, encode.XML, m, nil, lead), xmlHeader))
	})
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func TestTheImplicitMessageTypeIsLeftOutOfAnArray(t *testing.T) {
	m, lead := named("0.x")
	assert.Equal(t, `[{"x":0}]`, payload(t, encode.JSON, m, nil, typed(lead, "new_lead")))
	m.Rules = append(m.Rules, mapping.Rule{Field: "messageType", Name: "0.type"})
	assert.Equal(t, `[{"x":0,"type":"new_lead"}]`, payload(t, encode.JSON, m, nil, lead))
}

func TestAbsentValues(t *testing.T) {
	m, _ := named("a.x", "a.y.z", "l.0", "l.1.x", "l.2", "l.3", "v")
	for _, tt := range []struct {
		proves  string
		missing encode.Missing
		lead    mapping.Lead
		want    string
	}{
		{"nothing at all", encode.Omit, mapping.Lead{}, `{}`},
		{"objects and arrays that would hold nothing are left out", encode.Omit, mapping.Lead{"f6": 1}, `{"v":1}`},
		{"an inner object too", encode.Omit, mapping.Lead{"f0": 1}, `{"a":{"x":1}}`},
		{"the first of an object", encode.Omit, mapping.Lead{"f1": 1}, `{"a":{"y":{"z":1}}}`},
		{"absent in the middle of an array is null, none at its end", encode.Omit, mapping.Lead{"f2": 1, "f4": 2}, `{"l":[1,null,2]}`},
		{"at its start too", encode.Omit, mapping.Lead{"f3": 1}, `{"l":[null,{"x":1}]}`},
		{"nil is absent", encode.Omit, mapping.Lead{"f0": nil, "f2": (*string)(nil), "f6": []string(nil)}, `{}`},
		{"an empty string, 0, false and an empty list are values", encode.Omit, mapping.Lead{"f0": "", "f2": 0, "f3": false, "f6": []int{}}, `{"a":{"x":""},"l":[0,{"x":false}],"v":[]}`},
		{"null where it is asked for, at an array's end too", encode.Null, mapping.Lead{"f2": 1}, `{"messageType":null,"a":{"x":null,"y":{"z":null}},"l":[1,{"x":null},null,null],"v":null}`},
		{"empty where it is asked for", encode.Empty, mapping.Lead{"f2": 1}, `{"messageType":"","a":{"x":"","y":{"z":""}},"l":[1,{"x":""},"",""],"v":""}`},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			assert.Equal(t, tt.want, payload(t, encode.JSON, m, &encode.Options{Missing: tt.missing}, tt.lead))
		})
	}
	t.Run("a root array ends with its last value", func(t *testing.T) {
		m, _ := named("0", "1", "2")
		assert.Equal(t, `[null,1]`, payload(t, encode.JSON, m, nil, mapping.Lead{"f1": 1}))
		assert.Equal(t, `[]`, payload(t, encode.JSON, m, nil, mapping.Lead{}))
	})
	t.Run("text that ends like a null is no null", func(t *testing.T) {
		m, _ := named("a.0", "a.1")
		assert.Equal(t, `{"a":[",null"]}`, payload(t, encode.JSON, m, nil, mapping.Lead{"f0": ",null"}))
		assert.Equal(t, `{"a":[[null]]}`, payload(t, encode.JSON, m, nil, mapping.Lead{"f0": []any{nil}}))
	})
}

// naive builds the document another way: maps first, kinds afterwards.
func naive(paths []mapping.Path, values []any) any {
	type object = map[string]any
	root := object{}
	for i, path := range paths {
		if values[i] == nil {
			values[i] = absent{}
		}
		at := root
		for _, key := range path[:len(path)-1] {
			if at[key] == nil {
				at[key] = object{}
			}
			at = at[key].(object)
		}
		at[path[len(path)-1]] = values[i]
	}
	var settle func(v any) any
	settle = func(v any) any {
		o, ok := v.(object)
		if !ok {
			return v
		}
		isArray, highest := len(o) > 0, -1
		for key := range o {
			n := 0
			if _, err := fmt.Sscanf(key, "%d", &n); err != nil || fmt.Sprint(n) != key || n < 0 {
				isArray = false
			}
			highest = max(highest, n)
		}
		for key := range o {
			o[key] = settle(o[key])
			if _, gone := o[key].(absent); gone && !isArray {
				delete(o, key)
			}
		}
		if !isArray {
			if len(o) == 0 {
				return absent{}
			}
			return o
		}
		list := []any{}
		for n := 0; n <= highest; n++ {
			v := o[fmt.Sprint(n)]
			if _, gone := v.(absent); gone {
				v = nil
			}
			list = append(list, v)
		}
		for len(list) > 0 && list[len(list)-1] == nil {
			list = list[:len(list)-1]
		}
		if len(list) == 0 {
			return absent{}
		}
		return list
	}
	return settle(root)
}

type absent struct{}

// checkAgainstNaive lays names out both ways and compares the documents.
func checkAgainstNaive(t require.TestingT, names []string, missing []bool) {
	var m mapping.Mapping
	lead := mapping.Lead{}
	var paths []mapping.Path
	var values []any
	var fields []mapping.Field
	for i, name := range names {
		key := fmt.Sprintf("f%d", i)
		path, err := mapping.ParsePath(name)
		if err != nil {
			return
		}
		value := any(float64(i))
		switch {
		case missing[i%len(missing)]:
			value = nil
		case i%4 == 3:
			lead[key] = i
		default: // texts are joined with those before them
			value = key
			lead[key] = key
		}
		m.Rules = append(m.Rules, mapping.Rule{Field: key, Name: name})
		fields = append(fields, mapping.Field{Key: key})
		paths, values = append(paths, path), append(values, value)
	}
	c, err := mapping.NewCatalog(fields...)
	require.NoError(t, err)
	p, err := mapping.Compile(m, c)
	if err != nil {
		return // a name twice, or the message type's
	}
	e, err := encode.New(encode.JSON, p, nil)
	if err != nil {
		return // a conflict, which other tests are about
	}
	text, err := e.Append(nil, lead)
	require.NoError(t, err)
	var got any
	require.NoError(t, json.Unmarshal(text, &got), "%s", text)
	want := naive(paths, values)
	if _, gone := want.(absent); gone {
		require.Contains(t, []string{"{}", "[]"}, string(text))
		return
	}
	require.Equal(t, want, got, "%q", names)
}

func TestNestingAgreesWithANaiveBuilder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"a", "b", "0", "1", "2", "3", "00", "-1", "x y", `\.`, `\\`, "#", "@", "*", "é", "999"})
		name := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(key, 1, 4).Draw(t, "keys"), ".")
		})
		checkAgainstNaive(t, rapid.SliceOfN(name, 1, 12).Draw(t, "names"), rapid.SliceOfN(rapid.Bool(), 1, 5).Draw(t, "missing"))
	})
}

func FuzzNesting(f *testing.F) {
	f.Add("a.b\na.c\n0", uint8(0))
	f.Add("0.x\n2.y", uint8(1))
	f.Add("a.999\nb\\.c.#\n@x.*", uint8(2))
	f.Fuzz(func(t *testing.T, lines string, missing uint8) {
		names := strings.Split(lines, "\n")
		if len(names) > 50 {
			return
		}
		checkAgainstNaive(t, names, []bool{missing&1 != 0, missing&2 != 0, missing&4 != 0})
	})
}
