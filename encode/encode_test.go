package encode_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

func TestContentTypes(t *testing.T) {
	for f, want := range map[encode.Format]string{
		encode.JSON: "application/json", encode.XML: "application/xml",
		encode.Form: "application/x-www-form-urlencoded", encode.HubSpotForms: "application/json",
	} {
		assert.Equal(t, want, benchEncoder(t, f).ContentType())
	}
	assert.Len(t, encode.Formats(), 4)
}

func TestNewRefuses(t *testing.T) {
	p, err := mapping.Compile(one2, nil)
	require.NoError(t, err)
	_, err = encode.New("yaml", p, nil)
	assert.ErrorContains(t, err, `"yaml" is no format`)
	_, err = encode.New("", p, nil)
	assert.Error(t, err)
	_, err = encode.New(encode.JSON, nil, nil)
	assert.ErrorContains(t, err, "no plan")
	_, err = encode.New(encode.JSON, p, &encode.Options{Missing: 9})
	assert.ErrorContains(t, err, "missing is 9")
	_, err = encode.New(encode.Form, p, &encode.Options{Lists: 9})
	assert.ErrorContains(t, err, "lists is 9")
}

var one2 = mapping.Mapping{Rules: rules("email", "email")}

func TestOptionsHaveStableJSON(t *testing.T) {
	o := encode.Options{Missing: encode.Null, Lists: encode.Brackets, XMLRoot: "prospect", WebhookURL: "https://example.com"}
	const want = `{"missing":"null","lists":"brackets","xmlRoot":"prospect","webhookUrl":"https://example.com"}`
	got, err := json.Marshal(o)
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
	var back encode.Options
	require.NoError(t, json.Unmarshal(got, &back))
	assert.Equal(t, o, back)
	got, err = json.Marshal(encode.Options{})
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(got))
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"missing":"nul"}`), &back), `omit, null, empty`)
}

func TestAppendAllocatesNothing(t *testing.T) {
	lead := mapping.Source(benchLead())
	for _, f := range encode.Formats() {
		e := benchEncoder(t, f)
		buf, err := e.Append(nil, lead)
		require.NoError(t, err)
		assert.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = e.Append(buf[:0], lead) }), f)
	}
}

func TestEncodersAreSafeForConcurrentUse(t *testing.T) {
	lead := benchLead()
	for _, f := range encode.Formats() {
		e := benchEncoder(t, f)
		want, err := e.Append(nil, lead)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					got, err := e.Append(nil, lead)
					assert.NoError(t, err)
					assert.Equal(t, string(want), string(got))
				}
			})
		}
		wg.Wait()
	}
}

func TestNoSourceIsALeadWithoutValues(t *testing.T) {
	for f, want := range map[encode.Format]string{
		encode.JSON: `{}`, encode.XML: xmlHeader + `<lead></lead>`, encode.Form: ``, encode.HubSpotForms: `{"fields":[]}`,
	} {
		got, err := benchEncoder(t, f).Append(nil, nil)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

// answers is a Source that says a value is not there, and gives one.
type answers struct{}

func (answers) Value(string) (any, bool) { return "leaked", false }

func TestOKFalseIsAbsent(t *testing.T) {
	for _, f := range encode.Formats() {
		got, err := benchEncoder(t, f).Append(nil, answers{})
		require.NoError(t, err)
		assert.NotContains(t, string(got), "leaked", f)
	}
}

// asked is a Source that writes down what it is asked for.
type asked []string

func (a *asked) Value(field string) (any, bool) {
	*a = append(*a, field)
	return "x", true
}

func TestASourceIsAskedOnceForEachOutput(t *testing.T) {
	m := mapping.Mapping{Rules: rules("messageType", "type", "email", "email", "city", "city"), Constants: []mapping.Constant{{Name: "c", Value: 1}}}
	for _, f := range encode.Formats() {
		e, err := compile(t, f, m, nil)
		require.NoError(t, err)
		var a asked
		_, err = e.Append(nil, &a)
		require.NoError(t, err)
		assert.Equal(t, asked{"messageType", "email", "city"}, a, f)
	}
}

// FuzzMapping gives every format hostile names, options and values: an error or
// a payload, never a panic.
func FuzzMapping(f *testing.F) {
	f.Add("a.b", "c\\.d", "value", uint8(0), uint8(0))
	f.Add("0.1.2", "0-2/name", "\xff", uint8(1), uint8(4))
	f.Add("context.hutk", "legalConsentOptions.a.0", "", uint8(2), uint8(2))
	f.Add("submittedAt", "messageType.x", "1e5", uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, name1, name2, value string, missing, lists uint8) {
		m := mapping.Mapping{Rules: rules("email", name1), Constants: []mapping.Constant{{Name: name2, Value: value}}}
		p, err := mapping.Compile(m, nil)
		if err != nil {
			return
		}
		for _, format := range encode.Formats() {
			e, err := encode.New(format, p, &encode.Options{Missing: encode.Missing(missing), Lists: encode.ListStyle(lists), XMLRoot: name1, WebhookURL: value})
			if err != nil {
				require.Less(t, len(err.Error()), 2000)
				continue
			}
			for _, v := range []any{value, json.Number(value), []any{value, nil}, nil, map[string]any{value: value}} {
				got, err := e.Append(nil, mapping.Lead{"email": v})
				var fault *encode.ValueError
				require.True(t, err == nil || errors.As(err, &fault))
				if err == nil && e.ContentType() == "application/json" {
					require.True(t, json.Valid(got), "%s", got)
				}
			}
		}
	})
}

// A text that follows a text goes out on a way of its own.
func TestTextsAreTheSameBehindTexts(t *testing.T) {
	var odd []string
	for c := range 256 {
		odd = append(odd, string([]byte{byte(c)}))
	}
	odd = append(odd, "é", "—", "世", "\u2028", "\uFFFE", "🙂")
	for _, f := range encode.Formats() {
		alone := around(t, f, rules("email", "email"))
		behind := around(t, f, rules("firstName", "name", "email", "email"))
		for n := range 26 {
			for at := range n + 1 {
				for _, o := range odd {
					text := plainText36[:at] + o + plainText36[at:n]
					if want, got := alone(text), behind(text); got != want {
						t.Fatalf("%s: %q is %q alone, %q behind a text", f, text, want, got)
					}
				}
			}
		}
	}
}

// Escapes are found at any distance from one another.
func TestTextsWithManyEscapesComeBack(t *testing.T) {
	inJSON := around(t, encode.JSON, rules("email", "email"))
	inXML := around(t, encode.XML, rules("email", "email"))
	for n := range len(plainText36) {
		for _, o := range []string{"\"", "\n\r", "é", "世", "<&>", "\u2028"} {
			text := strings.Repeat(o+plainText36[:n], 3)
			var fromJSON, fromXML string
			require.NoError(t, json.Unmarshal([]byte(`"`+inJSON(text)+`"`), &fromJSON))
			require.NoError(t, xml.Unmarshal([]byte("<v>"+inXML(text)+"</v>"), &fromXML))
			assert.Equal(t, text, fromJSON)
			assert.Equal(t, text, fromXML)
		}
	}
}

const plainText36 = "abcdefghijklmnopqrstuvwxyz0123456789"

// around returns a function that gives what an encoder makes of a text, without
// what stands around it.
func around(t *testing.T, f encode.Format, r []mapping.Rule) func(text string) string {
	plan, err := mapping.Compile(mapping.Mapping{Rules: r}, nil)
	require.NoError(t, err)
	e, err := encode.New(f, plan, nil)
	require.NoError(t, err)
	buf := make([]byte, 0, 4096)
	payload := func(text string) string {
		var err error
		buf, err = e.Append(buf[:0], mapping.Lead{"firstName": "Jane", "email": text})
		require.NoError(t, err)
		return string(buf)
	}
	before, after, ok := strings.Cut(payload("SENTINEL"), "SENTINEL")
	require.True(t, ok)
	return func(text string) string {
		out := payload(text)
		require.True(t, strings.HasPrefix(out, before) && strings.HasSuffix(out, after), out)
		return out[len(before) : len(out)-len(after)]
	}
}

// message is a lead that has its message type from elsewhere.
type message struct {
	kind string
	lead mapping.Source
}

func (s message) Untyped() mapping.Source { return s.lead }

func (s message) Value(field string) (any, bool) {
	switch {
	case field == mapping.FieldMessageType:
		return s.kind, s.kind != ""
	case s.lead == nil:
		return nil, false
	}
	return s.lead.Value(field)
}

// plain hides all of a source but its values.
type plain struct{ mapping.Source }

func TestTypedSourcesAreReadAsOthersAre(t *testing.T) {
	var _ mapping.Typed = message{}
	own := benchLead()
	own[mapping.FieldMessageType] = "the lead's own"
	twice := append(rules("messageType", "first"), benchRules...) // more than are looked up at a time
	plan, err := mapping.Compile(mapping.Mapping{Rules: append(twice, rules("messageType", "last")...)}, nil)
	require.NoError(t, err)
	for _, f := range encode.Formats() {
		e, err := encode.New(f, plan, nil)
		require.NoError(t, err)
		for _, src := range []message{
			{"new_lead", own}, {"", own}, {"new_lead", plain{own}}, {"new_lead", nil}, {"new_lead", mapping.Lead(nil)}, {},
		} {
			want, err := e.Append(nil, plain{src})
			require.NoError(t, err)
			got, err := e.Append(nil, src)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), f)
		}
	}
}

// What is appended to nothing is allocated once, however long the payloads
// before were, and what was long once does not make all that follow so.
func TestAFreshPayloadIsAllocatedOnce(t *testing.T) {
	lead := benchLead()
	for _, f := range encode.Formats() {
		e := benchEncoder(t, f)
		payload := func() []byte {
			out, err := e.Append(nil, lead)
			require.NoError(t, err)
			return out
		}
		for range 4 {
			payload()
		}
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { e.Append(nil, lead) }), 1.0, "%s", f)
		lead["message"] = strings.Repeat("long ", 10_000)
		for range 4 {
			payload()
		}
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { e.Append(nil, lead) }), 1.0, "%s, long", f)
		lead = benchLead()
		for range 4 {
			payload()
		}
		assert.Less(t, cap(payload()), 8<<10, "%s", f)
	}
}
