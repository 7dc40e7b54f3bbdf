package deliver

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Destination is where a request goes and how. It is resolved when sending.
// The zero value of each field but URL is ready.
//
// Printed, logged or marshalled it shows none of its secrets: no header value,
// no key, no path and no query.
type Destination struct {
	// URL is absolute, http or https, without a user name.
	URL string
	// Header goes out with each attempt. Host, Content-Length,
	// Transfer-Encoding, Connection, Upgrade, Trailer, Content-Type,
	// Accept-Encoding and webhook-… are not the host's to set.
	Header http.Header
	// Secrets are Standard Webhooks keys, whsec_… (HMAC-SHA256) or whsk_…
	// (Ed25519), newest first; all of them sign. None: no signature.
	Secrets []string
	// Timeout bounds one attempt, the answer's body included. 0 means 15 s, and
	// 10 min is the most. HTTP's own transport gives dialling and a TLS handshake
	// 10 s each of it.
	Timeout time.Duration
	// MaxAttempts bounds the attempts, the first included. 0 means 4, and 100 is
	// the most.
	MaxAttempts int
	// Accept is the status codes that mean success. None means 200, 201, 202. A
	// redirect never does.
	Accept []int
	// Outcomes read the answer's body for what became of the lead; the first that
	// matches decides, before the status code. None: the status code decides.
	// HTTP reads the first 16 KiB of an answer.
	Outcomes []OutcomeRule
	// Limits are kept by package limit; HTTP alone does not look at them.
	Limits Limits
	// Certificate is presented where the endpoint asks for a client certificate
	// (mutual TLS). nil: none. HTTP's own Transport presents it; a transport of
	// the host's has its own.
	Certificate *tls.Certificate
	// Held keeps everything back: HTTP answers ErrExhausted without sending, a
	// queue stores and waits.
	Held bool
}

// The defaults of Destination.
const (
	DefaultTimeout     = 15 * time.Second
	DefaultMaxAttempts = 4
)

// Bounds, so that one endpoint's owner cannot hold a host's delivery for ever.
const (
	maxTimeout  = 10 * time.Minute
	maxAttempts = 100
)

// A SettingError is one fault of a destination.
type SettingError struct {
	Setting string // url, headers.X-Key, secrets[0], timeout, maxAttempts, accept, outcomes[0].path, limits.rate
	Err     error
}

// Error names the setting and the mend; it has no secret in it.
func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *SettingError) Unwrap() error { return e.Err }

// Validate reports every fault at once, each a [*SettingError], joined. It looks
// nothing up: whether the host exists and is public shows when it is dialled.
func (d Destination) Validate() error {
	_, err := d.parse()
	return err
}

// parsed is a destination, ready for use.
type parsed struct {
	url      *url.URL
	keys     []key
	outcomes []OutcomeRule
}

// parse is Validate, and what it found on the way.
func (d *Destination) parse() (p parsed, err error) {
	var faults []error
	fault := func(setting string, err error) {
		if err != nil {
			faults = append(faults, &SettingError{setting, err})
		}
	}
	p.url, err = parseURL(d.URL)
	fault("url", err)
	spelled := make(map[string]bool)
	for _, name := range names(d.Header) {
		err, canonical := checkHeader(name, d.Header[name]), textproto.CanonicalMIMEHeaderKey(name)
		if spelled[canonical] {
			err = errors.New("it is given twice, in upper and lower case; give it once")
		}
		spelled[canonical] = true
		if err != nil {
			fault(fmt.Sprintf("headers.%.80q", name), err)
		}
	}
	for i, secret := range d.Secrets {
		k, err := parseKey(secret)
		if err != nil {
			fault(fmt.Sprintf("secrets[%d]", i), err)
		}
		p.keys = append(p.keys, k) // decoded for each delivery: nothing keeps secrets
	}
	if d.Timeout < 0 || d.Timeout > maxTimeout {
		fault("timeout", fmt.Errorf("it is %v; 0 means %v, and %v is the most", d.Timeout, DefaultTimeout, maxTimeout))
	}
	if d.MaxAttempts < 0 || d.MaxAttempts > maxAttempts {
		fault("maxAttempts", fmt.Errorf("it is %d; 0 means %d, and %d is the most", d.MaxAttempts, DefaultMaxAttempts, maxAttempts))
	}
	for _, code := range d.Accept {
		fault("accept", checkStatus(code))
	}
	if len(d.Outcomes) > 0 {
		outcomes, wrong := compileOutcomes(d.Outcomes)
		p.outcomes, faults = outcomes, append(faults, wrong...)
	}
	d.Limits.validate(fault)
	if c := d.Certificate; c != nil && (len(c.Certificate) == 0 || c.PrivateKey == nil) {
		fault("certificate", errors.New("it has no certificate or no key; tls.X509KeyPair makes one of both"))
	} else if c != nil && p.url != nil && p.url.Scheme == "http" {
		fault("certificate", errors.New("it is presented over https only, and the URL is http"))
	}
	return p, errors.Join(faults...)
}

