// Package routing says which endpoints get which message.
//
// A message is a lead and why it is sent: [MessageNewLead] or [MessageLeadUpdate]. An
// endpoint takes new leads only (the default), updates only, or both, and may
// be attached to some lead orders. [Route] decides for one endpoint and gives
// its reason; a [Table] finds the endpoints that receive a message among many.
//
// # Rules
//
// An endpoint receives a message when all of these hold:
//
//   - it is not disabled;
//   - it has no lead orders, or the lead's leadOrderId is one of them;
//   - its type takes the message's type;
//   - for a lead_update, it maps a meeting time: without one it would be told
//     of an update and not of what changed. That the lead has one is the host's
//     to see to: [Classify] says when to send an update, and
//     mapping.Lead.SetMeeting fills both meeting fields.
//
// # Errors
//
// An unknown type, of a message or an endpoint, is an error where it enters
// (Validate). Route and Table deliver nothing for one.
package routing
