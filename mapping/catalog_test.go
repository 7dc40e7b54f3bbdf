package mapping_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/mapping"
)

func TestStandardFields(t *testing.T) {
	var keys []string
	for _, f := range mapping.Standard().Fields() {
		keys = append(keys, f.Key)
		assert.NotEmpty(t, f.Label, f.Key)
		personal := slices.Contains([]string{"firstName", "lastName", "email", "phone", "address", "message"}, f.Key)
		assert.Equal(t, personal, f.Sensitive, f.Key)
	}
	assert.Equal(t, []string{
		"messageType", "leadId", "leadOrderId", "createdAt", "firstName", "lastName", "email", "phone",
		"company", "jobTitle", "companySize", "industry", "website", "address", "city", "state", "postalCode",
		"country", "message", "requestedMeetingTime", "formattedRequestedMeetingTime",
	}, keys)
}

func TestExampleLeadHasAllButTheMessageType(t *testing.T) {
	c := mapping.Standard()
	lead := c.Example()
	for _, f := range c.Fields() {
		_, ok := lead.Value(f.Key)
		assert.Equal(t, f.Key != mapping.FieldMessageType, ok, f.Key)
	}
	delete(lead, "email")
	assert.Contains(t, c.Example(), "email", "each call gives a lead of its own")
}

func TestExtendAddsAHostsOwnQuestions(t *testing.T) {
	budget := mapping.Field{Key: "budget", Label: "Budget", Kind: mapping.Number, Example: 10000}
	c, err := mapping.Standard().Extend(budget)
	require.NoError(t, err)
	got, ok := c.Lookup("budget")
	assert.True(t, ok)
	assert.Equal(t, budget, got)
	assert.Equal(t, 10000, c.Example()["budget"])
	_, ok = mapping.Standard().Lookup("budget")
	assert.False(t, ok, "the catalog that was extended stays as it was")

	_, err = mapping.Standard().Extend(mapping.Field{Key: "email"}, mapping.Field{}, mapping.Field{Key: "\xff"})
	assert.ErrorContains(t, err, `field 21: key "email" is that of field 6 already`)
	assert.ErrorContains(t, err, "field 22 has no key")
	assert.ErrorContains(t, err, "not valid UTF-8")
}

func TestJSONIsStable(t *testing.T) {
	m := mapping.Mapping{
		Rules: rules("firstName", "contact.firstName"),
		Constants: []mapping.Constant{
			{Name: "n", Value: json.Number("9007199254740993")}, {Name: "price", Value: json.Number("19.90")},
			{Name: "ok", Value: true}, {Name: "list", Value: []any{"a", json.Number("1")}},
		},
	}
	const text = `{"rules":[{"field":"firstName","name":"contact.firstName"}],"constants":[` +
		`{"name":"n","value":9007199254740993},{"name":"price","value":19.90},{"name":"ok","value":true},{"name":"list","value":["a",1]}]}`
	got, err := json.Marshal(m)
	require.NoError(t, err)
	assert.Equal(t, text, string(got))
	var back mapping.Mapping
	require.NoError(t, json.Unmarshal([]byte(text), &back))
	assert.Equal(t, m, back, "and digits survive the way back")

	got, err = json.Marshal(mapping.Constant{Name: "t", Value: time.Date(2026, 4, 22, 21, 45, 0, 0, time.FixedZone("", 7200))})
	require.NoError(t, err)
	assert.Equal(t, `{"name":"t","value":"2026-04-22T19:45:00+00:00"}`, string(got), "a time is kept as payloads have it")

	// What comes back from a database encodes to the same text.
	type word []byte
	at := time.Date(2026, 4, 22, 15, 45, 0, 0, time.FixedZone("", -4*3600))
	for want, v := range map[string]any{
		`"1m0s"`: time.Minute, `"April"`: time.April, `"bytes"`: word("bytes"), `["x",["y"]]`: []any{[]byte("x"), [][]byte{[]byte("y")}},
		`["2026-04-22T19:45:00+00:00"]`: []*time.Time{&at}, `{"at":"2026-04-22T19:45:00+00:00"}`: map[string]any{"at": at}, `{"raw":1}`: json.RawMessage(`{"raw":1}`),
		`null`: nil, `19.90`: json.Number("19.90"),
	} {
		got, err := json.Marshal(mapping.Constant{Name: "c", Value: v})
		require.NoError(t, err)
		assert.Equal(t, `{"name":"c","value":`+want+`}`, string(got))
	}
	_, err = json.Marshal(mapping.Constant{Name: "c", Value: make(chan int)})
	assert.Error(t, err)

	field := mapping.Field{Key: "budget", Label: "Budget", Kind: mapping.Number, Sensitive: true, Example: "x"}
	got, err = json.Marshal(field)
	require.NoError(t, err)
	assert.Equal(t, `{"key":"budget","label":"Budget","kind":"number","example":"x","sensitive":true}`, string(got))
	var f mapping.Field
	require.NoError(t, json.Unmarshal(got, &f))
	assert.Equal(t, field, f)
}

func TestFieldsKeepTheirExamplesDigits(t *testing.T) {
	for want, v := range map[string]any{`9007199254740993`: json.Number("9007199254740993"), `"2026-04-22T19:45:00+00:00"`: time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)} {
		text, err := json.Marshal(mapping.Field{Key: "k", Example: v})
		require.NoError(t, err)
		assert.Equal(t, `{"key":"k","kind":"text","example":`+want+`}`, string(text))
		var back mapping.Field
		require.NoError(t, json.Unmarshal(text, &back))
		again, err := json.Marshal(back)
		require.NoError(t, err)
		assert.Equal(t, string(text), string(again))
	}
}

func TestKindsHaveNames(t *testing.T) {
	want := []string{"text", "email", "phone", "url", "number", "bool", "time", "list"}
	for k := mapping.Text; k <= mapping.List; k++ {
		text, err := k.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, want[k], string(text))
		var back mapping.Kind
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, k, back)
	}
	_, err := mapping.Kind(99).MarshalText()
	assert.Error(t, err)
	var k mapping.Kind
	assert.ErrorContains(t, k.UnmarshalText([]byte("txt")), `text, email`)
}
