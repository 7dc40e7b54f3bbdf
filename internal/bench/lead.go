package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// newLead returns the lead of all measurements: every standard field but the
// meeting's, as a host that decodes it from its database would hold it.
func newLead() mapping.Lead {
	return mapping.Lead{
		mapping.FieldMessageType: "new_lead",
		mapping.FieldLeadID:      "ld_8f31c0a7",
		mapping.FieldLeadOrderID: "lo_2291",
		mapping.FieldCreatedAt:   time.Date(2026, time.April, 20, 14, 30, 0, 0, time.UTC),
		mapping.FieldFirstName:   "Søren",
		mapping.FieldLastName:    "O'Connor",
		mapping.FieldEmail:       "soren.oconnor@example.com",
		mapping.FieldPhone:       "+45 20 12 34 56",
		mapping.FieldCompany:     "Müller & Söhne GmbH",
		mapping.FieldJobTitle:    "Head of Operations",
		mapping.FieldCompanySize: 250,
		mapping.FieldIndustry:    "Manufacturing",
		mapping.FieldWebsite:     "https://www.example.com/about?lang=da",
		mapping.FieldAddress:     "12 Example Street, 3rd floor",
		mapping.FieldCity:        "Copenhagen",
		mapping.FieldState:       "Hovedstaden",
		mapping.FieldPostalCode:  "2200",
		mapping.FieldCountry:     "DK",
		mapping.FieldMessage: "We run three plants and want to replace our booking tool by autumn. " +
			"Could you send prices for 250 seats, and call me in the afternoon?",
	}
}

// rules are the mapping of all measurements: 19 names, 12 of them nested.
var rules = []mapping.Rule{
	{Field: mapping.FieldMessageType, Name: "type"},
	{Field: mapping.FieldLeadID, Name: "id"},
	{Field: mapping.FieldLeadOrderID, Name: "orderId"},
	{Field: mapping.FieldCreatedAt, Name: "createdAt"},
	{Field: mapping.FieldFirstName, Name: "contact.name.first"},
	{Field: mapping.FieldLastName, Name: "contact.name.last"},
	{Field: mapping.FieldEmail, Name: "contact.email"},
	{Field: mapping.FieldPhone, Name: "contact.phone"},
	{Field: mapping.FieldCompany, Name: "company.name"},
	{Field: mapping.FieldCompanySize, Name: "company.size"},
	{Field: mapping.FieldIndustry, Name: "company.industry"},
	{Field: mapping.FieldAddress, Name: "company.address.street"},
	{Field: mapping.FieldCity, Name: "company.address.city"},
	{Field: mapping.FieldState, Name: "company.address.state"},
	{Field: mapping.FieldPostalCode, Name: "company.address.postalCode"},
	{Field: mapping.FieldCountry, Name: "company.address.country"},
	{Field: mapping.FieldJobTitle, Name: "jobTitle"},
	{Field: mapping.FieldWebsite, Name: "website"},
	{Field: mapping.FieldMessage, Name: "message"},
}

// A sample is a lead, and the mapping that is to be applied to it.
type sample struct {
	lead  mapping.Lead
	rules []mapping.Rule
	paths []mapping.Path // of the rules' names
}

// newSample returns the lead and the mapping with so many fields: a host's own
// questions, three of five in a container, where the standard ones do not do.
func newSample(fields int) sample {
	s := sample{lead: newLead(), rules: rules}
	for i := len(s.rules); i < fields; i++ {
		key := "question" + strconv.Itoa(i)
		name := key
		if i%5 < 3 {
			name = "answers." + key
		}
		s.lead[key] = "Answer no. " + strconv.Itoa(i)
		s.rules = append(s.rules[:i:i], mapping.Rule{Field: key, Name: name})
	}
	for _, r := range s.rules {
		path, err := mapping.ParsePath(r.Name)
		must(err)
		s.paths = append(s.paths, path)
	}
	return s
}

// without leaves n of the lead's fields out.
func (s sample) without(n int) sample {
	lead := mapping.Lead{}
	for i, r := range s.rules {
		if i%4 != 1 || n == 0 {
			lead[r.Field] = s.lead[r.Field]
			continue
		}
		n--
	}
	s.lead = lead
	if n > 0 {
		panic("too few fields to leave out")
	}
	return s
}

func (s sample) catalog() *mapping.Catalog {
	var own []mapping.Field
	for _, r := range s.rules[len(rules):] {
		own = append(own, mapping.Field{Key: r.Field})
	}
	c, err := mapping.Standard().Extend(own...)
	must(err)
	return c
}

func (s sample) plan() *mapping.Plan {
	p, err := mapping.Compile(mapping.Mapping{Rules: s.rules}, s.catalog())
	must(err)
	return p
}

func (s sample) encoder(f encode.Format, o *encode.Options) encode.Encoder {
	e, err := encode.New(f, s.plan(), o)
	must(err)
	return e
}

// plain returns v as the peers can write it: they have no format for times that
// is ours.
func plain(v any) any {
	if t, ok := v.(time.Time); ok {
		return formatTime(t)
	}
	return v
}

// text returns v for peers that write texts only.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return formatTime(v)
	}
	panic(fmt.Sprintf("the lead holds a %T", v))
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
