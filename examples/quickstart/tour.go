package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"text/tabwriter"
	"time"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// tour tells six endpoints on loopback of all leads.
func tour(ctx context.Context, out io.Writer, sender deliver.Deliverer, leads []mapping.Lead) error {
	fields, err := catalog()
	if err != nil {
		return err
	}
	receiver, err := startReceiver()
	if err != nil {
		return err
	}
	defer receiver.Close()
	list := endpoints(receiver.URL)
	d, err := leadhook.New(sender, &leadhook.Options{Catalog: fields})
	if err != nil {
		return err
	}
	if err := d.SetEndpoints(list); err != nil {
		return err
	}

	fmt.Fprintf(out, "1. New leads: %d leads, %d endpoints\n\n", len(leads), len(list))
	table := newTable(out, list)
	known := make([]mapping.Lead, len(leads)) // as they were first sent, without a meeting
	for i, lead := range leads {
		known[i] = maps.Clone(lead)
		delete(known[i], mapping.FieldRequestedMeetingTime)
		if err := table.dispatch(ctx, d, routing.MessageNewLead, known[i]); err != nil {
			return err
		}
	}
	table.print()

	fmt.Fprintf(out, "\n2. Some ask for a meeting: lead updates\n\n")
	table = newTable(out, list)
	for i, lead := range leads {
		if err := setMeeting(lead); err != nil {
			return err
		}
		if kind, changed := routing.Classify(known[i], lead); changed {
			if err := table.dispatch(ctx, d, kind, lead); err != nil {
				return err
			}
		}
	}
	table.print()

	n, _ := receiver.received("")
	fmt.Fprintf(out, "\n3. What arrived: %d requests, the last of each endpoint\n", n)
	for _, e := range list {
		path := e.ID
		if e.ID == "hubspot" {
			path = "submissions"
		}
		_, body := receiver.received(path)
		fmt.Fprintf(out, "\n%s\n%s\n", e.ID, body)
	}
	return misconfigured(ctx, out, d, receiver.URL, known[0])
}

// setMeeting turns the requested time of a lead into both meeting fields, in
// words that the lead's own clock would show.
func setMeeting(lead mapping.Lead) error {
	text, _ := lead[mapping.FieldRequestedMeetingTime].(string)
	if text == "" {
		return nil
	}
	id := lead[mapping.FieldLeadID]
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("lead %v: its requestedMeetingTime is no time by RFC 3339, such as 2026-04-22T15:45:00-04:00", id)
	}
	zone, _ := lead["timeZone"].(string)
	location, err := time.LoadLocation(zone)
	if err != nil {
		return fmt.Errorf("lead %v: its timeZone is no IANA zone, such as America/New_York", id)
	}
	lead.SetMeeting(at, location)
	return nil
}

// misconfigured shows what a host can tell the owner of an endpoint that fails.
func misconfigured(ctx context.Context, out io.Writer, d *leadhook.Dispatcher, address string, lead mapping.Lead) error {
	fmt.Fprintf(out, "\n4. An endpoint that refuses the lead\n\n")
	strict := leadhook.Endpoint{ID: "strict", URL: address + "/strict", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "firstName", Name: "firstName"}}}}
	if err := d.SetEndpoints([]leadhook.Endpoint{strict}); err != nil {
		return err
	}
	deliveries, err := d.Dispatch(ctx, routing.Message{Type: routing.MessageNewLead, Lead: lead})
	var failure *deliver.Error
	if !errors.As(err, &failure) || len(deliveries) != 1 {
		return fmt.Errorf("the strict endpoint was expected to refuse: %w", err)
	}
	fmt.Fprintf(out, "error     %v\n", err)
	fmt.Fprintf(out, "verdict   rejected: %v, keep and retry: %v\n", errors.Is(err, deliver.ErrRejected), errors.Is(err, deliver.ErrExhausted))
	fmt.Fprintf(out, "answer    %s\n", failure.Attempts[0].Body)
	fmt.Fprintf(out, "cause     %s\n", failure.Cause)
	fmt.Fprintf(out, "remedy    %s\n", failure.Cause.Remedy())

	fmt.Fprintf(out, "\n5. A mapping with mistakes, before anything is sent\n\n")
	strict.Mapping.Rules = []mapping.Rule{
		{Field: "fristName", Name: "first_name"},
		{Field: "email", Name: "contact"},
		{Field: "phone", Name: "contact.phone"},
	}
	fmt.Fprintln(out, strict.Validate(nil))
	return nil
}

// A table shows who was told of which lead.
type table struct {
	*tabwriter.Writer
	reasons map[routing.Reason]bool
	order   []routing.Reason
	out     io.Writer
}

func newTable(out io.Writer, list []leadhook.Endpoint) *table {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), map[routing.Reason]bool{}, nil, out}
	fmt.Fprint(t, "lead")
	for _, e := range list {
		fmt.Fprintf(t, "\t%s", e.ID)
	}
	fmt.Fprintln(t)
	return t
}

func (t *table) dispatch(ctx context.Context, d *leadhook.Dispatcher, kind routing.MessageType, lead mapping.Lead) error {
	deliveries, err := d.Dispatch(ctx, routing.Message{Type: kind, Lead: lead})
	if err != nil {
		return err
	}
	fmt.Fprintf(t, "%v", lead[mapping.FieldLeadID])
	for _, delivery := range deliveries {
		cell := "·"
		if delivery.Receipt != nil {
			cell = string(delivery.Receipt.Status)
		} else if r := delivery.Decision.Reason; !t.reasons[r] {
			t.reasons[r] = true
			t.order = append(t.order, r)
		}
		fmt.Fprintf(t, "\t%s", cell)
	}
	fmt.Fprintln(t)
	return nil
}

func (t *table) print() {
	t.Flush()
	fmt.Fprintln(t.out, "\n· was not told, because:")
	for _, r := range t.order {
		fmt.Fprintf(t.out, "  %v\n", r)
	}
}
