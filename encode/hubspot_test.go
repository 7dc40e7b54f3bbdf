package encode_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

func TestHubSpotFields(t *testing.T) {
	for _, tt := range []struct {
		proves, name string
		v            any
		want         string
	}{
		{"a contact's property", "email", "a@b.c", `{"name":"email","value":"a@b.c","objectTypeId":"0-1"}`},
		{"a company's by prefix", "0-2/name", "X", `{"name":"name","value":"X","objectTypeId":"0-2"}`},
		{"a custom object's", "2-12345/plan", "X", `{"name":"plan","value":"X","objectTypeId":"2-12345"}`},
		{"another slash is just one", "a/b", "X", `{"name":"a/b","value":"X","objectTypeId":"0-1"}`},
		{"a dash alone is no object type", "x-y/b", "X", `{"name":"x-y/b","value":"X","objectTypeId":"0-1"}`},
		{"a dot is just a dot", "a.b", "X", `{"name":"a.b","value":"X","objectTypeId":"0-1"}`},
		{"numbers are strings", "n", 19.99, `{"name":"n","value":"19.99","objectTypeId":"0-1"}`},
		{"bools are strings", "b", true, `{"name":"b","value":"true","objectTypeId":"0-1"}`},
		{"0 and false are values", "b", false, `{"name":"b","value":"false","objectTypeId":"0-1"}`},
		{"lists join with ;", "l", []string{"a", "b"}, `{"name":"l","value":"a;b","objectTypeId":"0-1"}`},
		{"times are ISO 8601", "t", time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), `{"name":"t","value":"2026-04-22T19:45:00+00:00","objectTypeId":"0-1"}`},
		{"an empty value is left out", "e", "", ``},
		{"an empty list too", "e", []string{}, ``},
		{"and what is empty in a list", "e", []any{nil, "", "a", "", "b"}, `{"name":"e","value":"a;b","objectTypeId":"0-1"}`},
		{"a nil too", "e", nil, ``},
		{"empty bytes too", "e", []byte{}, ``},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			m := mapping.Mapping{Rules: []mapping.Rule{{Field: "v", Name: tt.name}}}
			for _, missing := range []encode.Missing{encode.Omit, encode.Null, encode.Empty} {
				assert.Equal(t, `{"fields":[`+tt.want+`]}`, payload(t, encode.HubSpotForms, m, &encode.Options{Missing: missing}, mapping.Lead{"v": tt.v}))
			}
		})
	}
}

func TestHubSpotMessageTypeOnlyWhereARuleAsks(t *testing.T) {
	lead := typed(mapping.Lead{"email": "x"}, "new_lead")
	assert.Equal(t, `{"fields":[{"name":"email","value":"x","objectTypeId":"0-1"}]}`,
		payload(t, encode.HubSpotForms, mapping.Mapping{Rules: rules("email", "email")}, nil, lead))
	assert.Equal(t, `{"fields":[{"name":"kind","value":"new_lead","objectTypeId":"0-1"}]}`,
		payload(t, encode.HubSpotForms, mapping.Mapping{Rules: rules("messageType", "kind")}, nil, lead))
}

func TestHubSpotSubmittedAt(t *testing.T) {
	m := mapping.Mapping{Rules: rules("createdAt", "submittedAt")}
	at := time.Date(2026, 4, 20, 14, 30, 0, 0, time.UTC)
	for proves, v := range map[string]any{
		"a time": at, "a pointer to one": &at, "RFC 3339": "2026-04-20T16:30:00+02:00", "milliseconds": int64(1776695400000), "milliseconds as text": "1776695400000",
	} {
		assert.Equal(t, `{"fields":[],"submittedAt":"1776695400000"}`, payload(t, encode.HubSpotForms, m, nil, mapping.Lead{"createdAt": v}), proves)
	}
	for _, v := range []any{nil, "", (*time.Time)(nil)} {
		assert.Equal(t, `{"fields":[]}`, payload(t, encode.HubSpotForms, m, nil, mapping.Lead{"createdAt": v}))
	}
	e, err := compile(t, encode.HubSpotForms, m, nil)
	require.NoError(t, err)
	for _, v := range []any{"yesterday", "+5", "007", time.Unix(1<<55, 0)} {
		_, err = e.Append(nil, mapping.Lead{"createdAt": v})
		assert.ErrorContains(t, err, `field "createdAt"`)
		assert.NotContains(t, err.Error(), "yesterday")
	}
	constant := "2026-04-20T16:30:00+02:00"
	e, err = compile(t, encode.HubSpotForms, mapping.Mapping{Constants: []mapping.Constant{{Name: "submittedAt", Value: &constant}}}, nil)
	require.NoError(t, err)
	constant = "changed"
	got, err := e.Append(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, `{"fields":[],"submittedAt":"1776695400000"}`, string(got))
}

