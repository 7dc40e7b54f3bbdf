package leadhook_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func Example() {
	crm := delivertest.NewReceiver() // stands in for a customer's system, on loopback
	defer crm.Close()
	d, err := leadhook.New(&deliver.HTTP{AllowPrivate: true}, nil)
	if err != nil {
		log.Fatal(err)
	}
	m := mapping.Mapping{
		Rules:     []mapping.Rule{{Field: "firstName", Name: "contact.firstName"}, {Field: "email", Name: "contact.email"}},
		Constants: []mapping.Constant{{Name: "source", Value: "web"}},
	}
	if err := d.SetEndpoints([]leadhook.Endpoint{{ID: "crm", URL: crm.URL, Mapping: m}}); err != nil {
		log.Fatal(err)
	}
	lead := mapping.Lead{"leadId": "1", "firstName": "Jane", "email": "jane@example.com"}
	deliveries, err := d.Dispatch(context.Background(), routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: lead})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deliveries[0].EndpointID, deliveries[0].Receipt.Status, string(crm.Received()[0].Body))
	// Output:
	// crm delivered {"messageType":"new_lead","contact":{"firstName":"Jane","email":"jane@example.com"},"source":"web"}
}

// A faulty configuration is refused before anything is sent, with every fault
// at once.
func ExampleEndpoint_Validate() {
	e := leadhook.Endpoint{
		ID: "crm", URL: "crm.example.com/leads", Format: encode.XML,
		Headers: map[string]string{"Content-Type": "text/xml"},
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: "first_name", Name: "First"},
			{Field: "email", Name: "E Mail"},
		}},
	}
	fmt.Println(e.Validate(nil))
	// Output:
	// endpoint "crm": url: it must start with https:// or http://
	// endpoint "crm": headers."Content-Type": it is set for each request; remove it here
	// endpoint "crm": mapping: rule 0 ("first_name" → "First"): field "first_name" is not in the catalog; did you mean "firstName"?
	// endpoint "crm": mapping: rule 1 ("email" → "E Mail"): an XML name cannot hold ' '; use letters, digits, dots, - and _
}

func ExampleEndpointError() {
	err := leadhook.Endpoint{ID: "crm"}.Validate(nil)
	var fault *leadhook.EndpointError
	if errors.As(err, &fault) {
		fmt.Println(fault.Setting, "→", fault.Err)
	}
	// Output: url → it is empty; give an absolute URL, such as https://example.com/leads
}

// A failed delivery says what its endpoint's owner should do.
func ExampleDispatcher_Dispatch() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(401))
	d, err := leadhook.New(fake, nil)
	if err != nil {
		log.Fatal(err)
	}
	email := mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}}
	err = d.SetEndpoints([]leadhook.Endpoint{
		{ID: "crm", URL: "https://crm.example.com", Mapping: email},
		{ID: "calendar", URL: "https://calendar.example.com", Type: routing.LeadUpdatesOnly, Mapping: email},
	})
	if err != nil {
		log.Fatal(err)
	}
	lead := mapping.Lead{"leadId": "1", "email": "jane@example.com"}
	deliveries, err := d.Dispatch(context.Background(), routing.Message{Type: routing.MessageNewLead, Lead: lead})
	fmt.Println(err)
	for _, delivery := range deliveries {
		var failure *deliver.Error
		switch {
		case !delivery.Decision.Deliver:
			fmt.Println(delivery.EndpointID, "was not told:", delivery.Decision.Reason)
		case errors.As(delivery.Err, &failure):
			fmt.Println(delivery.EndpointID, "failed:", failure.Cause.Remedy())
		}
	}
	// Output:
	// endpoint "crm": deliver: crm.example.com: rejected (authentication): status 401
	// crm failed: Check the endpoint's credentials, such as the Authorization header or the API key, and that they may create leads.
	// calendar was not told: The endpoint takes lead updates only.
}

func ExampleDispatcher_Preview() {
	d, err := leadhook.New(&deliver.HTTP{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "shop", URL: "https://shop.example.com/leads", Format: encode.Form,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "firstName", Name: "name"}, {Field: "email", Name: "email"}}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	req, err := d.Preview("shop", routing.Message{Type: routing.MessageNewLead, Lead: mapping.Standard().Example()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(req.ContentType)
	fmt.Println(string(req.Body))
	// Output:
	// application/x-www-form-urlencoded
	// messageType=new_lead&name=Jane&email=jane%40example.com
}

func ExampleDispatcher_SendTest() {
	fake := &delivertest.Fake{}
	d, err := leadhook.New(fake, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: "https://crm.example.com", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "message", Name: "text"}}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := d.SendTest(context.Background(), "crm")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Status, fake.Requests()[0].Test, string(fake.Requests()[0].Body))
	// Output: delivered true {"messageType":"new_lead","text":"This is a test lead."}
}

// A host's own questions become fields that endpoints can map.
func ExampleOptions() {
	catalog, err := mapping.Standard().Extend(mapping.Field{Key: "budget", Label: "Budget", Kind: mapping.Number, Example: 5000})
	if err != nil {
		log.Fatal(err)
	}
	d, err := leadhook.New(&deliver.HTTP{}, &leadhook.Options{Catalog: catalog})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: "https://crm.example.com", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "budget", Name: "deal.amount"}}},
	}}))
	// Output: <nil>
}

// A host that kept what may pass later delivers it once more, to those alone
// that failed, under the same ID.
func ExampleDispatcher_DispatchTo() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(503))
	d, err := leadhook.New(fake, nil)
	if err != nil {
		log.Fatal(err)
	}
	email := mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}}
	err = d.SetEndpoints([]leadhook.Endpoint{
		{ID: "crm", URL: "https://crm.example.com", Mapping: email},
		{ID: "shop", URL: "https://shop.example.com", Mapping: email},
	})
	if err != nil {
		log.Fatal(err)
	}
	m := routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "1", "email": "jane@example.com"}}
	deliveries, err := d.Dispatch(context.Background(), m)
	fmt.Println(err)

	fake.Answers("crm") // it is up again
	for _, delivery := range deliveries {
		if errors.Is(delivery.Err, deliver.ErrExhausted) {
			again, err := d.DispatchTo(context.Background(), m, delivery.EndpointID)
			fmt.Println(again[0].EndpointID, again[0].Receipt.Status, err)
		}
	}
	// Output:
	// endpoint "crm": deliver: crm.example.com: attempts exhausted after 4 attempts (http_status): status 503
	// crm delivered <nil>
}

func ExampleDelivery() {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(500), delivertest.Code(422))
	d, err := leadhook.New(fake, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: "https://crm.example.com", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "email", Name: "email"}}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	deliveries, err := d.Dispatch(context.Background(), routing.Message{ID: "new-1", Type: routing.MessageNewLead, Lead: mapping.Lead{"leadId": "1"}})
	fmt.Println(err != nil)
	for _, a := range deliveries[0].Attempts() {
		fmt.Println(deliveries[0].MessageID, a.Number, a.StatusCode, a.Cause)
	}
	// Output:
	// true
	// new-1 1 500 http_status
	// new-1 2 422 field_mapping
}
