package encode_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

func FuzzForm(f *testing.F) {
	f.Add("name", "value")
	f.Add("a b", "c&d=e+f")
	f.Add("ü[]", "\x00\xff😀~*-._")
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := mapping.Compile(mapping.Mapping{Rules: rules("email", name)}, nil)
		if err != nil {
			return
		}
		e, err := encode.New(encode.Form, p, nil)
		require.NoError(t, err)
		got, err := e.Append(nil, mapping.Lead{"email": value})
		require.NoError(t, err)
		for _, c := range got {
			require.True(t, c == '=' || c == '%' || c == '+' || c == '*' || c == '-' || c == '.' || c == '_' ||
				'0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z', "%q", got)
		}
		values, err := url.ParseQuery(string(got))
		require.NoError(t, err)
		require.Equal(t, url.Values{name: {replaceEach(value)}}, values)
	})
}

// The whole of ASCII by the WHATWG's percent-encode set. url.QueryEscape differs
// in two characters: it leaves ~ alone and escapes *.
func TestFormEscapesLikeTheWHATWG(t *testing.T) {
	for c := range byte(0x80) {
		want := url.QueryEscape(string(rune(c)))
		switch c {
		case '~':
			want = "%7E"
		case '*':
			want = "*"
		}
		assert.Equal(t, "v="+want, payload(t, encode.Form, one, nil, mapping.Lead{"v": string(rune(c))}))
	}
}

func TestFormKeepsTheMappingsOrder(t *testing.T) {
	m, lead := named("z", "a", "m")
	assert.Equal(t, "messageType=new_lead&z=0&a=1&m=2", payload(t, encode.Form, m, nil, typed(lead, "new_lead")))
}

func TestFormLists(t *testing.T) {
	list := mapping.Lead{"v": []any{"a b", nil, 3, "c,d"}}
	for style, want := range map[encode.ListStyle]string{
		encode.Repeat:    "v=a+b&v=3&v=c%2Cd",
		encode.Brackets:  "v%5B%5D=a+b&v%5B%5D=3&v%5B%5D=c%2Cd",
		encode.Indices:   "v%5B0%5D=a+b&v%5B2%5D=3&v%5B3%5D=c%2Cd",
		encode.Comma:     "v=a+b%2C3%2Cc%2Cd",
		encode.Semicolon: "v=a+b%3B3%3Bc%2Cd",
	} {
		o := &encode.Options{Lists: style}
		assert.Equal(t, want, payload(t, encode.Form, one, o, list), style)
		assert.Equal(t, "v=plain", payload(t, encode.Form, one, o, mapping.Lead{"v": "plain"}), "%v leaves other values alone", style)
	}
}

func TestFormMissing(t *testing.T) {
	for missing, want := range map[encode.Missing]string{encode.Omit: "", encode.Null: "messageType=&v=", encode.Empty: "messageType=&v="} {
		assert.Equal(t, want, payload(t, encode.Form, one, &encode.Options{Missing: missing}, mapping.Lead{}), missing)
	}
}
