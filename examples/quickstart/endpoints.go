package main

import (
	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// catalog is what this host offers for mapping: the standard fields and three
// questions of its own.
func catalog() (*mapping.Catalog, error) {
	return mapping.Standard().Extend(
		mapping.Field{Key: "budget", Label: "Budget", Kind: mapping.Number, Example: 5000},
		mapping.Field{Key: "interests", Label: "Interests", Kind: mapping.List, Example: []string{"demo", "pricing"}},
		mapping.Field{Key: "timeZone", Label: "Time zone", Example: "America/New_York"},
	)
}

// endpoints is six receiving systems at one address. Each wants something else.
func endpoints(address string) []leadhook.Endpoint {
	return []leadhook.Endpoint{{
		ID: "flat", URL: address + "/flat",
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: "leadId", Name: "id"},
			{Field: "firstName", Name: "first_name"},
			{Field: "lastName", Name: "last_name"},
			{Field: "email", Name: "email"},
			{Field: "phone", Name: "phone"},
			{Field: "budget", Name: "budget"},
		}},
	}, {
		ID: "nested", URL: address + "/nested", Type: routing.NewLeadsAndUpdates,
		Secrets: []string{"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}, // signs, as Standard Webhooks does
		Mapping: mapping.Mapping{
			Rules: []mapping.Rule{
				{Field: "messageType", Name: "meta.event"},
				{Field: "leadId", Name: "meta.id"},
				{Field: "firstName", Name: "contact.name.first"},
				{Field: "lastName", Name: "contact.name.last"},
				{Field: "email", Name: "contact.emails.0"},
				{Field: "phone", Name: "contact.phones.0.number"},
				{Field: "company", Name: "company.name"},
				{Field: "interests", Name: "interests"},
				{Field: "requestedMeetingTime", Name: "meeting.at"},
				{Field: "formattedRequestedMeetingTime", Name: "meeting.text"},
			},
			Constants: []mapping.Constant{{Name: "meta.source", Value: "quickstart"}},
		},
	}, {
		ID: "xml", URL: address + "/xml", Format: encode.XML,
		Encoding: encode.Options{XMLRoot: "prospect"},
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: "leadId", Name: "Id"},
			{Field: "company", Name: "Company"},
			{Field: "email", Name: "Email"},
			{Field: "message", Name: "Message"},
			{Field: "interests", Name: "Interest"},
		}},
	}, {
		ID: "form", URL: address + "/form", Format: encode.Form, LeadOrders: []string{"lo-nyc-01", "lo-nyc-02"},
		Encoding: encode.Options{Lists: encode.Brackets},
		Mapping: mapping.Mapping{
			Rules: []mapping.Rule{
				{Field: "email", Name: "email"},
				{Field: "firstName", Name: "name"},
				{Field: "city", Name: "city"},
				{Field: "interests", Name: "interests"},
			},
			Constants: []mapping.Constant{{Name: "api_version", Value: 2}},
		},
	}, {
		ID: "hubspot", URL: address + "/submissions/v3/integration/submit/1234567/0a1b2c3d-0000-4000-8000-000000000000", Format: encode.HubSpotForms,
		Mapping: mapping.Mapping{
			Rules: []mapping.Rule{
				{Field: "email", Name: "email"},
				{Field: "firstName", Name: "firstname"},
				{Field: "lastName", Name: "lastname"},
				{Field: "company", Name: "0-2/name"}, // a company's property
				{Field: "interests", Name: "interests"},
				{Field: "createdAt", Name: "submittedAt"},
			},
			Constants: []mapping.Constant{{Name: "context.pageName", Value: "Quickstart"}},
		},
	}, {
		ID: "updates", URL: address + "/updates", Type: routing.LeadUpdatesOnly,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: "leadId", Name: "id"},
			{Field: "formattedRequestedMeetingTime", Name: "meeting"},
		}},
	}}
}
