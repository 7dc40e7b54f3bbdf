package leadhook

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/encode"
	"github.com/topprovider/leadhook/mapping"
	"github.com/topprovider/leadhook/routing"
)

// An Endpoint is one receiving system, as its owner configured it. It survives a
// round trip through JSON, secrets included; printed or logged it shows none.
// All but ID, URL and Mapping may be left out. To have misspelt settings refused,
// decode it with json.Decoder.DisallowUnknownFields.
type Endpoint struct {
	// ID names the endpoint in deliveries, errors and history. It is printable
	// text that no other endpoint has.
	ID string `json:"id"`
	// Name is for people.
	Name string `json:"name,omitempty"`
	// URL is absolute, http or https, without a user name.
	URL string `json:"url"`
	// Format of the payload. "" means JSON.
	Format encode.Format `json:"format,omitempty"`
	// Encoding adjusts the format.
	Encoding encode.Options `json:"encoding,omitzero"`
	// Headers go out with each request. deliver.Destination lists those that
	// are not the owner's to set.
	Headers map[string]string `json:"headers,omitempty"`
	// Mapping says which fields go out, and under which names.
	Mapping mapping.Mapping `json:"mapping"`
	// Type says which messages the endpoint takes. "" means new leads only.
	Type routing.EndpointType `json:"type,omitempty"`
	// LeadOrders are those that the endpoint is attached to. None: all.
	LeadOrders []string `json:"leadOrders,omitempty"`
	// Disabled endpoints are not told of anything.
	Disabled bool `json:"disabled,omitempty"`
	// Held endpoints are told, but durable deliveries wait until the endpoint is
	// released. Without a queue they come back as deliver.ErrExhausted.
	Held bool `json:"held,omitempty"`
	// Secrets are Standard Webhooks keys (whsec_…, whsk_…), newest first; all of
	// them sign. None: no signature.
	Secrets []string `json:"secrets,omitempty"`
	// Timeout bounds one attempt, in nanoseconds in JSON. 0 means 15 s.
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxAttempts bounds the attempts of one delivery. 0 means 4.
	MaxAttempts int `json:"maxAttempts,omitempty"`
	// Accept is the status codes that mean success. None means 200, 201, 202.
	Accept []int `json:"accept,omitempty"`
	// Outcomes read the answer's body for what became of the lead; the first that
	// matches decides, before the status code.
	Outcomes []deliver.OutcomeRule `json:"outcomes,omitempty"`
	// Limits are what the endpoint can bear, where the Deliverer is a limit.Limiter.
	Limits deliver.Limits `json:"limits,omitzero"`
	// ClientCertificate is presented to an endpoint that asks for one (mutual TLS).
	// nil: none.
	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`
}

// An EndpointError is one fault of an endpoint's configuration.
type EndpointError struct {
	Endpoint string // ID
	Setting  string // as in JSON: url, headers.X-Key, mapping, secrets[0], …
	Err      error  // for mapping a *mapping.RuleError
}

// Error names the endpoint, the setting and the mend. It has no secret in it.
func (e *EndpointError) Error() string {
	return fmt.Sprintf("endpoint %.80q: %s: %v", e.Endpoint, e.Setting, e.Err)
}

// Unwrap returns Err.
func (e *EndpointError) Unwrap() error { return e.Err }

// Validate reports every fault of e at once, each an [*EndpointError], joined,
// for a form to show. A nil catalog is mapping.Standard.
func (e Endpoint) Validate(c *mapping.Catalog) error {
	_, err := e.compile(c)
	return err
}

// compile checks e and makes what it takes to send to it.
func (e Endpoint) compile(c *mapping.Catalog) (*endpoint, error) {
	var faults []error
	fault := func(setting string, err error) {
		if err != nil {
			faults = append(faults, &EndpointError{e.ID, setting, err})
		}
	}
	fault("id", checkID(e.ID))
	header := make(http.Header, len(e.Headers))
	for name, value := range e.Headers {
		header[name] = []string{value}
	}
	destination := deliver.Destination{
		URL: e.URL, Header: header, Secrets: slices.Clone(e.Secrets), Timeout: e.Timeout,
		MaxAttempts: e.MaxAttempts, Accept: slices.Clone(e.Accept), Held: e.Held,
		Outcomes: e.Outcomes, Limits: e.Limits, Certificate: e.ClientCertificate.parse(fault),
	}
	for _, err := range split(destination.Validate()) {
		if s, ok := errors.AsType[*deliver.SettingError](err); ok {
			if s.Setting == "certificate" {
				s.Setting = "clientCertificate"
			}
			fault(s.Setting, s.Err)
		}
	}
	if s := e.Encoding.WebhookURL; s != "" {
		if err, ok := errors.AsType[*deliver.SettingError](deliver.Destination{URL: s}.Validate()); ok {
			fault("encoding.webhookUrl", err.Err)
		}
	}
	if e.Timeout > 0 && e.Timeout < time.Millisecond {
		fault("timeout", fmt.Errorf("it is %v; in JSON a timeout is in nanoseconds, 15 s are 15000000000", e.Timeout))
	}
	fault("type", e.Type.Validate())
	for i, order := range e.LeadOrders {
		if order == "" || !utf8.ValidString(order) {
			fault(fmt.Sprintf("leadOrders[%d]", i), errors.New("it is empty or not valid UTF-8; no lead orders at all means every one"))
		}
	}
	format := e.Format
	if format == "" {
		format = encode.JSON
	}
	// The sound rules go on to the format, so that one look shows all faults.
	plan, err := mapping.CompileSound(e.Mapping, c)
	for _, err := range split(err) {
		fault("mapping", err)
	}
	encoder, err := encode.New(format, plan, &e.Encoding)
	for _, err := range split(err) {
		switch _, ofRule := errors.AsType[*mapping.RuleError](err); {
		case ofRule:
			fault("mapping", err)
		case !slices.Contains(encode.Formats(), format):
			fault("format", err)
		default:
			fault("encoding", err)
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, byRule)
		return nil, errors.Join(faults...)
	}
	masker := encoder
	if e.Encoding.WebhookURL != "" {
		options := withoutSecrets(e.Encoding)
		if masker, err = encode.New(format, plan, &options); err != nil {
			return nil, &EndpointError{e.ID, "encoding", err}
		}
	}
	destination.Outcomes, _ = deliver.CompileOutcomes(e.Outcomes) // without fault, as Validate said
	if c == nil {
		c = mapping.Standard()
	}
	host := "" // an URL without fault has one
	if u, err := url.Parse(e.URL); err == nil {
		host = u.Host
	}
	hidden := sensitive(plan, c)
	return &endpoint{
		id:      e.ID,
		encoder: encoder,
		masker:  masker,
		routing: routing.Endpoint{
			Type: e.Type, LeadOrders: slices.Clone(e.LeadOrders), Disabled: e.Disabled,
			MapsMeetingTime: plan.Maps(mapping.FieldRequestedMeetingTime) || plan.Maps(mapping.FieldFormattedRequestedMeetingTime),
		},
		destination: destination,
		sensitive:   hidden,
		leaves:      newLeaves(hidden, format, c),
		host:        host,
	}, nil
}

func checkID(id string) error {
	if id == "" {
		return errors.New("it is empty; give each endpoint an ID of its own")
	}
	for _, r := range id {
		if r < ' ' || r == 0x7F || r == '\uFFFD' {
			return errors.New("it holds a character that cannot be printed")
		}
	}
	return nil
}

// byRule orders the faults of a mapping as it has its rules, behind all others;
// those of rules come before those of constants.
func byRule(a, b error) int {
	place := func(err error) int {
		r, ok := errors.AsType[*mapping.RuleError](err)
		switch {
		case !ok:
			return math.MinInt
		case r.Constant:
			return r.Index + math.MaxInt32
		}
		return r.Index
	}
	return cmp.Compare(place(a), place(b))
}

// split returns what errors.Join joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// String describes the endpoint without its secrets.
func (e Endpoint) String() string {
	format := e.Format
	if format == "" {
		format = encode.JSON
	}
	kind := e.Type
	if kind == "" {
		kind = routing.NewLeadsOnly
	}
	return fmt.Sprintf("endpoint %s (%q, %s, %s, %d rules, %d constants) at %v", e.ID, e.Name, format, kind,
		len(e.Mapping.Rules), len(e.Mapping.Constants), deliver.Destination{URL: e.URL, Secrets: e.Secrets, Timeout: e.Timeout, MaxAttempts: e.MaxAttempts, Held: e.Held})
}

// GoString returns String, so that %#v shows no secrets either.
func (e Endpoint) GoString() string { return e.String() }

// LogValue logs String.
func (e Endpoint) LogValue() slog.Value { return slog.StringValue(e.String()) }
