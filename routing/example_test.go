package routing_test

import (
	"fmt"
	"slices"

	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func ExampleRoute() {
	update := routing.Message{Type: routing.MessageLeadUpdate, Lead: mapping.Lead{"leadOrderId": "lo-1"}}
	for _, e := range []routing.Endpoint{
		{},
		{Type: routing.NewLeadsAndUpdates, MapsMeetingTime: true},
		{Type: routing.LeadUpdatesOnly},
		{Type: routing.LeadUpdatesOnly, MapsMeetingTime: true, LeadOrders: []string{"lo-2"}},
	} {
		decision := routing.Route(e, update)
		fmt.Println(decision.Deliver, decision.Reason)
	}
	// Output:
	// false The endpoint takes new leads only.
	// true The endpoint takes this message.
	// false The endpoint maps no meeting time, so a lead update would tell it nothing.
	// false The endpoint is attached to other lead orders.
}

func ExampleTable() {
	table := routing.NewTable([]routing.Endpoint{
		{LeadOrders: []string{"lo-2"}},
		{},
		{Disabled: true},
		{LeadOrders: []string{"lo-1", "lo-2"}},
	})
	m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"leadOrderId": "lo-1"}}
	fmt.Println(slices.Collect(table.Route(m)))
	// Output: [1 3]
}

func ExampleClassify() {
	before := mapping.Lead{"leadId": "1"}
	after := mapping.Lead{"leadId": "1", "requestedMeetingTime": "2026-04-22T19:45:00Z"}
	fmt.Println(routing.Classify(nil, before))
	fmt.Println(routing.Classify(before, after))
	fmt.Println(routing.Classify(after, after))
	// Output:
	// new_lead true
	// lead_update true
	//  false
}

func ExampleMessage() {
	m := routing.Message{Type: routing.MessageNewLead, Lead: mapping.Lead{"email": "jane@example.com"}}
	fmt.Println(m.Value("messageType"))
	fmt.Println(m.Value("email"))
	fmt.Println(routing.Message{Type: "deleted"}.Validate())
	// Output:
	// new_lead true
	// jane@example.com true
	// routing: "deleted" is no message type; "new_lead" and "lead_update" are
	// routing: the message has no lead
}

func ExampleEndpointType() {
	for _, t := range routing.EndpointTypes() {
		fmt.Println(t, t.Takes(routing.MessageNewLead), t.Takes(routing.MessageLeadUpdate))
	}
	fmt.Println(routing.EndpointType("sometimes").Validate())
	// Output:
	// new_leads true false
	// lead_updates false true
	// new_leads_and_lead_updates true true
	// routing: "sometimes" is no endpoint type; new_leads, lead_updates and new_leads_and_lead_updates are
}

func ExampleReason() {
	decision := routing.Route(routing.Endpoint{Disabled: true}, routing.Message{Type: routing.MessageNewLead})
	name, err := decision.Reason.MarshalText()
	fmt.Println(decision.Reason, string(name), err)
	// Output: The endpoint is disabled. disabled <nil>
}
