package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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
	meetings := make([]mapping.Lead, len(leads)) // the leads once they have asked for a meeting
	for i, lead := range leads {
		if meetings[i], err = withMeeting(lead); err != nil {
			return err
		}
		delete(lead, mapping.FieldRequestedMeetingTime)
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
	for _, lead := range leads {
		if err := table.dispatch(ctx, d, routing.MessageNewLead, lead); err != nil {
			return err
		}
	}
	table.print()

	fmt.Fprintf(out, "\n2. Some ask for a meeting: lead updates\n\n")
	table = newTable(out, list)
	for i, lead := range leads {
		if kind, changed := routing.Classify(lead, meetings[i]); changed {
			if err := table.dispatch(ctx, d, kind, meetings[i]); err != nil {
				return err
			}
		}
	}
	table.print()

	if err := oneLead(out, receiver, list, pick(leads)); err != nil {
		return err
	}
	if err := refused(ctx, out, d, receiver.URL, leads[0]); err != nil {
		return err
	}
	fmt.Fprint(out, "\nNext: -preview prints the requests as curl commands, -leads FILE -url URL sends your own\nleads to your own endpoint, and examples/embed is the smallest host.\n")
	return nil
}

// pick prefers a lead that every endpoint was told of.
func pick(leads []mapping.Lead) mapping.Lead {
	for _, lead := range leads {
		if lead[mapping.FieldLeadID] == "ld-1007" {
			return lead
		}
	}
	return leads[0]
}

// oneLead shows what each endpoint got of a lead.
func oneLead(out io.Writer, r *receiver, list []leadhook.Endpoint, lead mapping.Lead) error {
	fmt.Fprintf(out, "\n3. What arrived: %d requests. Those of one lead:\n\n", r.count())
	text := json.NewEncoder(out)
	text.SetEscapeHTML(false)
	text.SetIndent("", "  ")
	if err := text.Encode(lead); err != nil {
		return err
	}
	for _, e := range list {
		path := e.ID
		if e.ID == "hubspot" {
			path = "submissions"
		}
		request, ok := r.find(path, messageID(routing.MessageNewLead, lead), messageID(routing.MessageLeadUpdate, lead))
		if !ok {
			fmt.Fprintf(out, "\n%s was not told of it\n", e.ID)
			continue
		}
		signed := ""
		if request.header.Get("Webhook-Signature") != "" {
			signed = ", signed with webhook-signature"
		}
		fmt.Fprintf(out, "\n%s got %s%s\n%s\n", e.ID, request.header.Get("Content-Type"), signed, request.body)
	}
	return nil
}

// messageID is the same whenever the same message is dispatched again, so that
// a receiver knows the repeat.
func messageID(kind routing.MessageType, lead mapping.Lead) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %v", kind, lead[mapping.FieldLeadID]))
	return "msg_" + hex.EncodeToString(sum[:12])
}

// withMeeting returns a copy of lead with its requested time in both meeting
// fields, in words that its own clock would show.
func withMeeting(lead mapping.Lead) (mapping.Lead, error) {
	lead = maps.Clone(lead)
	text, _ := lead[mapping.FieldRequestedMeetingTime].(string)
	if text == "" {
		return lead, nil
	}
	id := lead[mapping.FieldLeadID]
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("lead %v: its requestedMeetingTime is no time by RFC 3339, such as 2026-04-22T15:45:00-04:00", id)
	}
	zone, _ := lead["timeZone"].(string)
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("lead %v: its timeZone is no IANA zone, such as America/New_York", id)
	}
	lead.SetMeeting(at, location)
	return lead, nil
}

