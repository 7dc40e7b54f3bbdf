// Package history keeps who was told what, when, and with what answer: a
// Deliverer around another that records every request with its attempts.
//
//	h, err := history.New(&deliver.HTTP{}, &history.Memory{}, nil)
//	…
//	d, err := leadhook.New(h, nil)
//	…
//	page, err := h.Store().List(ctx, history.Filter{EndpointID: "crm", Status: history.Failed})
//
// # Entries
//
// An [Entry] is one message for one endpoint. What a queue tries later, and what
// is sent once more, adds its attempts to the same entry; the latest decides its
// status. What a Deliverer was never given has none: an endpoint that was not
// told, a value that its format cannot write.
//
// # What is kept, and what is not
//
// The body is kept as Request.Masked: fields that the catalog calls Sensitive
// were replaced before it was encoded. Of the bytes that were sent there is the
// SHA-256. Secrets, header values, paths and queries are never kept. Where an
// answer repeats one of them, or a sensitive value, as it stands or as JSON, URLs
// and HTML escape it, it is masked too. Constants of a mapping are kept as they
// are: a key belongs into a header.
//
// # Stores
//
// A [Store] keeps the entries. [Memory] is one that forgets them with the
// process; package historytest has the suite that every Store passes. A store
// that fails never fails a delivery: Options.OnError is told.
//
// # Sending again
//
// Resend and ResendFailed deliver again, from the host's lead, with the
// endpoint's present configuration and the same webhook-id, by which a receiver
// knows the repeat:
//
//	history.Options{Rebuild: func(ctx context.Context, e history.Entry) (*deliver.Request, error) {
//		lead, err := leads.Get(ctx, e.LeadID) // from the host's database
//		…
//		return dispatcher.Rebuild(e.EndpointID, routing.Message{ID: e.MessageID, Type: routing.MessageType(e.MessageType), Lead: lead})
//	}}
package history
