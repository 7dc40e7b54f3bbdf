package encode_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"testing"
	"time"

	"github.com/tidwall/sjson"

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

func benchAppend(b *testing.B, f encode.Format) { benchEncode(b, benchEncoder(b, f)) }

func benchEncode(b *testing.B, e encode.Encoder) {
	lead := mapping.Source(benchLead())
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = e.Append(buf[:0], lead); err != nil {
			b.Fatal(err)
		}
	}
}

func plainTime(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format("2006-01-02T15:04:05+00:00")
	}
	return v
}

func plainText(v any) string {
	switch v := plainTime(v).(type) {
	case string:
		return v
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

// BenchmarkJSON has encoding/json on nested maps and a sjson.Set for each field
// beside it.
func BenchmarkJSON(b *testing.B) {
	b.Run("leadhook", func(b *testing.B) { benchAppend(b, encode.JSON) })
	b.Run("encoding-json", func(b *testing.B) {
		lead := benchLead()
		paths := make([]mapping.Path, len(benchRules))
		for i, r := range benchRules {
			paths[i], _ = mapping.ParsePath(r.Name)
		}
		b.ReportAllocs()
		for b.Loop() {
			root := map[string]any{}
			for i, r := range benchRules {
				at := root
				for _, key := range paths[i][:len(paths[i])-1] {
					next, ok := at[key].(map[string]any)
					if !ok {
						next = map[string]any{}
						at[key] = next
					}
					at = next
				}
				at[paths[i][len(paths[i])-1]] = plainTime(lead[r.Field])
			}
			if _, err := json.Marshal(root); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sjson", func(b *testing.B) {
		lead := benchLead()
		b.ReportAllocs()
		for b.Loop() {
			var doc string
			var err error
			for _, r := range benchRules {
				if doc, err = sjson.Set(doc, r.Name, plainTime(lead[r.Field])); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkXML has the tokens of encoding/xml beside it.
func BenchmarkXML(b *testing.B) {
	b.Run("leadhook", func(b *testing.B) { benchAppend(b, encode.XML) })
	b.Run("encoding-xml", func(b *testing.B) {
		lead := benchLead()
		var buf bytes.Buffer
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			buf.WriteString(xml.Header)
			e := xml.NewEncoder(&buf)
			root := xml.StartElement{Name: xml.Name{Local: "lead"}}
			e.EncodeToken(root)
			for _, r := range benchRules {
				start := xml.StartElement{Name: xml.Name{Local: r.Name}}
				e.EncodeToken(start)
				e.EncodeToken(xml.CharData(plainText(lead[r.Field])))
				e.EncodeToken(start.End())
			}
			e.EncodeToken(root.End())
			if err := e.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkForm has url.Values beside it.
func BenchmarkForm(b *testing.B) {
	b.Run("leadhook", func(b *testing.B) { benchAppend(b, encode.Form) })
	b.Run("url-Values", func(b *testing.B) {
		lead := benchLead()
		b.ReportAllocs()
		for b.Loop() {
			values := make(url.Values, len(benchRules))
			for _, r := range benchRules {
				values.Set(r.Name, plainText(lead[r.Field]))
			}
			_ = values.Encode()
		}
	})
}

// BenchmarkHubSpot has encoding/json on structs beside it. Both write a whole
// submission: the page's context and the consent ride along.
func BenchmarkHubSpot(b *testing.B) {
	const uri, hook = "https://www.example.com/contact?utm_source=newsletter&utm_campaign=spring", "https://api.hsforms.com/submissions/v3/integration/submit/1234567/0a1b2c3d-0000-4000-8000-000000000000"
	b.Run("leadhook", func(b *testing.B) {
		plan, err := mapping.Compile(mapping.Mapping{Rules: benchRules, Constants: []mapping.Constant{
			{Name: "context.pageUri", Value: uri},
			{Name: "context.pageName", Value: "Contact us"},
			{Name: "legalConsentOptions.consent.consentToProcess", Value: true},
			{Name: "legalConsentOptions.consent.text", Value: "I agree to be contacted about my request."},
		}}, nil)
		if err != nil {
			b.Fatal(err)
		}
		e, err := encode.New(encode.HubSpotForms, plan, &encode.Options{WebhookURL: hook})
		if err != nil {
			b.Fatal(err)
		}
		benchEncode(b, e)
	})
	type field struct {
		Name         string `json:"name"`
		Value        string `json:"value"`
		ObjectTypeID string `json:"objectTypeId"`
	}
	type form struct {
		Fields  []field `json:"fields"`
		Context struct {
			PageURI  string `json:"pageUri"`
			PageName string `json:"pageName"`
		} `json:"context"`
		Legal struct {
			Consent struct {
				ConsentToProcess bool   `json:"consentToProcess"`
				Text             string `json:"text"`
			} `json:"consent"`
		} `json:"legalConsentOptions"`
		WebhookURL string `json:"WEBHOOKURL"`
	}
	b.Run("encoding-json", func(b *testing.B) {
		lead := benchLead()
		b.ReportAllocs()
		for b.Loop() {
			f := form{Fields: make([]field, 0, len(benchRules)), WebhookURL: hook}
			f.Context.PageURI, f.Context.PageName = uri, "Contact us"
			f.Legal.Consent.ConsentToProcess, f.Legal.Consent.Text = true, "I agree to be contacted about my request."
			for _, r := range benchRules {
				f.Fields = append(f.Fields, field{r.Name, plainText(lead[r.Field]), "0-1"})
			}
			if _, err := json.Marshal(f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
