// Package delivertest helps to test what delivers leads.
//
// [Fake] is a Deliverer for a host's own tests: it keeps what it is given,
// answers as it is told, and its zero value accepts everything. [Receiver] is an
// endpoint on loopback that misbehaves on request. [Run] is the suite that every
// Deliverer passes.
//
// The package needs the standard library and package deliver only.
package delivertest
