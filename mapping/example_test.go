package mapping_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/topprovider/leadhook/mapping"
)

func ExampleCompile() {
	_, err := mapping.Compile(mapping.Mapping{
		Rules: []mapping.Rule{
			{Field: "fristName", Name: "contact.firstName"},
			{Field: "email", Name: "contact.email"},
			{Field: "phone", Name: "contact.email"},
		},
	}, nil)
	fmt.Println(err)
	// Output:
	// rule 0 ("fristName" → "contact.firstName"): field "fristName" is not in the catalog; did you mean "firstName"?
	// rule 2 ("phone" → "contact.email"): the name "contact.email" is given twice, first by rule 1
}

func ExampleRuleError() {
	_, err := mapping.Compile(mapping.Mapping{Rules: []mapping.Rule{{Field: "email"}}}, nil)
	var fault *mapping.RuleError
	if errors.As(err, &fault) {
		fmt.Println(fault.Index, fault.Field, fault.Err)
	}
	// Output: 0 email the name is empty; give the name that the receiver expects
}

func ExampleMapping() {
	text, err := json.Marshal(mapping.Mapping{
		Rules:     []mapping.Rule{{Field: "firstName", Name: "contact.firstName"}},
		Constants: []mapping.Constant{{Name: "source", Value: "web"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"rules":[{"field":"firstName","name":"contact.firstName"}],"constants":[{"name":"source","value":"web"}]}
}

func ExamplePlan_Outputs() {
	plan, err := mapping.Compile(mapping.Mapping{
		Rules:     []mapping.Rule{{Field: "email", Name: "contact.email"}},
		Constants: []mapping.Constant{{Name: "source", Value: "web"}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range plan.Outputs() {
		fmt.Println(o.Name, o.Implicit, o.Constant)
	}
	fmt.Println(plan.Maps("email"), plan.Maps("phone"))
	// Output:
	// messageType true false
	// contact.email false false
	// source false true
	// true false
}

func ExampleParsePath() {
	for _, name := range []string{"contact.firstName", `company\.name`, "phones.0.number", "a..b"} {
		path, err := mapping.ParsePath(name)
		fmt.Printf("%q %v\n", []string(path), err)
	}
	// Output:
	// ["contact" "firstName"] <nil>
	// ["company.name"] <nil>
	// ["phones" "0" "number"] <nil>
	// [] there is an empty key at character 3; write \. for a dot inside a key
}

func ExampleParseLead() {
	lead, err := mapping.ParseLead([]byte(`{"leadId":9007199254740993,"email":"jane@example.com"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(lead["leadId"])
	// Output: 9007199254740993
}

func ExampleLead_SetMeeting() {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		log.Fatal(err)
	}
	lead := mapping.Lead{}
	lead.SetMeeting(time.Date(2026, time.April, 22, 15, 45, 0, 0, zone), zone)
	fmt.Println(lead["requestedMeetingTime"])
	fmt.Println(lead["formattedRequestedMeetingTime"])
	// Output:
	// 2026-04-22 19:45:00 +0000 UTC
	// Wednesday, April 22, 2026 at 3:45 PM Eastern Daylight Time
}

func ExampleCatalog_Extend() {
	catalog, err := mapping.Standard().Extend(mapping.Field{Key: "budget", Label: "Budget", Kind: mapping.Number, Example: 5000})
	if err != nil {
		log.Fatal(err)
	}
	field, ok := catalog.Lookup("budget")
	fmt.Println(field.Label, field.Kind, ok, catalog.Example()["budget"])
	// Output: Budget number true 5000
}

func ExampleField() {
	for _, f := range mapping.Standard().Fields()[:7] {
		fmt.Println(f.Key, f.Kind, f.Sensitive)
	}
	// Output:
	// messageType text false
	// leadId text false
	// leadOrderId text false
	// createdAt time false
	// firstName text true
	// lastName text true
	// email email true
}

func ExampleAppendText() {
	at := time.Date(2026, time.April, 22, 15, 45, 0, 0, time.FixedZone("", -4*3600))
	for _, v := range []any{"text", 19.99, 1e21, json.Number("1.50e3"), true, at, nil} {
		text, err := mapping.AppendText(nil, v)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", text)
	}
	// Output:
	// "text"
	// "19.99"
	// "1000000000000000000000"
	// "1500"
	// "true"
	// "2026-04-22T19:45:00+00:00"
	// ""
}

// A host's own type can be a lead: the columns of a row, say.
type row struct{ First, Mail string }

func (r row) Value(field string) (any, bool) {
	switch field {
	case mapping.FieldFirstName:
		return r.First, true
	case mapping.FieldEmail:
		return r.Mail, r.Mail != ""
	}
	return nil, false
}

func ExampleSource() {
	var s mapping.Source = row{First: "Jane"}
	fmt.Println(s.Value("firstName"))
	fmt.Println(s.Value("phone"))
	// Output:
	// Jane true
	// <nil> false
}

func ExampleConstant() {
	var c mapping.Constant
	if err := json.Unmarshal([]byte(`{"name":"price","value":19.90}`), &c); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Name, c.Value) // the digits stay
	// Output: price 19.90
}

func ExamplePath() {
	path := mapping.Path{"company.name", "legal"}
	fmt.Println(path)
	// Output: company\.name.legal
}

func ExampleKind() {
	for k := mapping.Text; k <= mapping.List; k++ {
		fmt.Print(k, " ")
	}
	fmt.Println()
	// Output: text email phone url number bool time list
}

// A submission is a host's own message: its type and the lead that it is about.
type submission struct{ lead mapping.Lead }

func (s submission) Value(field string) (any, bool) {
	if field == mapping.FieldMessageType {
		return "new_lead", true
	}
	return s.lead.Value(field)
}

func (s submission) Untyped() mapping.Source { return s.lead }

func ExampleTyped() {
	var t mapping.Typed = submission{mapping.Lead{"email": "jane@example.com"}}
	fmt.Println(t.Value(mapping.FieldMessageType))
	fmt.Println(t.Untyped().Value(mapping.FieldEmail))
	// Output:
	// new_lead true
	// jane@example.com true
}
