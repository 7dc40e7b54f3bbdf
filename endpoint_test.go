package leadhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

const secretText = "hidden"

func secretive() leadhook.Endpoint {
	e := endpoint("crm")
	e.URL += "/" + secretText + "?key=" + secretText
	e.Headers = map[string]string{"Authorization": "Bearer " + secretText}
	e.Secrets = []string{"whsec_" + secretText + "AAAAAAAAAAAAAAAAAAAAAAAAAA"}
	return e
}

func TestSecretsNeverShow(t *testing.T) {
	e := secretive()
	d := dispatcher(t, &delivertest.Fake{}, e)
	req, err := d.Preview("crm", newLead())
	require.NoError(t, err)
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		log.Info("all", "endpoint", e, "pointer", &e, "request", req, "destination", req.Destination, "dispatcher", d)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+verb, e, &e, []leadhook.Endpoint{e}, map[string]leadhook.Endpoint{"a": e}, struct{ E leadhook.Endpoint }{e})
		fmt.Fprintf(&out, verb+verb+verb, d, req, *d)
	}
	e.URL, e.Headers["X"], e.Secrets[0], e.Timeout = "ftp://"+secretText, secretText+"\r\n", secretText, -1
	fmt.Fprint(&out, e.Validate(nil), d.SetEndpoints([]leadhook.Endpoint{e}))
	assert.NotContains(t, out.String(), secretText)
	assert.Contains(t, out.String(), "https://example.com")
}

func TestAnEndpointSurvivesJSON(t *testing.T) {
	e := secretive()
	e.Name, e.Format, e.Type = "Acme's CRM", encode.Form, routing.NewLeadsAndUpdates
	e.Encoding = encode.Options{Missing: encode.Null, Lists: encode.Indices, XMLRoot: "x", WebhookURL: "https://example.com"}
	e.Mapping.Constants = []mapping.Constant{{Name: "n", Value: json.Number("9007199254740993")}, {Name: "s", Value: "text"}, {Name: "b", Value: false}}
	e.LeadOrders, e.Disabled, e.Held, e.Timeout, e.MaxAttempts, e.Accept = []string{"lo-1"}, true, true, 3*time.Second, 7, []int{200, 204}
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var back leadhook.Endpoint
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, fmt.Sprintf("%+v", plain(e)), fmt.Sprintf("%+v", plain(back)))
	assert.True(t, assert.ObjectsAreEqual(e, back))

	text, err = json.Marshal(endpoint("crm"))
	require.NoError(t, err)
	assert.Equal(t, `{"id":"crm","url":"https://example.com/crm","mapping":{"rules":[{"field":"email","name":"email"}]}}`, string(text))
}

type plain leadhook.Endpoint

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	e := leadhook.Endpoint{
		ID: "crm\x00", URL: "example.com", Format: "yaml", Type: "sometimes", LeadOrders: []string{"a", ""},
		Headers: map[string]string{"Host": "x", "X-A": "1", "x-a": "2", "Bad Name": "1"},
		Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "short"},
		Timeout: -1, MaxAttempts: -1, Accept: []int{42},
		Encoding: encode.Options{WebhookURL: "nowhere"},
		Mapping:  mapped("frstName", "first"),
	}
	err := e.Validate(nil)
	var settings []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *leadhook.EndpointError
		require.ErrorAs(t, err, &fault)
		assert.Equal(t, "crm\x00", fault.Endpoint)
		settings = append(settings, fault.Setting)
	}
	assert.ElementsMatch(t, []string{
		"id", "url", "type", "leadOrders[1]", `headers."Host"`, `headers."x-a"`, `headers."Bad Name"`, "secrets[1]", "timeout", "maxAttempts", "accept", "encoding.webhookUrl", "mapping",
		"format",
	}, settings)
	assert.NoError(t, endpoint("crm").Validate(nil))

	e = endpoint("crm")
	e.Timeout = 15
	assert.ErrorContains(t, e.Validate(nil), "in JSON a timeout is in nanoseconds")
}

// A fault of the rules must not hide those of the format, nor move their index.
func TestValidateShowsFaultsOfRulesAndOfTheFormatTogether(t *testing.T) {
	e := endpoint("crm")
	e.Mapping = mapped("frstName", "first", "email", "a..b", "phone", "contact", "lstName", "last", "city", "contact.city")
	e.Mapping.Constants = []mapping.Constant{{Name: "", Value: 1}, {Name: ".x", Value: 1}}
	err := e.Validate(nil)
	for _, says := range []string{
		`endpoint "crm": mapping: rule 0 ("frstName" → "first"): field "frstName" is not in the catalog; did you mean "firstName"?`,
		`endpoint "crm": mapping: rule 1 ("email" → "a..b"): there is an empty key`,
		`endpoint "crm": mapping: rule 3 ("lstName" → "last")`,
		`endpoint "crm": mapping: rule 4 ("city" → "contact.city"): the name nests inside "contact", which is a value (rule 2)`,
		`endpoint "crm": mapping: constant 0 (""): the name is empty`,
		`endpoint "crm": mapping: constant 1 (".x"): there is an empty key`,
	} {
		assert.ErrorContains(t, err, says)
	}
	var order []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *mapping.RuleError
		require.True(t, errors.As(err, &fault))
		order = append(order, fmt.Sprint(fault.Constant, fault.Index))
	}
	assert.Equal(t, []string{"false 0", "false 1", "false 3", "false 4", "true 0", "true 1"}, order, "in the mapping's order")
}

// FuzzEndpoint: hostile configurations and leads give errors, never a panic.
func FuzzEndpoint(f *testing.F) {
	text, _ := json.Marshal(secretive())
	f.Add(text, []byte(`{"leadId":"1","email":"a"}`))
	f.Add([]byte(`{"id":"a","url":"http://x","mapping":{"constants":[{"name":"0.1","value":[{}]}]},"format":"hubspot_forms_v3"}`), []byte(`{"leadId":[]}`))
	f.Fuzz(func(t *testing.T, config, data []byte) {
		var e leadhook.Endpoint
		if json.Unmarshal(config, &e) != nil {
			return
		}
		fake := &delivertest.Fake{}
		d, err := leadhook.New(fake, nil)
		require.NoError(t, err)
		if err := d.SetEndpoints([]leadhook.Endpoint{e}); err != nil {
			require.Error(t, e.Validate(nil))
			return
		}
		require.NoError(t, e.Validate(nil))
		lead, err := mapping.ParseLead(data)
		if err != nil {
			return
		}
		d.Dispatch(context.Background(), routing.Message{Type: routing.MessageNewLead, Lead: lead})
		if _, err := d.SendTest(context.Background(), e.ID); err != nil && !e.Held {
			t.Fatalf("the example lead cannot be sent: %v", err)
		}
	})
}
