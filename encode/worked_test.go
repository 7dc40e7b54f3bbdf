package encode_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine without zone files must pass

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// typed is a lead that carries its own message type, as a message does.
func typed(l mapping.Lead, messageType string) mapping.Lead {
	l["messageType"] = messageType
	return l
}

func rules(pairs ...string) (rules []mapping.Rule) {
	for i := 0; i < len(pairs); i += 2 {
		rules = append(rules, mapping.Rule{Field: pairs[i], Name: pairs[i+1]})
	}
	return rules
}

func compile(t testing.TB, f encode.Format, m mapping.Mapping, o *encode.Options) (encode.Encoder, error) {
	t.Helper()
	var extra []mapping.Field
	for _, r := range m.Rules {
		if _, ok := mapping.Standard().Lookup(r.Field); !ok {
			extra = append(extra, mapping.Field{Key: r.Field})
		}
	}
	c, err := mapping.Standard().Extend(extra...)
	require.NoError(t, err)
	p, err := mapping.Compile(m, c)
	require.NoError(t, err)
	return encode.New(f, p, o)
}

func payload(t testing.TB, f encode.Format, m mapping.Mapping, o *encode.Options, src mapping.Source) string {
	t.Helper()
	e, err := compile(t, f, m, o)
	require.NoError(t, err)
	got, err := e.Append([]byte("before "), src)
	require.NoError(t, err)
	text, ok := strings.CutPrefix(string(got), "before ")
	require.True(t, ok, "what was in the buffer stays")
	return text
}

// The worked payloads of the product's documentation, byte for byte.
func TestWorkedPayloads(t *testing.T) {
	lead := mapping.Lead{"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"}
	t.Run("nested JSON of a bare lead", func(t *testing.T) {
		assert.Equal(t, `{"contact":{"firstName":"Jane","lastName":"Doe","email":"jane@example.com"}}`,
			payload(t, encode.JSON, mapping.Mapping{Rules: rules(
				"firstName", "contact.firstName", "lastName", "contact.lastName", "email", "contact.email")}, nil, lead))
	})
	t.Run("a lead update in flat JSON", func(t *testing.T) {
		zone, err := time.LoadLocation("America/New_York")
		require.NoError(t, err)
		update := mapping.Lead{"firstName": "Jane", "lastName": "Doe", "email": "jane@example.com"}
		update.SetMeeting(time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), zone)
		assert.Equal(t, `{"messageType":"lead_update","firstName":"Jane","lastName":"Doe","email":"jane@example.com","requestedMeetingTime":"2026-04-22T19:45:00+00:00","formattedRequestedMeetingTime":"Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight Time"}`,
			payload(t, encode.JSON, mapping.Mapping{Rules: rules(
				"firstName", "firstName", "lastName", "lastName", "email", "email",
				"requestedMeetingTime", "requestedMeetingTime",
				"formattedRequestedMeetingTime", "formattedRequestedMeetingTime")}, nil, typed(update, "lead_update")))
	})
	t.Run("HubSpot Forms v3", func(t *testing.T) {
		assert.Equal(t, `{"fields":[{"name":"firstname","value":"George","objectTypeId":"0-1"},{"name":"lastname","value":"Washington","objectTypeId":"0-1"},{"name":"email","value":"george@example.com","objectTypeId":"0-1"}],"WEBHOOKURL":"https://api.hsforms.com/submissions/v3/integration/submit/1234567/0a1b2c3d-0000-4000-8000-000000000000"}`,
			payload(t, encode.HubSpotForms, mapping.Mapping{Rules: rules(
				"firstName", "firstname", "lastName", "lastname", "email", "email")},
				&encode.Options{WebhookURL: "https://api.hsforms.com/submissions/v3/integration/submit/1234567/0a1b2c3d-0000-4000-8000-000000000000"},
				typed(mapping.Lead{"firstName": "George", "lastName": "Washington", "email": "george@example.com"}, "new_lead")))
	})
}
