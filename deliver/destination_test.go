package deliver_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

func TestUnusableRequestsAreRejectedUnsent(t *testing.T) {
	r := receiver(t)
	for proves, change := range map[string]func(*deliver.Request){
		"no URL":                 func(req *deliver.Request) { req.Destination.URL = "" },
		"a relative URL":         func(req *deliver.Request) { req.Destination.URL = "/leads?key=hidden" },
		"another scheme":         func(req *deliver.Request) { req.Destination.URL = "ftp://example.com/hidden" },
		"no host":                func(req *deliver.Request) { req.Destination.URL = "http:///hidden" },
		"a user in the URL":      func(req *deliver.Request) { req.Destination.URL = "http://user:hidden@example.com" },
		"a host that is none":    func(req *deliver.Request) { req.Destination.URL = "http://a<b>.example.com" },
		"a port that is none":    func(req *deliver.Request) { req.Destination.URL = "http://example.com:99999" },
		"a control character":    func(req *deliver.Request) { req.Destination.URL = r.URL + "/\x01hidden" },
		"a reserved header":      func(req *deliver.Request) { req.Destination.Header = http.Header{"content-length": {"hidden"}} },
		"a webhook header":       func(req *deliver.Request) { req.Destination.Header = http.Header{"Webhook-Id": {"hidden"}} },
		"a line break in a name": func(req *deliver.Request) { req.Destination.Header = http.Header{"X\r\nY": {"1"}} },
		"a line break":           func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\r\nHost: evil"}} },
		"a NUL":                  func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\x00"}} },
		"a header twice":         func(req *deliver.Request) { req.Destination.Header = http.Header{"X-A": {"1"}, "x-a": {"2"}} },
		"a header in Latin-1":    func(req *deliver.Request) { req.Destination.Header = http.Header{"X": {"hidden\xe9"}} },
		"a space in the query":   func(req *deliver.Request) { req.Destination.URL = r.URL + "/?a=hidden HTTP/1.0" },
		"a URL in Latin-1":       func(req *deliver.Request) { req.Destination.URL = r.URL + "/hidden\xe9" },
		"a redirect as success":  func(req *deliver.Request) { req.Destination.Accept = []int{302} },
		"a timeout for ever":     func(req *deliver.Request) { req.Destination.Timeout = 1<<63 - 1 },
		"attempts for ever":      func(req *deliver.Request) { req.Destination.MaxAttempts = 1 << 40 },
		"no secret":              func(req *deliver.Request) { req.Destination.Secrets = []string{"hidden"} },
		"a dot in the ID":        func(req *deliver.Request) { req.ID = "a.b" },
		"a line break in the ID": func(req *deliver.Request) { req.ID = "a\r\nb" },
		"no ID to sign":          func(req *deliver.Request) { req.ID, req.Destination.Secrets = "", []string{secret} },
		"a negative timeout":     func(req *deliver.Request) { req.Destination.Timeout = -1 },
		"negative attempts":      func(req *deliver.Request) { req.Destination.MaxAttempts = -1 },
		"a code that is none":    func(req *deliver.Request) { req.Destination.Accept = []int{99} },
	} {
		t.Run(proves, func(t *testing.T) {
			req := request(r.URL)
			change(req)
			_, err := sender(t).Deliver(t.Context(), req)
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrRejected)
			assert.Equal(t, deliver.CauseConfiguration, e.Cause)
			assert.Empty(t, e.Attempts)
			assert.NotContains(t, err.Error(), "hidden")
		})
	}
	assert.Empty(t, r.Received())
}

func TestADestinationDescribesItself(t *testing.T) {
	d := deliver.Destination{URL: "https://crm.example.com/x", Header: http.Header{"B": {"1"}, "A": {"2"}}, Held: true, MaxAttempts: 2}
	assert.Equal(t, "https://crm.example.com (headers [A B], 0 secrets, timeout 15s, 2 attempts, held)", d.String())
	d.Header = http.Header{"b b": {"1"}, "a a": {"2"}}
	for range 10 {
		assert.Regexp(t, `(?s)a a.*b b`, d.Validate().Error(), "faults have an order")
	}
}

func TestNothingShowsSecrets(t *testing.T) {
	req := request("https://user.example.com/path-hidden?key=hidden")
	req.Body = []byte("body-hidden")
	req.Destination.Header = http.Header{"Authorization": {"hidden"}}
	req.Destination.Secrets = []string{"whsec_hidden"}
	attempt := deliver.Attempt{Number: 1, StatusCode: 422, Cause: deliver.CauseFieldMapping, Body: []byte("hidden")}
	failed := &deliver.Error{Kind: deliver.ErrRejected, Attempts: []deliver.Attempt{attempt}}
	receipt := &deliver.Receipt{Status: deliver.Delivered, Attempts: failed.Attempts}
	for _, v := range []any{attempt, []deliver.Attempt{attempt}, failed, receipt, *receipt, req, *req, req.Destination, &req.Destination, []deliver.Request{*req}, struct{ R *deliver.Request }{req}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, "hidden", verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", "hidden"), verb)
		}
	}
}
