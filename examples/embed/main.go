// Embed is the smallest host: an HTTP server that takes a lead by POST and tells
// one endpoint of it.
//
//	go run ./examples/embed -endpoint https://crm.example.com/leads
//	curl -d '{"leadId":"1","firstName":"Jane","email":"jane@example.com"}' http://127.0.0.1:8080/leads
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/topprovider/leadhook"
	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve at")
	endpoint := flag.String("endpoint", "", "`URL` of the system that gets the leads")
	private := flag.Bool("private", false, "allow an endpoint on loopback or a private network")
	flag.Parse()
	if *endpoint == "" {
		log.Fatal("-endpoint is missing: the URL of the system that gets the leads")
	}
	handler, err := newHandler(&deliver.HTTP{AllowPrivate: *private}, *endpoint)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("taking leads at http://%s/leads", *listen)
	log.Fatal(http.ListenAndServe(*listen, handler))
}

func newHandler(deliverer deliver.Deliverer, url string) (http.Handler, error) {
	d, err := leadhook.New(deliverer, nil)
	if err != nil {
		return nil, err
	}
	err = d.SetEndpoints([]leadhook.Endpoint{{
		ID: "crm", URL: url,
		Mapping: mapping.Mapping{Rules: []mapping.Rule{
			{Field: "leadId", Name: "id"},
			{Field: "firstName", Name: "contact.firstName"},
			{Field: "lastName", Name: "contact.lastName"},
			{Field: "email", Name: "contact.email"},
		}},
	}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /leads", func(w http.ResponseWriter, r *http.Request) { take(w, r, d) })
	return mux, nil
}

// take answers 200 when every endpoint has the lead, 400 for what is no lead,
// 502 when an endpoint refused it for good, and 503 when sending it again later
// may help. A host with a database stores the lead first.
func take(w http.ResponseWriter, r *http.Request, d *leadhook.Dispatcher) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the lead cannot be read", http.StatusBadRequest)
		return
	}
	lead, err := mapping.ParseLead(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	deliveries, err := d.Dispatch(r.Context(), routing.Message{ID: messageID(lead), Type: routing.MessageNewLead, Lead: lead})
	if deliveries == nil && err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, deliver.ErrExhausted):
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil:
		w.WriteHeader(http.StatusBadGateway)
	}
	if err := json.NewEncoder(w).Encode(results(deliveries)); err != nil {
		log.Print(err)
	}
}

// messageID is the same when the same lead comes again, so that the endpoint
// knows the repeat.
func messageID(lead mapping.Lead) string {
	sum := sha256.Sum256(fmt.Append(nil, lead[mapping.FieldLeadID]))
	return "new-" + hex.EncodeToString(sum[:12])
}

// A result is what the sender of a lead gets to know of one endpoint.
type result struct {
	Endpoint string         `json:"endpoint"`
	Status   deliver.Status `json:"status,omitempty"`
	Reason   string         `json:"reason,omitempty"` // why it was not told
	Error    string         `json:"error,omitempty"`
	Remedy   string         `json:"remedy,omitempty"`
}

func results(deliveries []leadhook.Delivery) []result {
	list := make([]result, len(deliveries))
	for i, delivery := range deliveries {
		list[i].Endpoint = delivery.EndpointID
		switch {
		case delivery.Err != nil:
			list[i].Error = delivery.Err.Error()
			if e, ok := errors.AsType[*deliver.Error](delivery.Err); ok {
				list[i].Remedy = e.Cause.Remedy()
			}
		case delivery.Receipt != nil:
			list[i].Status = delivery.Receipt.Status
		default:
			list[i].Reason = delivery.Decision.Reason.String()
		}
	}
	return list
}
