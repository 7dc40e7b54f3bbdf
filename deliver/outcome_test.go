package deliver_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// Each answer by each rule, with what status and rule make of it.
func TestOutcomes(t *testing.T) {
	const leadConduit = `{"outcome":"failure","reason":"bad \"phone\"","lead":{"id":"5f0c"},"price":12.50}`
	const accepted, duplicate, rejected, retry = deliver.VerdictAccepted, deliver.VerdictDuplicate, deliver.VerdictRejected, deliver.VerdictRetry
	type rule = deliver.OutcomeRule
	for _, test := range []struct {
		proves string
		code   int
		body   string
		rules  []rule
		kind   error
		cause  deliver.Cause
		found  deliver.Outcome
		note   string // a part of it
	}{
		{
			proves: "a 200 that says duplicate is read for what it is", code: 200, body: `{"success":false,"reason":"duplicate"}`,
			rules: []rule{
				{Path: "reason", Equals: "duplicate", Verdict: duplicate, ReasonPath: "reason"},
				{Path: "success", Equals: "false", Verdict: rejected, ReasonPath: "reason"},
			},
			found: deliver.Outcome{Duplicate: true, Reason: "duplicate"}, note: "outcomes[0] matches: duplicate",
		},
		{
			proves: "a 200 that says rejected, with reason, reference and price", code: 200, body: leadConduit,
			rules: []rule{{Path: "outcome", Equals: "success", Verdict: accepted}, {Path: "outcome", Equals: "failure", Verdict: rejected, ReasonPath: "reason", ReferencePath: "lead.id", PricePath: "price"}},
			kind:  deliver.ErrRejected, cause: deliver.CauseOutcome, found: deliver.Outcome{Reason: `bad "phone"`, Reference: "5f0c", Price: "12.50"}, note: "outcomes[1] matches",
		},
		{
			proves: "the first match wins", code: 200, body: `{"a":1}`,
			rules: []rule{{Path: "a", Verdict: retry}, {Path: "a", Verdict: rejected}}, kind: deliver.ErrExhausted, cause: deliver.CauseOutcome,
		},
		{
			proves: "a rule comes before the status", code: 500, body: "OK: lead saved",
			rules: []rule{{Contains: "saved", Verdict: accepted}},
		},
		{
			proves: "a rule of statuses alone", code: 409,
			rules: []rule{{Statuses: []int{409}, Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "a rule of other statuses", code: 200, body: "no",
			rules: []rule{{Statuses: []int{400, 422}, Contains: "no", Verdict: rejected}},
		},
		{
			proves: "a refusal keeps the cause of its status", code: 401, body: `{"later":true}`,
			rules: []rule{{Path: "later", Equals: "true", Verdict: retry}}, kind: deliver.ErrExhausted, cause: deliver.CauseAuthentication,
		},
		{
			proves: "nothing matches, and the status decides", code: 422, body: `{"a":"x"}`,
			rules: []rule{{Path: "a", Equals: "y", Verdict: accepted}}, kind: deliver.ErrRejected, cause: deliver.CauseFieldMapping,
			note: "no outcome rule matches; the status decides",
		},
		{
			proves: "a path that leads nowhere shows", code: 200, body: `{"a":"x"}`,
			rules: []rule{{Path: "a", Verdict: duplicate, ReasonPath: "b", PricePath: "c"}}, found: deliver.Outcome{Duplicate: true},
			note: "outcomes[0] matches: duplicate, and there is nothing at its reasonPath and pricePath",
		},
		{
			proves: "case counts", code: 200, body: "ERROR",
			rules: []rule{{Contains: "error", Verdict: rejected}, {Equals: "Error", Verdict: rejected}, {Pattern: "error", Verdict: rejected}},
		},
		{
			proves: "a pattern is RE2", code: 200, body: "ERROR 17",
			rules: []rule{{Pattern: `(?i)^error \d+$`, Verdict: retry}}, kind: deliver.ErrExhausted, cause: deliver.CauseOutcome,
		},
		{
			proves: "the whole body without the space around it", code: 200, body: "\r\n FAIL\n",
			rules: []rule{{Equals: "FAIL", Verdict: rejected}}, kind: deliver.ErrRejected, cause: deliver.CauseOutcome,
		},
		{
			proves: "an answer that is no JSON", code: 200, body: "<html>success</html>",
			rules: []rule{{Path: "success", Equals: "false", Verdict: rejected}}, note: "outcomes[0] does not apply: the answer is not JSON",
		},
		{
			proves: "JSON with something behind it is none", code: 200, body: `{"success":false} <!-- -->`,
			rules: []rule{{Path: "success", Equals: "false", Verdict: rejected}}, note: "the answer is not JSON",
		},
		{
			proves: "no body at all", code: 200,
			rules: []rule{{Path: "success", Verdict: rejected}}, note: "the answer is not JSON",
		},
		{
			proves: "one that is no JSON for one rule, and text for another", code: 200, body: "duplicate",
			rules: []rule{{Path: "a", Verdict: rejected}, {Contains: "duplicate", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
			note: "outcomes[0] does not apply: the answer is not JSON; outcomes[1] matches: duplicate",
		},
		{
			proves: "too deep to walk", code: 200, body: strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
			rules: []rule{{Path: "0.0", Verdict: rejected}}, note: "nests more than 100 deep",
		},
		{
			proves: "a text in which lists could nest without end", code: 200, body: `{"x":"` + strings.Repeat("[", 15_000) + `"}`,
			rules: slices.Repeat([]rule{{Path: "x|0", Equals: "z", Verdict: rejected}}, 32), note: "no outcome rule matches",
		},
		{
			proves: "nor is anything found where they nest deeper than an answer may", code: 200, body: `{"x":"` + strings.Repeat("[", 150) + "5" + strings.Repeat("]", 150) + `"}`,
			rules: []rule{{Path: "x|0", Equals: "5", Verdict: rejected}}, note: "no outcome rule matches",
		},
		{
			proves: "brackets in texts do not nest", code: 200, body: `{"a":"` + strings.Repeat(`[{\"`, 500) + `"}`,
			rules: []rule{{Path: "a", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "too long to be known whole", code: 200, body: `{"ok":false,"x":"` + strings.Repeat("x", 40<<10) + `"}`,
			rules: []rule{{Path: "ok", Equals: "false", Verdict: rejected}}, note: "longer than 16 KiB",
		},
		{
			proves: "longer than what is kept, and read all the same", code: 200, body: `{"x":"` + strings.Repeat("x", 10<<10) + `","ok":false}`,
			rules: []rule{{Path: "ok", Equals: "false", Verdict: rejected}}, kind: deliver.ErrRejected, cause: deliver.CauseOutcome,
		},
		{
			proves: "a null is nothing", code: 200, body: `{"error":null}`,
			rules: []rule{{Path: "error", Verdict: rejected}},
		},
		{
			proves: "an empty list is nothing", code: 422, body: `{"errors":[{"code":"INVALID"}],"e":{}, "x":[ ]}`,
			rules: []rule{{Path: `errors.#(code=="DUP")#`, Verdict: duplicate}, {Path: "e", Verdict: accepted}, {Path: "x", Verdict: accepted}, {Path: "x.#.y", Verdict: accepted}, {Path: "no.@values", Verdict: accepted}},
			kind:  deliver.ErrRejected, cause: deliver.CauseFieldMapping,
		},
		{
			proves: "a list of something is something", code: 200, body: `{"x":[0]}`,
			rules: []rule{{Path: "x", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "behind an answer that is not known whole no rule decides", code: 200, body: `{"success":true,"x":"` + strings.Repeat("x", 40<<10) + `"}`,
			rules: []rule{{Path: "success", Equals: "true", Verdict: accepted}, {Statuses: []int{200}, Verdict: rejected}}, note: "longer than 16 KiB",
		},
		{
			proves: "nor is a pattern held against a part of it", code: 200, body: strings.Repeat("x", 40<<10) + "}",
			rules: []rule{{Pattern: `^[^}]*$`, Verdict: rejected}}, note: "outcomes[0] does not apply: the answer is longer than 16 KiB",
		},
		{
			proves: "but a text that is there is there", code: 200, body: "rejected" + strings.Repeat("x", 40<<10),
			rules: []rule{{Contains: "rejected", Verdict: rejected}}, kind: deliver.ErrRejected, cause: deliver.CauseOutcome,
		},
		{
			proves: "nor where a text was not found in what is known", code: 200, body: strings.Repeat("x", 40<<10) + "rejected",
			rules: []rule{{Contains: "rejected", Verdict: rejected}}, note: "outcomes[0] does not apply: the answer is longer than 16 KiB",
		},
		{
			proves: "one of a list is enough", code: 200, body: `{"errors":[{"code":"A"},{"code":"DUP"}]}`,
			rules: []rule{{Path: "errors.#.code", Equals: "DUP", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "a query", code: 200, body: `{"leads":[{"id":1,"state":"ok"},{"id":2,"state":"refused"}]}`,
			rules: []rule{{Path: `leads.#(id==2).state`, Equals: "refused", Verdict: rejected}}, kind: deliver.ErrRejected, cause: deliver.CauseOutcome,
		},
		{
			proves: "a dot inside a key, and a modifier", code: 200, body: `{"a.b":{"c":1}}`,
			rules: []rule{{Path: `a\.b|@values|0`, Equals: "1", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "numbers as they are written", code: 200, body: `{"n":1.0}`,
			rules: []rule{{Path: "n", Equals: "1", Verdict: rejected}, {Path: "n", Equals: "1.0", Verdict: duplicate}}, found: deliver.Outcome{Duplicate: true},
		},
		{
			proves: "a byte order mark", code: 200, body: "\xEF\xBB\xBF" + `{"ok":false}`,
			rules: []rule{{Path: "ok", Equals: "false", Verdict: rejected}}, kind: deliver.ErrRejected, cause: deliver.CauseOutcome,
		},
		{
			proves: "a redirect is none, whatever it says", code: 302, body: `{"ok":true}`,
			rules: []rule{{Path: "ok", Verdict: accepted}}, kind: deliver.ErrRejected, cause: deliver.CauseRedirect,
		},
		{
			proves: "a receiver's text is made fit to be kept", code: 200, body: `{"r":"a\u0000b\u001b` + "\xff" + strings.Repeat("é", 400) + `"}`,
			rules: []rule{{Path: "r", Verdict: duplicate, ReasonPath: "r"}}, found: deliver.Outcome{Duplicate: true, Reason: "a b \uFFFD" + strings.Repeat("é", 246)},
		},
	} {
		t.Run(test.proves, func(t *testing.T) {
			compiled, err := deliver.CompileOutcomes(test.rules)
			require.NoError(t, err)
			r := receiver(t)
			r.Answers(delivertest.Answer{Code: test.code, Body: test.body})
			fake := &delivertest.Fake{}
			fake.Answers("crm", delivertest.Answer{Code: test.code, Body: test.body})
			for way, d := range map[string]deliver.Deliverer{"HTTP": sender(t), "compiled": sender(t), "fake": fake} {
				req := request(r.URL)
				req.Destination.MaxAttempts, req.Destination.Outcomes = 1, test.rules
				if way == "compiled" {
					req.Destination.Outcomes = compiled
				}
				receipt, err := d.Deliver(t.Context(), req)
				if way == "fake" && strings.Contains(test.note, "longer than") {
					continue // it has no bytes to stop reading
				}
				var last deliver.Attempt
				if test.kind == nil {
					require.NoError(t, err, way)
					assert.Equal(t, deliver.Delivered, receipt.Status, way)
					assert.Equal(t, test.found, receipt.Outcome, way)
					last = receipt.Attempts[0]
					assert.Empty(t, last.Cause, way)
					assert.Empty(t, last.Err, way)
				} else {
					e := failure(t, err)
					require.ErrorIs(t, err, test.kind, way)
					assert.Equal(t, test.cause, e.Cause, way)
					assert.Equal(t, test.found, e.Outcome, way)
					assert.NotContains(t, e.Error(), "phone", "a reason may quote the lead")
					last = e.Attempts[0]
				}
				assert.Equal(t, test.found, last.Outcome, way)
				assert.Contains(t, last.Note, test.note, way)
				assert.LessOrEqual(t, len(last.Body), 4<<10)
			}
		})
	}
}

func TestARetryByARuleIsTriedAgain(t *testing.T) {
	r := receiver(t)
	r.Answers(delivertest.Answer{Body: `{"state":"busy"}`}, delivertest.Answer{Body: `{"state":"stored","id":7}`})
	req := request(r.URL)
	req.Destination.Outcomes = []deliver.OutcomeRule{
		{Path: "state", Equals: "busy", Verdict: deliver.VerdictRetry}, {Path: "state", Verdict: deliver.VerdictAccepted, ReferencePath: "id"},
	}
	receipt, err := sender(t).Deliver(t.Context(), req)
	require.NoError(t, err)
	assert.Len(t, receipt.Attempts, 2)
	assert.Equal(t, deliver.CauseOutcome, receipt.Attempts[0].Cause)
	assert.Equal(t, "7", receipt.Reference)
}

func TestAnAcceptanceByARuleNeedsItsWholeBody(t *testing.T) {
	url := raw(t, answerWith("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nduplicate"))
	req := request(url)
	req.Destination.MaxAttempts, req.Destination.Outcomes = 1, []deliver.OutcomeRule{{Contains: "duplicate", Verdict: deliver.VerdictDuplicate}}
	_, err := sender(t).Deliver(t.Context(), req)
	e := failure(t, err)
	require.ErrorIs(t, err, deliver.ErrExhausted)
	assert.Equal(t, deliver.CauseConnection, e.Cause)
	assert.False(t, e.Attempts[0].Duplicate)
}

// Of an answer that broke off nobody knows what it would have said.
func TestABrokenAnswerIsReadByNoRule(t *testing.T) {
	for _, rules := range [][]deliver.OutcomeRule{
		{{Path: "success", Equals: "true", Verdict: deliver.VerdictAccepted}, {Statuses: []int{200}, Verdict: deliver.VerdictRejected}},
		{{Pattern: "^[^}]*$", Verdict: deliver.VerdictRejected}},
	} {
		url := raw(t, answerWith("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"success\":tr"))
		req := request(url)
		req.Destination.MaxAttempts, req.Destination.Outcomes = 2, rules
		_, err := sender(t).Deliver(t.Context(), req)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Len(t, failure(t, err).Attempts, 2)
	}
}

func TestCompressedAnswersAreRead(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	io.WriteString(w, `{"success":false}`)
	require.NoError(t, w.Close())
	rules := []deliver.OutcomeRule{{Path: "success", Equals: "false", Verdict: deliver.VerdictRejected}}
	send := func(encoding, body string) (*deliver.Receipt, error) {
		url := raw(t, answerWith(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", encoding, len(body), body)))
		req := request(url)
		req.Destination.MaxAttempts, req.Destination.Outcomes = 1, rules
		return sender(t).Deliver(t.Context(), req)
	}
	_, err := send("GZIP", zipped.String())
	require.ErrorIs(t, err, deliver.ErrRejected)
	assert.Equal(t, `{"success":false}`, string(failure(t, err).Attempts[0].Body))
	_, err = send("x-gzip", zipped.String())
	require.ErrorIs(t, err, deliver.ErrRejected)
	_, err = send("identity", `{"success":false}`)
	require.ErrorIs(t, err, deliver.ErrRejected)
	rules = append(rules, deliver.OutcomeRule{Pattern: "^$", Verdict: deliver.VerdictRejected})
	receipt, err := send("br", "\x0b\x08\x80whatever")
	require.NoError(t, err, "the status decides")
	assert.Contains(t, receipt.Attempts[0].Note, "encoded in a way that nobody asked for")
	assert.Empty(t, receipt.Attempts[0].Body)
	assert.Error(t, deliver.Destination{URL: "https://example.com", Header: http.Header{"accept-encoding": {"br"}}}.Validate())
}

func TestABadRuleIsRefusedWithItsPlace(t *testing.T) {
	const ok = deliver.VerdictAccepted
	for place, rule := range map[string]deliver.OutcomeRule{
		"outcomes[1].pattern: it is no regular":     {Pattern: "(", Verdict: ok},
		"outcomes[1].pattern: it is too large":      {Pattern: strings.Repeat("x{1000}", 140), Verdict: ok},
		"outcomes[1].pattern: it is too":            {Pattern: "(a|é|[^x]){500}", Verdict: ok},
		"outcomes[1].pattern: it is no":             {Pattern: `(?=a)`, Verdict: ok},
		"outcomes[1].pattern: it has 1001":          {Pattern: strings.Repeat("a", 1001), Verdict: ok},
		"outcomes[1].path: it has an empty part":    {Path: "a..b", Verdict: ok},
		"outcomes[1].path: it has an empty":         {Path: "a.", Verdict: ok},
		"outcomes[1].path: it has an":               {Path: ".a", Verdict: ok},
		"outcomes[1].path: its query is not":        {Path: `a.#(b=="c"`, Verdict: ok},
		"outcomes[1].path: its query is":            {Path: `a.#(b=="c)`, Verdict: ok},
		"outcomes[1].path: a query is written":      {Path: `a.#[b=="c"]`, Verdict: ok},
		"outcomes[1].path: its query has a @":       {Path: `a.#(@tostr=="c")`, Verdict: ok},
		"outcomes[1].path: it has \".@\" at":        {Path: `a.#(b.@tostr=="c")`, Verdict: ok},
		"outcomes[1].path: it has \"|@\" at":        {Path: `#(a=="|@tostr|x")`, Verdict: ok},
		"outcomes[1].path: it has \"|@\"":           {Path: `0\|@tostr:\|x`, Verdict: ok},
		"outcomes[1].path: it has \"|!\" at":        {Path: `#(a=="|!"z"|x")`, Verdict: ok},
		"outcomes[1].path: it has \".[\" at":        {Path: `a\.[b,b]`, Verdict: ok},
		"outcomes[1].path: it has \"|{\" at":        {Path: `#(a=="|{b,b}")`, Verdict: ok},
		`outcomes[1].path: it ends in a \`:          {Path: `a\`, Verdict: ok},
		`outcomes[1].path: "@tostr" is not`:         {Path: `a.@tostr`, Verdict: ok},
		`outcomes[1].path: "[a,b]" builds`:          {Path: `[a,b]`, Verdict: ok},
		`outcomes[1].path: "!\"x\"" builds`:         {Path: `a|!"x"`, Verdict: ok},
		"outcomes[1].path: it is not valid UTF-8":   {Path: "a\xff", Verdict: ok},
		"outcomes[1].path: it has a control":        {Path: "a\nb", Verdict: ok},
		"outcomes[1].path: the rule matches every":  {Verdict: ok},
		"outcomes[1].path: it has more than 32":     {Path: strings.Repeat("a.", 32) + "a", Verdict: ok},
		"outcomes[1].path: it has more than":        {Path: strings.Repeat("@reverse|", 3) + "@reverse", Verdict: ok},
		"outcomes[1].path: \"errors[0]\" has an":    {Path: "errors[0].type", Verdict: ok},
		"outcomes[1].path: \"a[]\" has an":          {Path: "x.a[]", Verdict: ok},
		"outcomes[1].path: it begins with $":        {Path: "$.status", Verdict: ok},
		"outcomes[1].path: it begins with /":        {Path: "/result/status", Verdict: ok},
		"outcomes[1].path: \"*a*ab*\" has too many": {Path: "*a*ab*", Verdict: ok},
		"outcomes[1].path: \"#(%\\\"*a*ab*":         {Path: `#(%"*a*ab*")`, Verdict: ok},
		"outcomes[1].path: \"*aaaa":                 {Path: "*" + strings.Repeat("a", 100) + "*", Verdict: ok},
		"outcomes[1].path: it has a space":          {Path: "status ", Verdict: ok},
		"outcomes[1].reasonPath: it has":            {Path: "a", ReasonPath: "a..b", Verdict: ok},
		"outcomes[1].referencePath: it has":         {Path: "a", ReferencePath: "a..b", Verdict: ok},
		"outcomes[1].pricePath: it has":             {Path: "a", PricePath: "a..b", Verdict: ok},
		"outcomes[1].statuses[1]: 302 cannot":       {Statuses: []int{200, 302}, Verdict: ok},
		"outcomes[1].verdict: \"\" is no":           {Path: "a"},
		"outcomes[1].verdict: \"Accepted\" is no":   {Path: "a", Verdict: "Accepted"},
		"outcomes[1].contains: a rule has at most":  {Equals: "a", Contains: "b", Verdict: ok},
		"outcomes[1].equals: it is not valid":       {Equals: "\xff", Verdict: ok},
	} {
		rules := []deliver.OutcomeRule{{Path: "fine", Verdict: ok}, rule}
		_, err := deliver.CompileOutcomes(rules)
		var fault *deliver.SettingError
		require.ErrorAs(t, err, &fault, place)
		assert.ErrorContains(t, err, place)
		d := deliver.Destination{URL: "https://example.com", Outcomes: rules}
		assert.ErrorContains(t, d.Validate(), place)
	}
	for place, rule := range map[string]deliver.OutcomeRule{
		"outcomes[10].pattern: it is too large, or":    {Pattern: "[ab]*a[ab]{45}c", Verdict: ok},
		"outcomes[6].path: the paths of all rules are": {Path: strings.Repeat("a.", 31) + "a", Verdict: ok},
	} {
		_, err := deliver.CompileOutcomes(slices.Repeat([]deliver.OutcomeRule{rule}, 12))
		assert.ErrorContains(t, err, place, "one budget for all")
	}
	assert.ErrorContains(t, deliver.Destination{URL: "https://example.com", Outcomes: make([]deliver.OutcomeRule, 33)}.Validate(), "outcomes: there are 33")
	d := deliver.Destination{Outcomes: []deliver.OutcomeRule{{Path: "a..b"}, {Pattern: "(", Verdict: ok}}, Limits: deliver.Limits{Rate: -1}}
	for _, place := range []string{"url", "outcomes[0].path", "outcomes[0].verdict", "outcomes[1].pattern", "limits.rate"} {
		assert.ErrorContains(t, d.Validate(), place, "all at once")
	}
}

func TestGjsonsWaysOfSelectingAreTaken(t *testing.T) {
	for _, path := range []string{
		"a", "a.b.0", "a.#", "a.#.b", `a.#(b=="c").d`, `a.#(b!="c")#`, `a.#(b>40)#.c`, `a.#(b%"D*").c`, `a.#(b!%"D*").c`, "a|b", "a*", "a?b.c",
		`a\.b`, `\@a`, "a|@reverse|0", "@this", "@keys.0", `a.#(b.#(c=="d")).e`, `#(mail=="a@b.c")`, "a b", "ключ", "(a)", `a\[0\]`, "$x", `#(a=="[0]")`,
	} {
		_, err := deliver.CompileOutcomes([]deliver.OutcomeRule{{Path: path, Verdict: deliver.VerdictAccepted}})
		assert.NoError(t, err, path)
	}
}

func TestARuleThatWasChangedIsCompiledAgain(t *testing.T) {
	rules, err := deliver.CompileOutcomes([]deliver.OutcomeRule{{Pattern: "a", Verdict: deliver.VerdictRejected}})
	require.NoError(t, err)
	rules[0].Pattern = "b"
	for body, kind := range map[string]error{"a": nil, "b": deliver.ErrRejected} {
		a := deliver.Attempt{StatusCode: 200}
		assert.Equal(t, kind, (&deliver.Destination{Outcomes: rules}).Judge(&a, []byte(body)))
	}
	rules[0].Pattern = "("
	assert.Error(t, deliver.Destination{URL: "https://example.com", Outcomes: rules}.Validate())
}

func TestARuleSurvivesJSON(t *testing.T) {
	rule := deliver.OutcomeRule{
		Statuses: []int{200}, Path: "a", Equals: "b", Verdict: deliver.VerdictDuplicate, ReasonPath: "r", ReferencePath: "i", PricePath: "p",
	}
	data, err := json.Marshal(rule)
	require.NoError(t, err)
	assert.Equal(t, `{"statuses":[200],"path":"a","equals":"b","verdict":"duplicate","reasonPath":"r","referencePath":"i","pricePath":"p"}`, string(data))
	var back deliver.OutcomeRule
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, rule, back)
}

// follow is the plain reading of a path of keys and indices.
func follow(v any, path string) (any, bool) {
	for key := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			var i int
			if n, err := fmt.Sscanf(key+" ", "%d ", &i); n != 1 || err != nil || i < 0 || i >= len(at) || fmt.Sprint(i) != key {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// FuzzOutcomeRule: no rule and no answer panic, take long, or find what is not
// there; plain paths find what encoding/json does.
func FuzzOutcomeRule(f *testing.F) {
	for _, seed := range []struct{ path, text, pattern, body string }{
		{"a.b", "c", "", `{"a":{"b":"c"}}`}, {"a.0.b", "1", "", `{"a":[{"b":1}]}`}, {`a.#(b=="c")#.d`, "", "x+", `{"a":[{"b":"c","d":"xx"}]}`},
		{"a.#.b", "", "", `{"a":[1,{"b":null}]}`}, {`a\.b|@fromstr`, "", "", `{"a.b":"[1]"}`}, {"*.?", "é", "", `{"a":{"b":"é"}}`},
		{`#(a=="|@tostr|@tostr|x")`, "", "", `{"#(a==\"":"\""}`}, {`0\|@tostr:\|x`, "", "", `["\""]`}, {`#(a=="|!"z"|x")`, "z", "", `{"#(a==\"":1}`}, {"x.@values", "", "", `{"x":[]}`}, {"", "OK", "", " OK\n"}, {"a", "", "(a|b)*c", "{"},
	} {
		f.Add(seed.path, seed.text, seed.pattern, seed.body)
	}
	f.Fuzz(func(t *testing.T, path, text, pattern, body string) {
		rule := deliver.OutcomeRule{Path: path, Equals: text, Pattern: pattern, Verdict: deliver.VerdictDuplicate, ReasonPath: path}
		if text != "" {
			rule.Pattern = ""
		}
		rules, err := deliver.CompileOutcomes([]deliver.OutcomeRule{rule})
		if err != nil {
			require.Less(t, len(err.Error()), 3000)
			return
		}
		began := time.Now()
		a := deliver.Attempt{StatusCode: 200}
		err = (&deliver.Destination{Outcomes: rules}).Judge(&a, []byte(body[:min(len(body), 32<<10)]))
		require.NoError(t, err)
		require.Less(t, time.Since(began), 10*time.Second)
		require.LessOrEqual(t, len(a.Reason), 500)
		require.True(t, utf8.ValidString(a.Reason))

		var document any
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		plain := path != "" && !strings.ContainsAny(path, `\*?#|@[]{}!`) && text != "" && utf8.ValidString(body)
		if !plain || !json.Valid([]byte(body)) || strings.Count(body, "{")+strings.Count(body, "[") > 100 || d.Decode(&document) != nil || duplicateKeys(body) {
			return
		}
		want := false
		if v, ok := follow(document, path); ok {
			switch v := v.(type) {
			case string:
				want = v == text
			case json.Number:
				want = v.String() == text
			case bool:
				want = fmt.Sprint(v) == text
			default:
				return
			}
		}
		require.Equal(t, want, a.Duplicate, "%q in %q", path, body)
	})
}

// duplicateKeys: encoding/json takes the last one of a name, gjson the first.
func duplicateKeys(body string) bool {
	d := json.NewDecoder(strings.NewReader(body))
	var seen []map[string]bool
	var key []bool
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		top := len(seen) - 1
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				if top >= 0 && seen[top] != nil {
					key[top] = true
				}
				if token == '{' {
					seen, key = append(seen, map[string]bool{}), append(key, true)
				} else {
					seen, key = append(seen, nil), append(key, false)
				}
			default:
				seen, key = seen[:top], key[:top]
			}
			continue
		case string:
			if top >= 0 && seen[top] != nil && key[top] {
				if seen[top][token] {
					return true
				}
				seen[top][token], key[top] = true, false
				continue
			}
		}
		if top >= 0 && seen[top] != nil {
			key[top] = true
		}
	}
}

func ExampleOutcomeRule() {
	// The answers of a lead system that always says 200.
	d := deliver.Destination{URL: "https://crm.example.com/leads", Outcomes: []deliver.OutcomeRule{
		{Path: "reason", Equals: "duplicate", Verdict: deliver.VerdictDuplicate},
		{Path: "success", Equals: "false", Verdict: deliver.VerdictRejected, ReasonPath: "reason"},
		{Path: "success", Equals: "true", Verdict: deliver.VerdictAccepted, ReferencePath: "lead.id", PricePath: "lead.price"},
	}}
	for _, body := range []string{
		`{"success":true,"lead":{"id":"L-17","price":12.50}}`,
		`{"success":false,"reason":"duplicate"}`,
		`{"success":false,"reason":"no consent"}`,
		`Service unavailable`,
	} {
		a := deliver.Attempt{StatusCode: 200}
		err := d.Judge(&a, []byte(body))
		fmt.Printf("%v %+v %s\n", err, a.Outcome, a.Note)
	}
	// Output:
	// <nil> {Duplicate:false Reason: Reference:L-17 Price:12.50} outcomes[2] matches: accepted
	// <nil> {Duplicate:true Reason: Reference: Price:} outcomes[0] matches: duplicate
	// rejected {Duplicate:false Reason:no consent Reference: Price:} outcomes[1] matches: rejected
	// <nil> {Duplicate:false Reason: Reference: Price:} outcomes[0] does not apply: the answer is not JSON
}
