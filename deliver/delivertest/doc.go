// Package delivertest helps to test what delivers leads. It needs the standard
// library and package deliver only.
//
// # A host's own tests
//
// [Fake] is a Deliverer that sends nothing, keeps copies of what it is given and
// answers as it is told. Its zero value accepts everything:
//
//	fake := &delivertest.Fake{}
//	d, err := leadhook.New(fake, nil)
//	…
//	fake.Answers("crm", delivertest.Code(503), delivertest.Code(200))
//	…
//	fake.AssertSent(t, "crm", `{"email":"jane@example.com"}`)
//	fake.AssertNotSent(t, "calendar")
//
// # A receiver that misbehaves
//
// [Receiver] is an HTTP endpoint on loopback. By [Answer] it gives sequences of
// status codes, delays, dripping bodies, resets, redirects, gzip bombs and
// Retry-After.
//
// # A Deliverer of your own
//
// [Run] is the suite that every Deliverer passes. A [Rig] tells it how to reach
// the Deliverer and the endpoint behind it:
//
//	func TestMyDeliverer(t *testing.T) {
//		delivertest.Run(t, func(t *testing.T) delivertest.Rig {
//			r := delivertest.NewReceiver()
//			t.Cleanup(r.Close)
//			return delivertest.Rig{
//				Deliverer:   &MyDeliverer{},
//				Destination: deliver.Destination{URL: r.URL},
//				Answers:     r.Answers,
//				Exchanges:   r.Exchanges,
//			}
//		})
//	}
//
// A Deliverer that stores requests, and answers Queued, has a Settle that waits
// until they were worked off. Each rule says why it is there, and was seen to
// fail a Deliverer that breaks it.
package delivertest
