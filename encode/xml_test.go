package encode_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// element is what encoding/xml reads of one.
type element struct {
	Name     string
	Text     string
	Children []element
}

func readXML(t require.TestingT, data []byte) element {
	d := xml.NewDecoder(bytes.NewReader(data))
	var stack []element
	stack = append(stack, element{})
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		require.NoError(t, err, "%s", data)
		switch token := token.(type) {
		case xml.StartElement:
			require.Empty(t, token.Attr)
			name := token.Name.Local
			if token.Name.Space != "" {
				name = token.Name.Space + ":" + name
			}
			stack = append(stack, element{Name: name})
		case xml.EndElement:
			last := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			parent := &stack[len(stack)-1]
			parent.Children = append(parent.Children, last)
		case xml.CharData:
			stack[len(stack)-1].Text += string(token)
		}
	}
	require.Len(t, stack, 1)
	require.Len(t, stack[0].Children, 1)
	return stack[0].Children[0]
}

// survives is what XML can carry of s: the production Char.
func survives(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF {
			return r
		}
		return '\uFFFD'
	}, replaceEach(s))
}

func FuzzXMLText(f *testing.F) {
	for _, seed := range []string{"", "a]]>b", "\r\n\r", "<a href='x'>&amp;</a>", "\x00\x0b\ufffe\uffff", "\xff", "  spaces  ", "\t", "ü😀", "is 1 < 2 so", "is 2 > 1 so", "this & that"} {
		f.Add(seed)
	}
	e, err := compile(f, encode.XML, one, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := e.Append(nil, mapping.Lead{"v": s})
		require.NoError(t, err)
		root := readXML(t, got)
		require.Equal(t, "lead", root.Name)
		require.Len(t, root.Children, 1)
		require.Equal(t, element{Name: "v", Text: survives(s)}, root.Children[0])
	})
}

// FuzzXMLName: what New takes as a name, a parser must read as that name.
func FuzzXMLName(f *testing.F) {
	for _, seed := range []string{"a", "a.b", "1a", "a b", "a><evil/>", "é", "-a", "a:b", "", "a\u00b7", "𐀀", "a&b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := mapping.Compile(mapping.Mapping{Rules: rules("email", name)}, nil)
		if err != nil {
			return
		}
		e, err := encode.New(encode.XML, p, &encode.Options{XMLRoot: name})
		if err != nil {
			return
		}
		got, err := e.Append(nil, mapping.Lead{"email": "x"})
		require.NoError(t, err)
		// encoding/xml has rules of its own for colons, and the names of XML
		// 1.0's fourth edition, which had fewer letters.
		if strings.ContainsFunc(name, func(r rune) bool { return r == ':' || r > 0x7F }) {
			require.False(t, strings.ContainsAny(name, "<>&/'\" \t\r\n"))
			return
		}
		root := readXML(t, got)
		require.Equal(t, element{Name: name, Children: []element{{Name: name, Text: "x"}}}, root)
	})
}

func TestXMLNames(t *testing.T) {
	for _, name := range []string{"a", "_", "firstName", "first-name", "first.name", "a1", "é", "имя", "名前", "x:y", "a\u00b7"} {
		m, _ := named(name)
		_, err := compile(t, encode.XML, m, nil)
		assert.NoError(t, err, name)
	}
	for name, says := range map[string]string{
		"1a": "cannot start with '1'", "-a": "cannot start with", ".a": "cannot start with", "a b": "cannot hold ' '", "a><evil/>": "cannot hold '>'",
		"a&b": "cannot hold '&'", "a\"": "cannot hold", "a\u00d7": "cannot hold", "contact/email": "cannot hold '/'", " a": "cannot start",
	} {
		m, _ := named("ok", name)
		_, err := compile(t, encode.XML, m, nil)
		assert.ErrorContains(t, err, says, name)
		var fault *mapping.RuleError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, 1, fault.Index)
		_, err = compile(t, encode.XML, one, &encode.Options{XMLRoot: name})
		assert.ErrorContains(t, err, "xmlRoot", name)
	}
}

func TestXMLValues(t *testing.T) {
	for _, tt := range []struct {
		proves string
		v      any
		want   string
	}{
		{"]]> survives", "a]]>b", "<v>a]]&gt;b</v>"},
		{"CR survives", "a\r\nb", "<v>a&#xD;\nb</v>"},
		{"lists repeat the element", []string{"a", "<"}, "<v>a</v><v>&lt;</v>"},
		{"absent elements of a list are left out", []any{"a", nil, 2}, "<v>a</v><v>2</v>"},
		{"an empty list is no element", []string{}, ""},
		{"an empty string is an element", "", "<v></v>"},
		{"numbers have no exponent", 1e21, "<v>1000000000000000000000</v>"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			assert.Equal(t, xmlHeader+"<lead>"+tt.want+"</lead>", payload(t, encode.XML, one, nil, mapping.Lead{"v": tt.v}))
		})
	}
}

// What only JSON can write, the other formats refuse, with field and type.
func TestTreesAreForJSONOnly(t *testing.T) {
	for _, f := range []encode.Format{encode.XML, encode.Form, encode.HubSpotForms} {
		for _, v := range []any{map[string]any{"a": 1}, struct{ A int }{1}, []any{[]any{1}}, []any{map[string]any{}}, make(chan int)} {
			e, err := compile(t, f, one, nil)
			require.NoError(t, err)
			got, err := e.Append([]byte("kept"), mapping.Lead{"v": v})
			assert.Equal(t, "kept", string(got))
			var fault *encode.ValueError
			require.ErrorAs(t, err, &fault, "%s %T", f, v)
			assert.Equal(t, "v", fault.Field)
		}
	}
}
