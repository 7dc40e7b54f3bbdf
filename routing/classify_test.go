package routing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func TestClassify(t *testing.T) {
	at := time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC)
	lead := func(meeting any) mapping.Lead { return mapping.Lead{"leadId": "1", "requestedMeetingTime": meeting} }
	words := func(meeting any) mapping.Lead {
		return mapping.Lead{"leadId": "1", "formattedRequestedMeetingTime": meeting}
	}
	for _, tt := range []struct {
		proves            string
		previous, current mapping.Source
		want              routing.MessageType
	}{
		{"nothing known before", nil, lead(nil), "new_lead"},
		{"nothing known before, a meeting now", nil, lead(at), "new_lead"},
		{"an empty lead is nothing known", mapping.Lead{}, lead(nil), "new_lead"},
		{"a nil lead is nothing known", mapping.Lead(nil), lead(nil), "new_lead"},
		{"the meeting was set", lead(nil), lead(at), "lead_update"},
		{"the meeting was changed", lead(at), lead(at.Add(time.Minute)), "lead_update"},
		{"the same meeting", lead(at), lead(at), ""},
		{"the same instant in another zone", lead(at), lead(at.In(time.FixedZone("", 3600))), ""},
		{"the same instant as text", lead(at), lead("2026-04-22T21:45:00+02:00"), ""},
		{"another instant as text", lead(at), lead("2026-04-22T21:45:00Z"), "lead_update"},
		{"the meeting was taken back", lead(at), lead(nil), ""},
		{"something else changed", mapping.Lead{"leadId": "1", "email": "a"}, mapping.Lead{"leadId": "1", "email": "b"}, ""},
		{"words set where there is no instant", words(nil), words("Wednesday"), "lead_update"},
		{"words changed", words("Tuesday"), words("Wednesday"), "lead_update"},
		{"the same words", words("Tuesday"), words("Tuesday"), ""},
		{"nothing now", lead(at), nil, ""},
	} {
		t.Run(tt.proves, func(t *testing.T) {
			got, ok := routing.Classify(tt.previous, tt.current)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.want != "", ok)
		})
	}
}
