package encode_test

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

var update = flag.Bool("update", false, "rewrite testdata; read the difference before you commit it")

// The leads of the goldens, each for what it is likely to break.
func goldenLeads(t *testing.T) map[string]mapping.Lead {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	full := mapping.Standard().Example()
	full["tags"] = []string{"hot", "trade show"}
	full["budget"] = json.Number("19.90")
	update := mapping.Standard().Example()
	update.SetMeeting(time.Date(2026, 1, 7, 8, 5, 0, 500e6, time.UTC), berlin)
	return map[string]mapping.Lead{
		"full":   typed(full, "new_lead"),
		"update": typed(update, "lead_update"),
		"bare":   {"leadId": "1"},
		"sparse": typed(mapping.Lead{"leadId": "2", "email": "", "phone": nil, "tags": []string{}, "budget": 0, "firstName": (*string)(nil)}, "new_lead"),
		"marks": typed(mapping.Lead{
			"leadId": "3", "firstName": `Zoë "Zo" <b>&amp;`, "lastName": "O'Brien\\Smith", "company": "Müller & Söhne ]]> GmbH",
			"message": "line one\r\nline two\ttabbed\u2028separated\u2029again", "email": "a+b=c&d@example.com", "city": "São Paulo 😀 東京", "tags": []any{"a;b", "c,d", 3, true},
		}, "new_lead"),
		"bytes": typed(mapping.Lead{
			"leadId": "4", "firstName": "odd\xffbyte", "lastName": "nul\x00bell\a\uFFFE", "company": "cut\xe2\x80", "message": "\ufeffbom\u007f\u0085",
		}, "new_lead"),
		"types": typed(mapping.Lead{
			"leadId": int64(9007199254740993), "firstName": []byte("bytes"), "lastName": json.Number("1.50e3"), "company": true, "message": netip.MustParseAddr("2001:db8::1"),
			"city": 1e21, "email": float32(0.1), "budget": uint8(200), "createdAt": time.Date(2026, 4, 20, 1, 2, 3, 4000, time.FixedZone("", -3600)),
		}, "new_lead"),
	}
}

func goldenEncoders(t *testing.T) map[string]encode.Encoder {
	flat := mapping.Mapping{Rules: rules("leadId", "leadId", "firstName", "firstName", "lastName", "lastName", "email", "email", "phone", "phone",
		"company", "company", "city", "city", "message", "message", "tags", "tags", "budget", "budget", "createdAt", "createdAt",
		"requestedMeetingTime", "requestedMeetingTime", "formattedRequestedMeetingTime", "meeting")}
	flat.Constants = []mapping.Constant{{Name: "source", Value: `the "web"`}, {Name: "version", Value: 2}}
	nested := mapping.Mapping{Rules: rules("messageType", "meta.type", "leadId", "meta.id", "firstName", "contact.name.first", "lastName", "contact.name.last", "email", "contact.emails.0",
		"phone", "contact.phones.0.number", "company", `company\.name`, "city", "address.city", "message", "notes.0.text", "tags", "tags", "budget", "deal.amount", "createdAt", "meta.createdAt",
		"requestedMeetingTime", "meeting.at", "formattedRequestedMeetingTime", "meeting.text")}
	nested.Constants = []mapping.Constant{{Name: "meta.source", Value: "web"}, {Name: "meta.flags.1", Value: true}}
	hubspot := mapping.Mapping{Rules: rules("firstName", "firstname", "lastName", "lastname", "email", "email", "phone", "phone", "company", "0-2/name",
		"city", "city", "message", "message", "tags", "interests", "budget", "budget", "createdAt", "submittedAt",
		"formattedRequestedMeetingTime", "meeting", "leadId", "context.pageName")}
	hubspot.Constants = []mapping.Constant{{Name: "source", Value: `the "web"`}, {Name: "context.pageUri", Value: "https://www.example.com/?a=1&b=2"},
		{Name: "legalConsentOptions.consent.consentToProcess", Value: true}, {Name: "legalConsentOptions.consent.text", Value: "I agree."},
		{Name: "legalConsentOptions.consent.communications.0.value", Value: true}, {Name: "legalConsentOptions.consent.communications.0.subscriptionTypeId", Value: 999}}
	encoders := map[string]encode.Encoder{}
	for name, e := range map[string]struct {
		format  encode.Format
		mapping mapping.Mapping
		options *encode.Options
	}{
		"flat.json": {encode.JSON, flat, nil}, "nested.json": {encode.JSON, nested, nil}, "null.json": {encode.JSON, nested, &encode.Options{Missing: encode.Null}},
		"lead.xml": {encode.XML, flat, nil}, "empty.xml": {encode.XML, flat, &encode.Options{Missing: encode.Empty, XMLRoot: "prospect"}},
		"repeat.form": {encode.Form, flat, nil}, "brackets.form": {encode.Form, flat, &encode.Options{Lists: encode.Brackets}},
		"indices.form": {encode.Form, flat, &encode.Options{Lists: encode.Indices}}, "comma.form": {encode.Form, flat, &encode.Options{Lists: encode.Comma, Missing: encode.Empty}},
		"hubspot.json": {encode.HubSpotForms, hubspot, &encode.Options{WebhookURL: "https://api.hsforms.com/submissions/v3/integration/submit/1/2"}},
	} {
		encoder, err := compile(t, e.format, e.mapping, e.options)
		require.NoError(t, err, name)
		encoders[name] = encoder
	}
	return encoders
}

// source is a Source that encoders do not know.
type source map[string]any

func (s source) Value(field string) (any, bool) {
	v, ok := s[field]
	return v, ok
}

// Every lead through every encoder, compared with files that people read.
func TestGoldens(t *testing.T) {
	for encoderName, encoder := range goldenEncoders(t) {
		for leadName, lead := range goldenLeads(t) {
			name := leadName + "." + encoderName
			t.Run(name, func(t *testing.T) {
				got, err := encoder.Append(nil, lead)
				require.NoError(t, err)
				again, err := encoder.Append(nil, lead)
				require.NoError(t, err)
				assert.Equal(t, string(got), string(again), "the same input gives the same bytes")
				again, err = encoder.Append(nil, source(lead))
				require.NoError(t, err)
				assert.Equal(t, string(got), string(again), "and so does a Source that is no Lead")
				file := filepath.Join("testdata", name)
				if *update {
					require.NoError(t, os.WriteFile(file, got, 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.Equal(t, string(want), string(got))
			})
		}
	}
}
