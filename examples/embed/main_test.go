package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// A host's own test suite needs no network: the fake keeps what would be sent.
func TestALeadIsTakenAndDispatched(t *testing.T) {
	f := &delivertest.Fake{}
	h, err := newHandler(f, "https://crm.example.com/leads")
	require.NoError(t, err)
	post := func(body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/leads", strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	const lead = `{"leadId":"1","firstName":"Jane","email":"jane@example.com"}`

	code, answer := post(lead)
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, `[{"endpoint":"crm","status":"delivered"}]`, answer)
	f.AssertSent(t, "crm", `{"messageType":"new_lead","id":"1","contact":{"firstName":"Jane","email":"jane@example.com"}}`)

	for body, says := range map[string]string{`{"email":"x"}`: "leadId", `[]`: "a lead is a JSON object", ``: "ends after 0 bytes"} {
		code, answer = post(body)
		assert.Equal(t, http.StatusBadRequest, code)
		assert.Contains(t, answer, says)
	}

	f.Answers("crm", delivertest.Code(401))
	code, answer = post(lead)
	assert.Equal(t, http.StatusBadGateway, code)
	assert.Contains(t, answer, deliver.CauseAuthentication.Remedy())

	f.Answers("crm", delivertest.Code(503))
	code, _ = post(lead)
	assert.Equal(t, http.StatusServiceUnavailable, code)
}

func TestOverTheNetwork(t *testing.T) {
	crm := delivertest.NewReceiver()
	defer crm.Close()
	sender := &deliver.HTTP{AllowPrivate: true}
	defer sender.CloseIdleConnections()
	h, err := newHandler(sender, crm.URL)
	require.NoError(t, err)
	host := httptest.NewServer(h)
	defer host.Close()
	resp, err := http.Post(host.URL+"/leads", "application/json", strings.NewReader(`{"leadId":"1","email":"jane@example.com"}`))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	require.Len(t, crm.Received(), 1)
	assert.Equal(t, `{"messageType":"new_lead","id":"1","contact":{"email":"jane@example.com"}}`, string(crm.Received()[0].Body))

	_, err = newHandler(sender, "")
	assert.ErrorContains(t, err, `endpoint "crm": url: it is empty`)
}
