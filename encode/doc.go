// Package encode turns a lead into the bytes that a receiver expects: JSON,
// XML, form or HubSpot Forms v3.
//
// [New] compiles an [Encoder] from a mapping's plan, once for each endpoint.
// What can be refused is refused there, all at once; [Encoder.Append] fails
// only on a value that cannot be written. The same lead gives the same bytes,
// always. Encoders are safe for concurrent use, and append into the caller's
// buffer without allocating, lists, maps, structs and values with methods of
// their own aside.
//
// # Values
//
// Package mapping says which values there are. An absent value is left out, or
// what Options.Missing says. An empty string is a value, and so are 0, false
// and, in JSON, an empty list; elsewhere a list writes its elements only. Invalid UTF-8 becomes U+FFFD, and so do in XML the
// characters that XML forbids.
//
// # JSON
//
// Dots in an output name nest (mapping.ParsePath). A container whose keys are
// all indices is an array; holes in it are null, and it ends with the last
// value there is. Objects and arrays that would hold nothing are left out.
// Text is raw UTF-8; only what RFC 8259 asks for is escaped, and U+2028 and
// U+2029. Numbers keep their digits. Maps are written with their keys sorted,
// structs as encoding/json writes them.
//
// # XML
//
// A declaration and one root element, with one element for each output; a list
// repeats its element. Names must be Names of XML 1.0 (§2.3).
//
// # Form
//
// application/x-www-form-urlencoded as the WHATWG URL standard (§5.2)
// serializes it, in the mapping's order.
//
// # HubSpot
//
// HubSpot's "submit data to a form" (v3). Every value is a string and an empty
// one is left out, so that no contact's property is blanked; a list joins with
// ";". An output name may start with an object type, as in 0-2/name; without,
// it is a contact's (0-1). Four kinds of names go elsewhere than into fields:
// submittedAt (a time; milliseconds on the wire), context.hutk and the other
// members of context, legalConsentOptions.… (which nests as JSON does), and
// Options.WebhookURL goes out as WEBHOOKURL. messageType goes out only where a
// rule asks for it.
//
// # Errors
//
// New joins a [*mapping.RuleError] for each fault. Append gives a [*ValueError].
package encode
