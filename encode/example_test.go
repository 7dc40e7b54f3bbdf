package encode_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

// print encodes a lead with a mapping of three fields.
func print(f encode.Format, o *encode.Options) {
	catalog, err := mapping.Standard().Extend(mapping.Field{Key: "interests", Kind: mapping.List})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := mapping.Compile(mapping.Mapping{Rules: []mapping.Rule{
		{Field: "firstName", Name: "contact.first"},
		{Field: "phone", Name: "contact.phone"},
		{Field: "interests", Name: "interests"},
	}}, catalog)
	if err != nil {
		log.Fatal(err)
	}
	e, err := encode.New(f, plan, o)
	if err != nil {
		log.Fatal(err)
	}
	payload, err := e.Append(nil, mapping.Lead{"firstName": "Zoë", "interests": []string{"demo", "pricing"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(payload))
}

func ExampleNew_json() {
	print(encode.JSON, nil)
	// Output: {"contact":{"first":"Zoë"},"interests":["demo","pricing"]}
}

func ExampleNew_xml() {
	print(encode.XML, &encode.Options{XMLRoot: "prospect"})
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <prospect><contact.first>Zoë</contact.first><interests>demo</interests><interests>pricing</interests></prospect>
}

func ExampleNew_form() {
	print(encode.Form, nil)
	// Output: contact.first=Zo%C3%AB&interests=demo&interests=pricing
}

func ExampleNew_hubSpot() {
	print(encode.HubSpotForms, nil)
	// Output: {"fields":[{"name":"contact.first","value":"Zoë","objectTypeId":"0-1"},{"name":"interests","value":"demo;pricing","objectTypeId":"0-1"}]}
}

func ExampleMissing() {
	print(encode.JSON, &encode.Options{Missing: encode.Null})
	// Output: {"messageType":null,"contact":{"first":"Zoë","phone":null},"interests":["demo","pricing"]}
}

func ExampleListStyle() {
	for _, style := range []encode.ListStyle{encode.Brackets, encode.Indices, encode.Comma} {
		print(encode.Form, &encode.Options{Lists: style})
	}
	// Output:
	// contact.first=Zo%C3%AB&interests%5B%5D=demo&interests%5B%5D=pricing
	// contact.first=Zo%C3%AB&interests%5B0%5D=demo&interests%5B1%5D=pricing
	// contact.first=Zo%C3%AB&interests=demo%2Cpricing
}

// A mapping whose names the format refuses is explained when the encoder is
// built, not when a lead is lost.
func ExampleEncoder() {
	plan, err := mapping.Compile(mapping.Mapping{Rules: []mapping.Rule{
		{Field: "email", Name: "contact"},
		{Field: "phone", Name: "contact.phone"},
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = encode.New(encode.JSON, plan, nil)
	fmt.Println(err)
	// Output: rule 1 ("phone" → "contact.phone"): the name nests inside "contact", which is a value (rule 0)
}

func ExampleValueError() {
	plan, err := mapping.Compile(mapping.Mapping{Rules: []mapping.Rule{{Field: "company", Name: "company"}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	e, err := encode.New(encode.XML, plan, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Append(nil, mapping.Lead{"company": map[string]any{"name": "Example Inc."}})
	var fault *encode.ValueError
	if errors.As(err, &fault) {
		fmt.Println(fault.Field, fault.Type)
	}
	// Output: company map[string]interface {}
}

func ExampleFormat() {
	fmt.Println(encode.Formats())
	// Output: [json xml form hubspot_forms_v3]
}

func ExampleOptions() {
	text, err := json.Marshal(encode.Options{Missing: encode.Empty, Lists: encode.Brackets})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"missing":"empty","lists":"brackets"}
}
