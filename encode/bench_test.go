package encode_test

import (
	"testing"
	"time"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// The lead and the mapping of all benchmarks: 19 fields, 12 of them nested.
func benchLead() mapping.Lead {
	lead := mapping.Lead{
		"leadId":      "ld_8f31c0a7",
		"createdAt":   time.Date(2026, 4, 20, 14, 30, 0, 0, time.UTC),
		"firstName":   "Soren",
		"lastName":    "O'Connor",
		"email":       "soren.oconnor@example.com",
		"phone":       "+45 20 12 34 56",
		"company":     "Müller & Söhne GmbH",
		"jobTitle":    "Head of Operations",
		"companySize": 250,
		"industry":    "Manufacturing",
		"website":     "https://www.example.com/about?lang=da",
		"address":     "12 Norrebrogade, 3rd floor",
		"city":        "København",
		"state":       "Hovedstaden",
		"postalCode":  "2200",
		"country":     "DK",
		"message":     "We run three plants and want to replace our booking tool by autumn. Could you send prices for 250 seats, and call me in the afternoon?",
	}
	lead.SetMeeting(time.Date(2026, 4, 22, 19, 45, 0, 0, time.UTC), nil)
	return lead
}

var benchRules = []mapping.Rule{
	{Field: "leadId", Name: "id"},
	{Field: "createdAt", Name: "createdAt"},
	{Field: "firstName", Name: "contact.firstName"},
	{Field: "lastName", Name: "contact.lastName"},
	{Field: "email", Name: "contact.email"},
	{Field: "phone", Name: "contact.phone"},
	{Field: "jobTitle", Name: "contact.jobTitle"},
	{Field: "company", Name: "company.name"},
	{Field: "companySize", Name: "company.size"},
	{Field: "industry", Name: "company.industry"},
	{Field: "website", Name: "company.website"},
	{Field: "address", Name: "address"},
	{Field: "city", Name: "city"},
	{Field: "state", Name: "state"},
	{Field: "postalCode", Name: "location.postalCode"},
	{Field: "country", Name: "location.country"},
	{Field: "message", Name: "message"},
	{Field: "requestedMeetingTime", Name: "meeting.at"},
	{Field: "formattedRequestedMeetingTime", Name: "meetingText"},
}

func benchEncoder(tb testing.TB, f encode.Format) encode.Encoder {
	plan, err := mapping.Compile(mapping.Mapping{Rules: benchRules}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := encode.New(f, plan, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// BenchmarkAppend is for work on an encoder; internal/bench has others beside it.
func BenchmarkAppend(b *testing.B) {
	for _, f := range encode.Formats() {
		b.Run(string(f), func(b *testing.B) {
			e, lead := benchEncoder(b, f), mapping.Source(benchLead())
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = e.Append(buf[:0], lead); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