// parseURL never quotes the URL in an error: its query may hold a key.
func parseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("it is empty; give an absolute URL, such as https://example.com/leads")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no URL; give an absolute one, such as https://example.com/leads")
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it must start with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("it has no host name")
	case strings.ContainsAny(u.Host, `"<>`): // net/http would send an empty Host
		return nil, errors.New("its host name holds a character that no host name has")
	case !utf8.ValidString(s):
		return nil, errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(u.RawQuery, func(r rune) bool { return r <= ' ' || r >= 0x7F || strings.ContainsRune(`"<>`, r) }):
		return nil, errors.New("its query holds a character that must be percent-encoded, such as a space as %20")
	case u.User != nil:
		return nil, errors.New("it has a user name in it; send an Authorization header instead")
	case port != "" && !isPort(port):
		return nil, errors.New("its port is none; ports are 1 to 65535")
	}
	u.Host = strings.TrimSuffix(u.Host, ":") // an empty port, which goes into no Host header
	return u, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// names returns a header's, in order.
func names(h http.Header) []string {
	sorted := make([]string, 0, len(h))
	for name := range h {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return sorted
}

// reserved headers are set by us or by net/http for every request.
var reserved = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Trailer", "Content-Type", "Accept-Encoding",
}

func checkHeader(name string, values []string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return errors.New("it is no header name; use letters, digits and -")
	case slices.Contains(reserved, canonical):
		return errors.New("it is set for each request; remove it here")
	case strings.HasPrefix(canonical, "Webhook-"):
		return errors.New("webhook- headers carry the signature; remove it here")
	}
	for _, v := range values {
		if !utf8.ValidString(v) {
			return errors.New("its value is not valid UTF-8")
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
			return errors.New("its value has a line break or another control character in it; remove that")
		}
	}
	return nil
}

// isToken is the production token of RFC 9110 §5.6.2, which header names are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7F || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// String describes the destination without its secrets.
func (d Destination) String() string {
	where := "nowhere"
	if u, err := parseURL(d.URL); err == nil {
		where = u.Scheme + "://" + u.Host
	}
	more := ""
	if len(d.Outcomes) > 0 {
		more += fmt.Sprintf(", %d outcome rules", len(d.Outcomes))
	}
	if d.Certificate != nil {
		more += ", client certificate"
	}
	if d.Held {
		more += ", held"
	}
	return fmt.Sprintf("%s (headers %v, %d secrets, timeout %v, %d attempts%s)",
		where, names(d.Header), len(d.Secrets), d.timeout(), d.maxAttempts(), more)
}

// Format writes String, whatever the verb.
func (d Destination) Format(s fmt.State, _ rune) { fmt.Fprint(s, d.String()) }

// LogValue logs String.
func (d Destination) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalJSON writes String: a destination is resolved anew for each sending,
// never stored.
func (d Destination) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

func (d *Destination) timeout() time.Duration {
	if d.Timeout > 0 {
		return d.Timeout
	}
	return DefaultTimeout
}

func (d *Destination) maxAttempts() int {
	if d.MaxAttempts > 0 {
		return d.MaxAttempts
	}
	return DefaultMaxAttempts
}
