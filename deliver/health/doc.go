// Package health knows which endpoints fail: a Deliverer around another that
// keeps a record of each endpoint and tells the host of those that fail for too
// long, and of their recovery.
//
//	m, err := health.New(&deliver.HTTP{}, &health.Options{
//		OnUnhealthy: func(ctx context.Context, r health.Record) {
//			mail(r.EndpointID, r.Unhealthy, r.LastCause.Remedy()) // and perhaps disable it
//		},
//	})
//	…
//	d, err := leadhook.New(m, nil)
//
// # What counts
//
// A delivery that is accepted, a duplicate included, is a success. A failure is
// what an endpoint, or its configuration, fails by: connections, timeouts, bad
// statuses, refused credentials, a mapping that does not fit. What says nothing
// of the endpoint counts as neither: an ended context, a held endpoint, a request
// that limits held back or that a queue has stored, and a lead that was refused
// for its own data or by the receiver's business. Test leads never count.
//
// # When the host is told
//
// OnUnhealthy is called once, when a failure comes that is Options.Span after
// the first of an unbroken row, or at once when the endpoint is gone (410).
// OnRecovered is called at the next success after that. The hooks of one endpoint
// are called one after the other, in the order of what they say. A host that
// disables an endpoint and enables it again calls Forget in between.
//
// # Restarts
//
// Records live in memory. Records and Restore carry them over a restart; each
// process that sends has its own.
package health
