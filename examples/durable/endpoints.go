package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// endpointsOf reads the endpoints' file; without one it starts the demonstration,
// which done ends.
func endpointsOf(s *settings) (list []leadhook.Endpoint, done func(), err error) {
	if s.endpoints == "" {
		receiver := delivertest.NewReceiver()
		s.private = true
		return demo(receiver.URL), receiver.Close, nil
	}
	data, err := os.ReadFile(s.endpoints)
	if err != nil {
		return nil, nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields() // a misspelt setting shows
	if err := decoder.Decode(&list); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.endpoints, err)
	}
	return list, func() {}, nil
}

// demo is three customers' systems below a URL.
func demo(url string) []leadhook.Endpoint {
	return []leadhook.Endpoint{{
		ID: "crm", URL: url + "/crm", Type: routing.NewLeadsAndUpdates,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: mapping.FieldLeadID, Name: "id"},
			{Field: mapping.FieldFirstName, Name: "contact.firstName"},
			{Field: mapping.FieldEmail, Name: "contact.email"},
			{Field: mapping.FieldRequestedMeetingTime, Name: "meeting"},
		}},
	}, {
		ID: "newsletter", URL: url + "/newsletter", Format: encode.Form,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: mapping.FieldEmail, Name: "EMAIL"}}},
	}, {
		ID: "calendar", URL: url + "/calendar", Format: encode.XML, Type: routing.LeadUpdatesOnly,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: mapping.FieldEmail, Name: "guest"},
			{Field: mapping.FieldRequestedMeetingTime, Name: "start"},
		}},
	}}
}
