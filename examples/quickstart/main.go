// Quickstart shows leadhook at work, from leads to requests on the wire.
//
//	go run ./examples/quickstart
//
// It reads twenty leads, starts a receiver on loopback, and tells six endpoints
// of them: each wants other names, another nesting or another format. Then some
// leads ask for a meeting, and one endpoint turns out to be misconfigured.
//
// With your own leads (a JSON array of objects, or one object) and your own
// endpoint:
//
//	go run ./examples/quickstart -leads FILE -url URL -format json
//
// and with -preview it prints the requests as curl commands and sends nothing.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // the leads' zones, on machines without zone files

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
)

//go:embed leads.json
var ownLeads []byte

func main() {
	switch err := run(context.Background(), os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(out)
	file := flags.String("leads", "", "`FILE` with a JSON array of leads; without it, twenty of our own")
	url := flags.String("url", "", "your endpoint's `URL`; without it, six endpoints on loopback")
	format := flags.String("format", "json", fmt.Sprintf("of the payload for -url, one of %q", encode.Formats()))
	preview := flags.Bool("preview", false, "print the requests as curl commands and send nothing; without -url, those of the first lead to the six endpoints")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag; -h lists them", flags.Arg(0))
	}
	if *url == "" && *format != string(encode.JSON) {
		return errors.New("-format goes with -url: the six endpoints have formats of their own")
	}
	data := ownLeads
	if *file != "" {
		var err error
		if data, err = os.ReadFile(*file); err != nil {
			return err
		}
	}
	leads, err := parseLeads(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name(*file), err)
	}
	// A zero deliver.HTTP reaches public addresses only. This program is for
	// trying things out, often on loopback.
	sender := &deliver.HTTP{AllowPrivate: true}
	defer sender.CloseIdleConnections()
	if *url != "" || *preview {
		return yours(ctx, out, sender, leads, *url, encode.Format(*format), *preview)
	}
	return tour(ctx, out, sender, leads)
}

func name(file string) string {
	if file == "" {
		return "leads.json"
	}
	return file
}

func parseLeads(data []byte) ([]mapping.Lead, error) {
	var objects []json.RawMessage
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		objects = append(objects, data) // one lead
	} else if err := json.Unmarshal(data, &objects); err != nil {
		return nil, fmt.Errorf("this is no JSON array of leads: %w", err)
	}
	if len(objects) == 0 {
		return nil, errors.New("there are no leads in it")
	}
	leads := make([]mapping.Lead, len(objects))
	for i, object := range objects {
		var err error
		if leads[i], err = mapping.ParseLead(object); err != nil {
			return nil, fmt.Errorf("lead %d: %w", i+1, err)
		}
		if leads[i][mapping.FieldLeadID] == nil { // which leadhook insists on
			leads[i][mapping.FieldLeadID] = fmt.Sprintf("lead-%d", i+1)
		}
	}
	return leads, nil
}
