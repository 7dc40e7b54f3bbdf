package mapping_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/mapping"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		proves, name string
		want         mapping.Path
	}{
		{"a plain name is one key", "email", mapping.Path{"email"}},
		{"dots nest", "contact.firstName", mapping.Path{"contact", "firstName"}},
		{`\. is a dot inside a key`, `a\.b.c`, mapping.Path{"a.b", "c"}},
		{`\\ is a backslash`, `a\\b`, mapping.Path{`a\b`}},
		{`\\. is a backslash, then a nesting dot`, `a\\.b`, mapping.Path{`a\`, "b"}},
		{"escapes may start and end a key", `\.a\.`, mapping.Path{".a."}},
		{"a key of escapes only", `\.\\`, mapping.Path{`.\`}},
		{"every other character is literal", "[0].*.#.@x.:y.$z. a ", mapping.Path{"[0]", "*", "#", "@x", ":y", "$z", " a "}},
		{"letters of any script", "ключ.鍵", mapping.Path{"ключ", "鍵"}},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			got, err := mapping.ParsePath(tt.name)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.name, got.String(), "String is the way back")
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, tt := range []struct{ proves, name, says string }{
		{"an empty name", "", "empty"},
		{"an empty key in the middle", "a..b", "character 3"},
		{"an empty key at the start", ".a", "character 1"},
		{"an empty key at the end", "a.", "character 3"},
		{"a lone dot", ".", "character 1"},
		{"any other escape", `a\n`, "character 2"},
		{"a backslash at the end", `a\`, "character 2"},
		{"bytes that are no UTF-8", "a\xffb", "UTF-8"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			got, err := mapping.ParsePath(tt.name)
			require.Error(t, err)
			assert.Nil(t, got)
			assert.Contains(t, err.Error(), tt.says)
		})
	}
}

func TestIndex(t *testing.T) {
	for key, want := range map[string]int{"0": 0, "7": 7, "999": 999, "10": 10} {
		got, ok := mapping.Index(key)
		assert.True(t, ok, key)
		assert.Equal(t, want, got, key)
	}
	for _, key := range []string{"", "00", "01", "-1", "+1", "1e3", "1 ", "１", "٣", "0x1", "1.0"} {
		_, ok := mapping.Index(key)
		assert.False(t, ok, "%q is a key", key)
	}
	huge, ok := mapping.Index(strings.Repeat("9", 50))
	assert.True(t, ok)
	assert.Greater(t, huge, 999, "a huge index does not wrap around")
}

// naivePath says the same another way: it walks runes and keeps no place.
func naivePath(name string) ([]string, bool) {
	keys := []string{""}
	escape := false
	for _, r := range name {
		last := &keys[len(keys)-1]
		switch {
		case escape && r != '.' && r != '\\':
			return nil, false
		case escape:
			*last += string(r)
			escape = false
		case r == '\\':
			escape = true
		case r == '.':
			keys = append(keys, "")
		default:
			*last += string(r)
		}
	}
	for _, key := range keys {
		if key == "" {
			return nil, false
		}
	}
	return keys, !escape
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"a", "a.b", `a\.b`, `\\`, "a..b", `\`, "ü.ß", "0.1", "a\x00b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := mapping.ParsePath(name)
		if strings.ToValidUTF8(name, "") != name {
			require.Error(t, err)
			return
		}
		want, ok := naivePath(name)
		require.Equal(t, ok, err == nil, "%q", name)
		if ok {
			require.Equal(t, mapping.Path(want), got)
			require.Equal(t, name, got.String())
		}
	})
}
