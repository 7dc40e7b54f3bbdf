// Package limit is a good neighbour to receivers: a Deliverer around another
// that holds back what an endpoint, or its host, should not get now.
//
//	h := &deliver.HTTP{}
//	l, err := limit.New(h, &limit.Options{Limits: deliver.Limits{Concurrency: 8, Rate: 20}})
//	…
//	h.Observe = l.Observe // a pause begins with the attempt, not with the end of its delivery
//	d, err := leadhook.New(l, nil)
//
// # Limits
//
// For each endpoint at most so many requests at a time, and so many in a
// second: those of the request's Destination, or else those of Options.
// Endpoints do not share them. A delivery's further attempts count in the rate
// too: those that come next wait for longer.
//
// # Breaker
//
// Where too large a share of an endpoint's deliveries fails, nothing is sent to
// it for a while; then one request is let through as a probe, and what comes of
// it decides. Connections that fail, timeouts and 5xx count as failures. What
// an endpoint answers with a refusal does not, since it answers, and neither
// does 429. Test leads pass the breaker and are not counted.
//
// # Pauses
//
// After a 429 nothing is sent to the whole host, for as long as Retry-After
// asks, or Options.HostPause: HubSpot, for one, blocks an IP address for a
// minute after ten of them in a second. Endpoints share a host's pause. A pause
// that the host did not ask for ends with the first answer that is no 429.
//
// # What is held back
//
// It comes back at once, as deliver.ErrExhausted with deliver.CauseThrottled and
// RetryAfter set: a queue waits, and a worker is not held. Those that an endpoint's
// rate turns away get times one behind the other, so that they do not come back
// together.
//
// # Memory
//
// An endpoint is remembered while there is something to remember: a request
// under way, a rate not yet recovered, a failure. The rest is forgotten.
package limit
