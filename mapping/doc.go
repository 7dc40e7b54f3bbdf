// Package mapping says which fields of a lead go out, and under which names.
//
// A host offers a [Catalog] of fields. The owner of an endpoint picks from it
// with a [Mapping]: rules (field key → output name) and constants (output name
// → fixed value). [Compile] checks a mapping against a catalog, reports every
// fault at once and gives a [Plan], from which package encode builds encoders.
//
// The package is pure: it reads no clock, no file and no network, and a Plan
// and a Catalog never change after they were made, so any number of goroutines
// may use them.
//
// # Values
//
// A [Source] may give strings, bools, every integer and float kind,
// [encoding/json.Number], [time.Time], []byte (as text), whatever implements
// [encoding.TextMarshaler] or [fmt.Stringer], named types over those, pointers
// to those, and lists of those. Maps and structs can be written in JSON only.
// A nil pointer, a nil interface, a nil slice and a nil map are absent values.
// A time is written in UTC, as 2026-04-22T19:45:00+00:00. Text is never touched,
// not even where it is a time.
//
// # Structured names
//
// In JSON the dots of an output name nest: contact.firstName becomes
// {"contact":{"firstName":…}}. [ParsePath] has the syntax. In every other
// format a dot is just a dot.
//
// # Message type
//
// messageType is a field like any other; a message fills it. A mapping that has
// no rule for it gets one: first in the payload, under the name messageType.
//
// # For writers of encoders
//
// [Plan.Outputs], [Resolve], [AppendText], [ValidNumber], [Index] and
// [CompileSound] are what package encode and validators are made of. Hosts need
// none of them.
//
// # Errors
//
// Compile joins a [*RuleError] for each fault with [errors.Join]; each names
// the rule by index and name, and the mend.
package mapping
