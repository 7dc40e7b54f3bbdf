// Package deliver gets requests to their endpoints and says honestly what came
// of it. It knows bytes and destinations, not leads.
//
// A [Deliverer] takes responsibility for a [Request]. [HTTP] sends it with POST
// and retries, on go-retryablehttp. Package delivertest has a fake for tests, a
// receiver that misbehaves on request, and the suite that every Deliverer
// passes.
//
// # Verdicts
//
// A nil error means that the endpoint has accepted the request, or that it is
// safely stored. [ErrRejected] means that sending the same bytes again cannot
// help; [ErrExhausted] that it may, later: keep the lead. When the caller's
// context ended first, the error is neither, and the lead is to be kept too.
//
//	| cause           | when                                            | verdict               |
//	| connection      | DNS, refused, reset, no route, a broken answer  | retry                 |
//	| tls             | certificate or handshake                        | retry                 |
//	| timeout         | the attempt's time is up, the body included     | retry                 |
//	| rate_limited    | 429                                             | retry                 |
//	| http_status     | 408, 425, 5xx but 501 and 505                   | retry                 |
//	| authentication  | 401, 403, 407                                   | rejected              |
//	| field_mapping   | 400, 422; a value that cannot be written        | rejected              |
//	| lead_data       | 400 by which HubSpot refuses a value of the lead | rejected             |
//	| gone            | 410                                             | rejected; disable it  |
//	| redirect        | 3xx: never followed                             | rejected              |
//	| http_status     | any other code that is not a success            | rejected              |
//	| blocked_address | the address is not public                       | rejected, not sent    |
//	| configuration   | the destination cannot be used as it stands     | rejected, not sent    |
//	| configuration   | 400 by which HubSpot refuses the form's set-up  | rejected              |
//	| outcome         | a success by its status, not by an outcome rule | as the rule says      |
//	| held            | the endpoint is held                            | exhausted, not sent   |
//	| throttled       | package limit holds it back                     | exhausted, not sent   |
//	| queue           | a queue cannot store it now                     | exhausted, not sent   |
//	| canceled        | the caller's context ended                      | neither               |
//
// # Outcomes
//
// Many lead systems answer 200 and say inside whether they took the lead.
// Destination.Outcomes are rules that read the answer's body; the first one that
// matches decides, before the status code does: accepted, duplicate (which counts
// as delivered and is marked), rejected or retry. It may also say where the
// answer has a reason, a reference and a price; they are in the [Attempt], the
// [Receipt] and the [Error]. A rule that needs JSON does not match an answer that
// is none, and Attempt.Note says so. HubSpot's answers to a refused form are read
// without rules: they name the field, and decide between lead_data, field_mapping
// and configuration. See [OutcomeRule].
//
// # Retries
//
// HTTP makes Destination.MaxAttempts attempts. Between them it waits as
// HTTP.Backoff says, or as long as the answer's Retry-After asks, never longer
// than HTTP.MaxWait: a Retry-After beyond that comes back at once as
// ErrExhausted with Error.RetryAfter set, so that a queue can wait and a worker
// is not held.
//
// # Signatures
//
// Every attempt carries webhook-id (the request's ID, the same on all attempts)
// and webhook-timestamp (of this attempt); with secrets also webhook-signature,
// one token for each secret, over the ID, the timestamp and the exact bytes
// (Standard Webhooks 1.0.0).
//
// # Addresses
//
// HTTP's own transport dials public addresses only. The check is made on the
// address that is dialled, each time, whatever the URL or the DNS say. See
// [CheckAddress]. A [Transport] of the host's own adds a CA pool or a proxy;
// Destination.Certificate is for endpoints that ask for a client certificate.
//
// # Around a Deliverer
//
// A Deliverer around another adds what one alone does not have: package limit
// holds back what an endpoint should not get now, package health tells the host
// of endpoints that fail, package history records every request.
//
// # Errors
//
// Every error of a Deliverer but nil is an [*Error]. Error texts are safe to
// log: they carry no body, no query string, no header value and no secret.
//
// # Units
//
// Durations are time.Duration; zero means the default that the field's comment
// gives. Bodies are bytes as they go over the wire.
package deliver
