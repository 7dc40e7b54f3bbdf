// Package leadhook gets leads to the systems of a lead platform's customers, in
// exactly the bytes that each of them expects.
//
// A host gives a [Dispatcher] its endpoints and dispatches a message for each
// lead: map → encode → route → deliver. The four pillars are packages of their
// own, and each is useful alone: mapping, encode, routing and deliver.
//
//	d, err := leadhook.New(&deliver.HTTP{}, nil)
//	…
//	err = d.SetEndpoints(endpoints) // from the host's database
//	…
//	deliveries, err := d.Dispatch(ctx, routing.Message{ID: "new-" + id, Type: routing.MessageNewLead, Lead: lead})
//	for _, delivery := range deliveries {
//		switch {
//		case !delivery.Decision.Deliver: // not told; Decision.Reason says why
//		case delivery.Err == nil: // delivered, or queued
//		case errors.Is(delivery.Err, deliver.ErrRejected): // tell the owner; the Cause has a Remedy
//		default: // keep the lead, and DispatchTo this endpoint later
//		}
//	}
//
// # Endpoints
//
// An [Endpoint] is one receiving system: its URL, format, headers, mapping,
// type and lead orders. It has stable JSON, since hosts keep endpoints in a
// database, and [Endpoint.Validate] reports every fault of one at once.
//
// # Errors
//
// A fault of a configuration is an [*EndpointError], joined with the others; it
// names the endpoint, the setting, and for a mapping the rule by index and
// name. Dispatch's error joins what failed; each [Delivery] has its own. A
// [*deliver.Error] in it has the cause, and the cause has a remedy; by errors.Is
// it is deliver.ErrRejected (sending again cannot help) or deliver.ErrExhausted
// (keep the lead). A [*encode.ValueError] is a value that cannot be written.
//
// # Secrets
//
// Printed and logged, endpoints, requests, receipts, errors and dispatchers show
// no secret, no header value and no body. JSON of an Endpoint holds all of it, so
// log endpoints one at a time: inside a list or a struct of the host's, a JSON
// log handler marshals them.
package leadhook
