// Package limit is a good neighbour to receivers: a Deliverer around another
// that holds back what an endpoint, or its host, should not get now.
//
//	h := &deliver.HTTP{}
//	l, err := limit.New(h, &limit.Options{Limits: deliver.Limits{Concurrency: 8, Rate: 20}})
//	…
//	h.Observe, h.Pause = l.Observe, l.Pause // so that each attempt counts as it is made
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
// it decides. What may pass later counts as a failure: connections, timeouts,
// 5xx, 408, 425, and an outcome rule's retry. A refusal does not, since the
// endpoint answers, and neither does 429. Test leads pass the breaker and are not
// counted.
//
// # Pauses
//
// After a 429 nothing is sent to the whole host, for as long as Retry-After
// asks, at most a minute, or Options.HostPause: HubSpot, for one, blocks an IP
// address for a minute after ten of them in a second. Endpoints share a host's
// pause. With HTTP.Observe and HTTP.Pause it begins at once, and attempts that
// are made again wait for it too; without, it begins when that attempt's delivery
// is over. A pause that the host did not ask for ends when something that was
// sent after it began is answered with another status than 429.
//
// # What is held back
//
// It comes back at once, as deliver.ErrExhausted with deliver.CauseThrottled and
// RetryAfter set: a queue waits, and a worker is not held. Those that an endpoint's
// rate turns away get times one behind the other, and other waits are longer by
// up to a quarter and a second, so that they do not come back together. Without
// a queue it is the host that sends again. Limiter.Forget begins anew with an
// endpoint that was mended.
//
// # Memory
//
// An endpoint is remembered while there is something to remember: a request
// under way, a rate not yet recovered, a failure of late. The rest is forgotten.
package limit
