package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// yours sends leads to one endpoint, every field under its own name, or prints
// what it would send. Without a URL it prints the requests of the tour.
func yours(ctx context.Context, out io.Writer, sender deliver.Deliverer, leads []mapping.Lead, address string, format encode.Format, preview bool) error {
	fields, list, err := oneEndpoint(leads, address, format)
	if address == "" {
		fields, err = catalog()
		list = endpoints("http://127.0.0.1:8080")
	}
	if err != nil {
		return err
	}
	d, err := leadhook.New(sender, &leadhook.Options{Catalog: fields})
	if err != nil {
		return err
	}
	if err := d.SetEndpoints(list); err != nil {
		return err
	}
	if preview && address == "" {
		leads = leads[:min(1, len(leads))] // one for each endpoint is enough to read
		for _, lead := range leads {
			lead.SetMeeting(time.Date(2026, time.April, 22, 19, 45, 0, 0, time.UTC), nil)
		}
	}
	failed := 0
	for _, lead := range leads {
		m := routing.Message{ID: messageID(routing.MessageNewLead, lead), Type: routing.MessageNewLead, Lead: lead}
		if preview {
			err = printCurl(out, d, list, m)
		} else {
			err = send(ctx, out, d, m)
		}
		if err != nil {
			failed++
		}
		if err != nil && preview {
			fmt.Fprintf(out, "# lead %v: %v\n\n", lead[mapping.FieldLeadID], err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d leads did not go through", failed, len(leads))
	}
	return nil
}

// oneEndpoint maps every field that any of the leads has.
func oneEndpoint(leads []mapping.Lead, address string, format encode.Format) (*mapping.Catalog, []leadhook.Endpoint, error) {
	keys := map[string]bool{mapping.FieldLeadID: true}
	for _, lead := range leads {
		for key := range lead {
			keys[key] = true
		}
	}
	fields := mapping.Standard()
	var m mapping.Mapping
	for _, f := range fields.Fields() { // the standard ones first, in the catalog's order
		if keys[f.Key] {
			m.Rules = append(m.Rules, mapping.Rule{Field: f.Key, Name: outputName(f.Key, format)})
		}
		delete(keys, f.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		var err error
		if fields, err = fields.Extend(mapping.Field{Key: key}); err != nil {
			return nil, nil, err
		}
		m.Rules = append(m.Rules, mapping.Rule{Field: key, Name: outputName(key, format)})
	}
	return fields, []leadhook.Endpoint{{ID: "yours", URL: address, Format: format, Mapping: m}}, nil
}

// outputName is the key itself; HubSpot's names of properties are lower-case.
func outputName(key string, format encode.Format) string {
	if format == encode.HubSpotForms {
		return strings.ToLower(key)
	}
	if format == encode.JSON {
		return mapping.Path{key}.String() // a dot in a key of yours shall not nest
	}
	return key
}

func send(ctx context.Context, out io.Writer, d *leadhook.Dispatcher, m routing.Message) error {
	deliveries, err := d.Dispatch(ctx, m)
	id, _ := m.Lead.Value(mapping.FieldLeadID)
	if deliveries == nil {
		fmt.Fprintf(out, "%v: %v\n", id, err)
	}
	for _, delivery := range deliveries {
		if delivery.Err == nil {
			fmt.Fprintf(out, "%v: %s\n", id, delivery.Receipt.Status)
			continue
		}
		fmt.Fprintf(out, "%v: %v\n", id, delivery.Err)
		if e, ok := errors.AsType[*deliver.Error](delivery.Err); ok {
			if n := len(e.Attempts); n > 0 && len(e.Attempts[n-1].Body) > 0 {
				fmt.Fprintf(out, "    it answered: %.500q\n", e.Attempts[n-1].Body)
			}
			fmt.Fprintf(out, "    what to do: %s\n", e.Cause.Remedy())
		}
	}
	return err
}

// printCurl prints the exact request of a message for each endpoint.
func printCurl(out io.Writer, d *leadhook.Dispatcher, list []leadhook.Endpoint, m routing.Message) error {
	for _, e := range list {
		if !e.Type.Takes(m.Type) {
			m.Type = routing.MessageLeadUpdate
		}
		req, err := d.Preview(e.ID, m)
		if err != nil {
			return err
		}
		target, err := url.Parse(req.Destination.URL) // as net/http writes it: a space becomes %20
		if err != nil {
			return err
		}
		if len(req.Destination.Secrets) > 0 {
			fmt.Fprintln(out, "# webhook-timestamp and webhook-signature are added to each attempt as it is sent")
		}
		fmt.Fprintf(out, "curl -g --path-as-is -X POST %s \\\n  -H %s \\\n", quote(target.String()), quote("Content-Type: "+req.ContentType))
		for _, name := range slices.Sorted(maps.Keys(req.Destination.Header)) {
			for _, value := range req.Destination.Header[name] {
				fmt.Fprintf(out, "  -H %s \\\n", quote(name+": "+value))
			}
		}
		fmt.Fprintf(out, "  -H %s \\\n  --data-binary %s\n\n", quote("webhook-id: "+req.ID), quote(string(req.Body)))
	}
	return nil
}

// quote makes one word of s for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
