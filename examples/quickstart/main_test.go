package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver/delivertest"
)

var update = flag.Bool("update", false, "rewrite testdata")

// What differs from run to run.
var varying = regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`)

func output(args ...string) (string, error) {
	var out bytes.Buffer
	err := run(context.Background(), args, &out)
	return out.String(), err
}

func steady(s string) string {
	return varying.ReplaceAllString(s, "127.0.0.1:PORT")
}

func TestOutput(t *testing.T) {
	for name, args := range map[string][]string{
		"tour": nil, "preview": {"-preview"}, "preview-form": {"-preview", "-url", "https://crm.example.com/leads", "-format", "form"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := output(args...)
			require.NoError(t, err)
			got = steady(got)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestTheLeadsAreVaried(t *testing.T) {
	leads, err := parseLeads(ownLeads)
	require.NoError(t, err)
	require.Len(t, leads, 20)
	zones, withoutPhone := map[any]bool{}, 0
	for _, l := range leads {
		zones[l["timeZone"]] = true
		if l["phone"] == nil {
			withoutPhone++
		}
	}
	assert.Len(t, zones, 3)
	assert.Positive(t, withoutPhone)
	for _, odd := range []string{"ë", "'", "&", "🚚", "田", `\"`, "<"} {
		assert.Contains(t, string(ownLeads), odd)
	}
}

func TestYourOwnLeadsToYourOwnEndpoint(t *testing.T) {
	r := delivertest.NewReceiver()
	defer r.Close()
	file := filepath.Join(t.TempDir(), "leads.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"leadId":"7","email":"a@b.c","favourite colour":"blü","a.b":1},{"email":"no@id"}]`), 0o644))
	got, err := output("-leads", file, "-url", r.URL, "-format", "json")
	require.NoError(t, err)
	assert.Equal(t, "7: delivered\nlead-2: delivered\n", got)
	assert.Equal(t, `{"messageType":"new_lead","leadId":"7","email":"a@b.c","a.b":1,"favourite colour":"blü"}`, string(r.Received()[0].Body))

	r.Answers(delivertest.Answer{Code: 401, Body: "who are you?"})
	got, err = output("-leads", file, "-url", r.URL, "-format", "form")
	assert.Error(t, err)
	assert.Contains(t, got, "status 401")
	assert.Contains(t, got, "who are you?")
	assert.Contains(t, got, "Check the endpoint's credentials")
}

func TestMistakesAreExplained(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "leads.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"leadId":"1","favourite colour":"x"}, 5]`), 0o644))
	empty := filepath.Join(dir, "empty.json")
	require.NoError(t, os.WriteFile(empty, []byte(` []`), 0o644))
	for says, args := range map[string][]string{
		"there are no leads in it":                 {"-leads", empty},
		"is no flag":                               {"extra"},
		"-format goes with -url":                   {"-format", "xml"},
		"no such file":                             {"-leads", filepath.Join(dir, "nothing.json")},
		"lead 2: mapping: a lead is a JSON object": {"-leads", file},
		"it must start with https:// or http://":   {"-url", "localhost:8080"},
		`"yaml" is no format`:                      {"-url", "http://127.0.0.1:1", "-format", "yaml"},
	} {
		_, err := output(args...)
		assert.ErrorContains(t, err, says)
	}
	require.NoError(t, os.WriteFile(file, []byte(`{"leadId":"1","favourite colour":"x"}`), 0o644))
	_, err := output("-leads", file, "-url", "http://127.0.0.1:1", "-format", "xml")
	assert.ErrorContains(t, err, `an XML name cannot hold ' '`)
}

// A lead of one's own that a format cannot write costs that endpoint only.
func TestOddLeadsDoNotStopTheTour(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leads.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"leadId":"1","interests":{"a":1}}`), 0o644))
	got, err := output("-leads", file)
	require.NoError(t, err)
	assert.Contains(t, got, "1: xml: deliver: 127.0.0.1")
	assert.Contains(t, got, "field \"interests\"")
	assert.Regexp(t, `1 +delivered +delivered +failed`, got)
}

// The curl commands are run by a shell, against a receiver, where there is curl.
func TestTheCurlCommandsSendTheSameBytes(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	r := delivertest.NewReceiver()
	defer r.Close()
	for _, format := range []string{"json", "xml", "form", "hubspot_forms_v3"} {
		before := len(r.Received())
		script, err := output("-preview", "-url", r.URL+"/it's here?a=1&b=2", "-format", format)
		require.NoError(t, err)
		require.NoError(t, exec.Command("sh", "-c", "unset http_proxy; "+strings.ReplaceAll(script, "curl ", "curl -sS --noproxy '*' ")).Run())
		_, err = output("-url", r.URL+"/it's here?a=1&b=2", "-format", format)
		require.NoError(t, err)
		got := r.Received()[before:]
		require.Len(t, got, 40)
		for i := range 20 {
			assert.Equal(t, string(got[20+i].Body), string(got[i].Body))
			assert.Equal(t, got[20+i].Header.Get("Content-Type"), got[i].Header.Get("Content-Type"))
			assert.NotEmpty(t, got[i].Header.Get("Webhook-Id"))
			assert.Equal(t, got[20+i].Query, got[i].Query)
		}
	}
}