func TestHubSpotContextAndConsent(t *testing.T) {
	m := mapping.Mapping{Rules: rules("company", "context.pageName", "website", "context.pageUri", "email", "email"),
		Constants: []mapping.Constant{{Name: "legalConsentOptions.consent.consentToProcess", Value: true}}}
	assert.Equal(t, `{"fields":[{"name":"email","value":"x","objectTypeId":"0-1"}],"context":{"pageUri":"u"},"legalConsentOptions":{"consent":{"consentToProcess":true}}}`,
		payload(t, encode.HubSpotForms, m, nil, mapping.Lead{"email": "x", "company": "", "website": "u"}))
	m.Constants = nil
	m.Rules = append(m.Rules, mapping.Rule{Field: "message", Name: "legalConsentOptions.consent.text"})
	assert.Equal(t, `{"fields":[]}`, payload(t, encode.HubSpotForms, m, nil, mapping.Lead{}), "nothing empty goes out: {} is refused there")
}

func TestHubSpotContextMembers(t *testing.T) {
	for _, member := range []string{"hutk", "ipAddress", "pageUri", "pageName", "pageId", "sfdcCampaignId", "goToWebinarWebinarKey"} {
		m := mapping.Mapping{Rules: rules("message", "context."+member)}
		assert.Equal(t, `{"fields":[],"context":{"`+member+`":"x"}}`, payload(t, encode.HubSpotForms, m, nil, mapping.Lead{"message": "x"}))
	}
	_, err := compile(t, encode.HubSpotForms, mapping.Mapping{Constants: []mapping.Constant{{Name: "submittedAt", Value: "yesterday"}}}, nil)
	assert.ErrorContains(t, err, `constant 0 ("submittedAt")`)
}

func TestHubSpotRefuses(t *testing.T) {
	for _, tt := range []struct {
		proves string
		names  []string
		index  int
		says   string
	}{
		{"a property twice", []string{"email", "0-1/email"}, 1, "has a value already (rule 0)"},
		{"an unknown member of context", []string{"context.ip"}, 0, "ipAddress"},
		{"no property behind the object type", []string{"0-2/"}, 0, "no property name"},
		{"both grounds of consent", []string{"legalConsentOptions.consent.text", "legalConsentOptions.legitimateInterest.text"}, 1, "either consent or legitimateInterest"},
		{"another ground", []string{"legalConsentOptions.foo.text"}, 0, "below consent or legitimateInterest"},
		{"a ground that is a value", []string{"legalConsentOptions.consent"}, 0, "below consent or legitimateInterest"},
		{"the object of consent itself", []string{"legalConsentOptions"}, 0, "legalConsentOptions.consent.text"},
		{"the object of context itself", []string{"context"}, 0, "context.pageUri"},
		{"a broken name of consent", []string{"legalConsentOptions.consent..text"}, 0, "empty key"},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			m, _ := named(tt.names...)
			_, err := compile(t, encode.HubSpotForms, m, nil)
			var fault *mapping.RuleError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.index, fault.Index)
			assert.ErrorContains(t, fault, tt.says)
		})
	}
	names := make([]string, 1001)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	m, _ := named(names...)
	_, err := compile(t, encode.HubSpotForms, m, nil)
	assert.ErrorContains(t, err, "1000 fields at most, these are 1001")
	m, _ = named(names[:1000]...)
	_, err = compile(t, encode.HubSpotForms, m, nil)
	assert.NoError(t, err)
}