// refused shows what a host can tell the owner of an endpoint that fails, and of
// one whose mapping has mistakes.
func refused(ctx context.Context, out io.Writer, d *leadhook.Dispatcher, address string, lead mapping.Lead) error {
	strict := leadhook.Endpoint{ID: "strict", URL: address + "/strict", Mapping: mapping.Mapping{Rules: []mapping.Rule{{Field: "firstName", Name: "firstName"}}}}
	fmt.Fprintf(out, "\n4. Another endpoint, strict, refuses its lead\n\n")
	if err := printMapping(out, strict); err != nil {
		return err
	}
	if err := d.SetEndpoints([]leadhook.Endpoint{strict}); err != nil {
		return err
	}
	_, err := d.Dispatch(ctx, routing.Message{ID: messageID(routing.MessageNewLead, lead), Type: routing.MessageNewLead, Lead: lead})
	failure, ok := errors.AsType[*deliver.Error](err)
	if !ok || len(failure.Attempts) == 0 {
		return fmt.Errorf("the strict endpoint was expected to refuse: %w", err)
	}
	fmt.Fprintf(out, "error     %v\n", err)
	fmt.Fprintf(out, "answer    %s\n", failure.Attempts[0].Body)
	fmt.Fprintf(out, "verdict   rejected: %v, keep it and try later: %v\n", errors.Is(err, deliver.ErrRejected), errors.Is(err, deliver.ErrExhausted))
	fmt.Fprintf(out, "cause     %s\n", failure.Cause)
	fmt.Fprintf(out, "remedy    %s\n", failure.Cause.Remedy())

	strict.Mapping.Rules = []mapping.Rule{
		{Field: "fristName", Name: "first_name"},
		{Field: "email", Name: "contact"},
		{Field: "phone", Name: "contact.phone"},
	}
	fmt.Fprintf(out, "\n5. Its new mapping has mistakes, which show before anything is sent\n\n")
	if err := printMapping(out, strict); err != nil {
		return err
	}
	fmt.Fprintln(out, strict.Validate(nil))
	return nil
}

func printMapping(out io.Writer, e leadhook.Endpoint) error {
	text, err := json.Marshal(e.Mapping)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "mapping   %s\n", text)
	return err
}

// A table shows who was told of which lead.
type table struct {
	*tabwriter.Writer
	out    io.Writer
	list   []leadhook.Endpoint
	why    map[string][]routing.Reason // by endpoint: why it was not told
	failed []string
}

func newTable(out io.Writer, list []leadhook.Endpoint) *table {
	t := &table{Writer: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), out: out, list: list, why: make(map[string][]routing.Reason)}
	fmt.Fprint(t, "lead")
	for _, e := range list {
		fmt.Fprintf(t, "\t%s", e.ID)
	}
	fmt.Fprintln(t)
	return t
}

// dispatch tells the endpoints of a lead and adds a row. A delivery that failed
// is shown; a message that was refused altogether is an error.
func (t *table) dispatch(ctx context.Context, d *leadhook.Dispatcher, kind routing.MessageType, lead mapping.Lead) error {
	deliveries, err := d.Dispatch(ctx, routing.Message{ID: messageID(kind, lead), Type: kind, Lead: lead})
	if deliveries == nil && err != nil {
		return fmt.Errorf("lead %v: %w", lead[mapping.FieldLeadID], err)
	}
	fmt.Fprintf(t, "%v", lead[mapping.FieldLeadID])
	for _, delivery := range deliveries {
		switch id, reason := delivery.EndpointID, delivery.Decision.Reason; {
		case delivery.Err != nil:
			fmt.Fprint(t, "\tfailed")
			t.failed = append(t.failed, fmt.Sprintf("%v: %s: %v", lead[mapping.FieldLeadID], id, delivery.Err))
		case delivery.Receipt != nil:
			fmt.Fprintf(t, "\t%s", delivery.Receipt.Status)
		default:
			fmt.Fprint(t, "\t·")
			if !slices.Contains(t.why[id], reason) {
				t.why[id] = append(t.why[id], reason)
			}
		}
	}
	fmt.Fprintln(t)
	return nil
}

func (t *table) print() {
	t.Flush()
	if len(t.why) > 0 {
		fmt.Fprintln(t.out, "\n· was not told:")
	}
	for _, e := range t.list {
		for _, reason := range t.why[e.ID] {
			fmt.Fprintf(t.out, "  %-8s %v\n", e.ID, reason)
		}
	}
	for _, failed := range t.failed {
		fmt.Fprintln(t.out, failed)
	}
}
