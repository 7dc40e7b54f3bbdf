package deliver

import (
	"slices"
	"strings"
)

// A Cause says why an attempt failed, in words that a receiver's owner can act
// on. Its text is stable: hosts keep it in databases.
type Cause string

// The causes. The package's doc has the verdict of each.
const (
	CauseConnection     Cause = "connection"      // DNS, refused, reset, no route, a broken answer
	CauseTLS            Cause = "tls"             // certificate or handshake
	CauseTimeout        Cause = "timeout"         // the attempt's time is up, a dripping body included
	CauseRateLimited    Cause = "rate_limited"    // 429
	CauseHTTPStatus     Cause = "http_status"     // a code that nothing else here stands for
	CauseAuthentication Cause = "authentication"  // 401, 403, 407
	CauseFieldMapping   Cause = "field_mapping"   // 400, 422; or a value that the format cannot write
	CauseGone           Cause = "gone"            // 410: the endpoint should be disabled
	CauseRedirect       Cause = "redirect"        // 3xx, never followed
	CauseBlockedAddress Cause = "blocked_address" // the address is not public
	CauseCanceled       Cause = "canceled"        // the caller's context ended
	CauseConfiguration  Cause = "configuration"   // URL, header or secret cannot be used
	CauseHeld           Cause = "held"            // the endpoint is held
	CauseOutcome        Cause = "outcome"         // the answer's body says so, by an outcome rule
	CauseLeadData       Cause = "lead_data"       // the endpoint refuses a value of this lead
	CauseThrottled      Cause = "throttled"       // kept back by limits; package limit
	CauseQueue          Cause = "queue"           // a queue could not store it
)

var remedies = map[Cause]string{
	CauseConnection:     "Check that the URL's host name and port are right and that the server is running and reachable from the internet.",
	CauseTLS:            "Check that the server's certificate is valid, not expired, complete with its chain and issued for the URL's host name; where it asks for a client certificate, that one is set, valid and known to the server.",
	CauseTimeout:        "Make the endpoint answer sooner, by storing the lead first and working on it afterwards, or allow it more time.",
	CauseRateLimited:    "Raise the endpoint's rate limit, or send to it less often.",
	CauseHTTPStatus:     "Look up the status code in the endpoint's documentation and logs: 404 and 405 mostly mean a wrong URL, 5xx a fault on its side, and a code that means success there, such as 204, belongs to the accepted codes.",
	CauseAuthentication: "Check the endpoint's credentials, such as the Authorization header or the API key, and that they may create leads.",
	CauseFieldMapping:   "Compare the field mapping with what the endpoint expects: names, nesting, required fields and allowed values; the error or the endpoint's answer often names the field.",
	CauseGone:           "The endpoint says that it is gone for good: disable it, or give its new URL.",
	CauseRedirect:       "Enter the URL that the endpoint redirects to; redirects are not followed, since the lead would be lost on the way.",
	CauseBlockedAddress: "Use a URL whose host name leads to a public internet address.",
	CauseCanceled:       "Nothing needs to be done at the endpoint: sending was interrupted on our side and can be repeated.",
	CauseConfiguration:  "Correct the endpoint's settings, which are not usable as they stand: the URL, the headers, the secrets and limits, or what its form wants to be set, such as HubSpot's context and consent.",
	CauseHeld:           "Release the endpoint when it is ready; what waits is delivered then.",
	CauseOutcome:        "Read the reason in the endpoint's answer: its system got the request and did not take the lead; if it did, correct the outcome rules.",
	CauseLeadData:       "Check this lead's values against what the endpoint allows, and where many leads fail restrict the form that collects them.",
	CauseQueue:          "Nothing needs to be done at the endpoint: the lead could not be stored for delivery on our side and is to be handed over again.",
	CauseThrottled:      "Nothing needs to be done if it passes when it is sent again after the wait; if it lasts, raise the limits or look at the failures before.",
}

// Causes returns all causes, sorted.
func Causes() []Cause {
	causes := make([]Cause, 0, len(remedies))
	for c := range remedies {
		causes = append(causes, c)
	}
	slices.Sort(causes)
	return causes
}

// Remedy says in one sentence what the endpoint's owner should do. It is "" for
// a cause that is none of the constants.
func (c Cause) Remedy() string { return remedies[c] }

// remedy is c's, and names the fields that it concerns, as the receiver calls
// them.
func (c Cause) remedy(fields []string) string {
	text := c.Remedy()
	switch len(fields) {
	case 0:
		return text
	case 1:
		return text + " It concerns the field " + fields[0] + "."
	}
	return text + " It concerns the fields " + strings.Join(fields, ", ") + "."
}
