package mapping_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine without zone files must pass

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/mapping"
)

func TestParseLeadKeepsDigits(t *testing.T) {
	l, err := mapping.ParseLead([]byte(` {"n":9007199254740993,"p":19.90,"s":"x","b":false,"z":null,"list":[1,"a"]} `))
	require.NoError(t, err)
	assert.Equal(t, mapping.Lead{
		"n": json.Number("9007199254740993"), "p": json.Number("19.90"), "s": "x", "b": false, "z": nil,
		"list": []any{json.Number("1"), "a"},
	}, l)
}

func TestParseLeadRefuses(t *testing.T) {
	for proves, data := range map[string]string{
		"nothing": "", "null": "null", "an array": `["secret"]`, "a string": `"secret"`, "a number": "12",
		"two leads": `{"a":1}{"b":"secret"}`, "a torn lead": `{"a":"secret`, "no JSON": `{"a":secret}`, "true": "true",
	} {
		t.Run(proves, func(t *testing.T) {
			l, err := mapping.ParseLead([]byte(data))
			require.Error(t, err)
			assert.Nil(t, l)
			assert.NotContains(t, err.Error(), "secret", "the error has nothing of the data")
		})
	}
}

func FuzzParseLead(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{}`, `null`, `[1]`, `{"a":{"b":[1e5]}}`, `{"a":1}x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := mapping.ParseLead(data)
		var want map[string]any
		ok := json.Valid(data) && json.Unmarshal(data, &want) == nil && want != nil
		require.Equal(t, ok, err == nil, "%v", err)
		if ok {
			text, err := json.Marshal(l)
			require.NoError(t, err)
			var got map[string]any
			require.NoError(t, json.Unmarshal(text, &got))
			require.True(t, reflect.DeepEqual(want, got))
		}
	})
}

func TestSetMeeting(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	l := mapping.Lead{}
	l.SetMeeting(time.Date(2026, 4, 22, 15, 45, 0, 0, zone), zone)
	assert.Equal(t, time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), l["requestedMeetingTime"])
	assert.Equal(t, "Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight Time", l["formattedRequestedMeetingTime"])

	l.SetMeeting(time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), nil)
	assert.True(t, strings.HasSuffix(l["formattedRequestedMeetingTime"].(string), "7:45 PM Coordinated Universal Time"))
}
