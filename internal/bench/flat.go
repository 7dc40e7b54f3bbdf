package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"

	"github.com/ajg/form"
	"github.com/beevik/etree"
	"github.com/clbanning/mxj/v2"
	gojson "github.com/goccy/go-json"
	"github.com/google/go-querystring/query"

	"github.com/topprovider/leadhook/mapping"
)

// xmlPeers write an element for each field.
func xmlPeers(s sample) []writer {
	var buf bytes.Buffer
	mxj.XMLEscapeChars(true) // which it does not by itself
	return []writer{
		{"encoding/xml, by tokens", func() []byte {
			buf.Reset()
			buf.WriteString(xml.Header)
			e := xml.NewEncoder(&buf)
			root := xml.StartElement{Name: xml.Name{Local: "lead"}}
			must(e.EncodeToken(root))
			for _, r := range s.rules {
				start := xml.StartElement{Name: xml.Name{Local: r.Name}}
				must(e.EncodeToken(start))
				must(e.EncodeToken(xml.CharData(text(s.lead[r.Field]))))
				must(e.EncodeToken(start.End()))
			}
			must(e.EncodeToken(root.End()))
			must(e.Flush())
			return buf.Bytes()
		}, atLeast(12), "encoding/xml"},
		{"etree", func() []byte {
			buf.Reset()
			doc := etree.NewDocument()
			doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
			root := doc.CreateElement("lead")
			for _, r := range s.rules {
				root.CreateElement(r.Name).SetText(text(s.lead[r.Field]))
			}
			_, err := doc.WriteTo(&buf)
			must(err)
			return buf.Bytes()
		}, atLeast(12), "etree"},
		{"mxj", func() []byte {
			buf.Reset()
			buf.WriteString(xml.Header)
			m := make(mxj.Map, len(s.rules))
			for _, r := range s.rules {
				m[r.Name] = text(s.lead[r.Field])
			}
			must(m.XmlWriter(&buf, "lead"))
			return buf.Bytes()
		}, atLeast(12), "mxj"},
	}
}

// formPeers write pairs of names and values.
func formPeers(s sample) []writer {
	var buf bytes.Buffer
	return []writer{
		{"url.Values.Encode", func() []byte {
			values := make(url.Values, len(s.rules))
			for _, r := range s.rules {
				values.Set(r.Name, text(s.lead[r.Field]))
			}
			return []byte(values.Encode())
		}, atLeast(11), "url.Values"},
		{"ajg/form", func() []byte {
			buf.Reset()
			values := make(map[string]string, len(s.rules))
			for _, r := range s.rules {
				values[r.Name] = text(s.lead[r.Field])
			}
			must(form.NewEncoder(&buf).DelimitWith('/').Encode(values)) // a dot is just a dot
			return buf.Bytes()
		}, atLeast(11), "ajg/form"},
		{"go-querystring", func() []byte {
			values, err := query.Values(newForm(s.lead))
			must(err)
			return []byte(values.Encode())
		}, atLeast(11), "go-querystring"},
	}
}

// A formStruct is the mapping as go-querystring takes one: written into the
// program, and no host's to change.
type formStruct struct {
	Type       string `url:"type"`
	ID         string `url:"id"`
	OrderID    string `url:"orderId"`
	CreatedAt  string `url:"createdAt"`
	First      string `url:"contact.name.first"`
	Last       string `url:"contact.name.last"`
	Email      string `url:"contact.email"`
	Phone      string `url:"contact.phone"`
	Company    string `url:"company.name"`
	Size       string `url:"company.size"`
	Industry   string `url:"company.industry"`
	Street     string `url:"company.address.street"`
	City       string `url:"company.address.city"`
	State      string `url:"company.address.state"`
	PostalCode string `url:"company.address.postalCode"`
	Country    string `url:"company.address.country"`
	JobTitle   string `url:"jobTitle"`
	Website    string `url:"website"`
	Message    string `url:"message"`
}

func newForm(l mapping.Lead) formStruct {
	return formStruct{
		text(l[mapping.FieldMessageType]), text(l[mapping.FieldLeadID]), text(l[mapping.FieldLeadOrderID]), text(l[mapping.FieldCreatedAt]),
		text(l[mapping.FieldFirstName]), text(l[mapping.FieldLastName]), text(l[mapping.FieldEmail]), text(l[mapping.FieldPhone]),
		text(l[mapping.FieldCompany]), text(l[mapping.FieldCompanySize]), text(l[mapping.FieldIndustry]), text(l[mapping.FieldAddress]),
		text(l[mapping.FieldCity]), text(l[mapping.FieldState]), text(l[mapping.FieldPostalCode]), text(l[mapping.FieldCountry]),
		text(l[mapping.FieldJobTitle]), text(l[mapping.FieldWebsite]), text(l[mapping.FieldMessage]),
	}
}

const webhookURL = "https://api.hsforms.com/submissions/v3/integration/submit/1234567/0a1b2c3d-0000-4000-8000-000000000000"

type submission struct {
	Fields     []submissionField `json:"fields"`
	WebhookURL string            `json:"WEBHOOKURL"`
}

type submissionField struct {
	Name         string `json:"name"`
	Value        string `json:"value"`
	ObjectTypeID string `json:"objectTypeId"`
}

// hubspotPeers write a submission from structs.
func hubspotPeers(s sample) []writer {
	var buf bytes.Buffer
	std := json.NewEncoder(&buf)
	std.SetEscapeHTML(false)
	goccy := gojson.NewEncoder(&buf)
	encoded := func(encode func(v any) error) func() []byte {
		return func() []byte {
			buf.Reset()
			form := submission{Fields: make([]submissionField, 0, len(s.rules)), WebhookURL: webhookURL}
			for _, r := range s.rules {
				if value := text(s.lead[r.Field]); value != "" {
					form.Fields = append(form.Fields, submissionField{r.Name, value, "0-1"})
				}
			}
			must(encode(&form))
			return buf.Bytes()
		}
	}
	return []writer{
		{"encoding/json on structs", encoded(std.Encode), atLeast(14), "encoding/json"},
		{"goccy/go-json on structs", encoded(func(v any) error { return goccy.EncodeWithOption(v, gojson.DisableHTMLEscape()) }), atLeast(8), "goccy/go-json"},
	}
}

// sameXML is whether two documents have the same elements with the same texts,
// in whatever order: mxj sorts.
func sameXML(a, b []byte) bool {
	x, y := elements(a), elements(b)
	return len(x) > 0 && maps.Equal(x, y)
}

func elements(document []byte) map[string]string {
	found := make(map[string]string)
	d := xml.NewDecoder(bytes.NewReader(document))
	var path []byte
	for {
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		must(err)
		switch t := token.(type) {
		case xml.StartElement:
			path = append(append(path, '/'), t.Name.Local...)
		case xml.CharData:
			if len(path) > 0 {
				found[string(path)] += string(t)
			}
		case xml.EndElement:
			path = path[:bytes.LastIndexByte(path, '/')]
		}
	}
}

func sameForm(a, b []byte) bool {
	x, err := url.ParseQuery(string(a))
	must(err)
	y, err := url.ParseQuery(string(b))
	must(err)
	return reflect.DeepEqual(x, y) && slices.Contains(slices.Collect(maps.Keys(x)), "id")
}
