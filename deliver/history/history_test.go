package history_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/history"
)

func TestAHistoryIsADeliverer(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		r := delivertest.NewReceiver()
		t.Cleanup(r.Close)
		h := &deliver.HTTP{AllowPrivate: true, Backoff: func(int) time.Duration { return time.Millisecond }}
		t.Cleanup(h.CloseIdleConnections)
		return delivertest.Rig{
			Deliverer: keep(t, h, &history.Memory{}, nil), Destination: deliver.Destination{URL: r.URL}, Answers: r.Answers, Exchanges: r.Exchanges,
		}
	})
}

func keep(t *testing.T, next deliver.Deliverer, s history.Store, o *history.Options) *history.History {
	t.Helper()
	h, err := history.New(next, s, o)
	require.NoError(t, err)
	return h
}

func request(id string) *deliver.Request {
	return &deliver.Request{
		ID: id, EndpointID: "crm", LeadID: "lead-1", MessageType: "new_lead", ContentType: "application/json",
		Body: []byte(`{"email":"jane@example.com"}`), Masked: []byte(`{"email":"***"}`), Sensitive: []string{"jane@example.com"},
		Destination: deliver.Destination{URL: "https://crm.example.com:8443/leads?key=query-secret", MaxAttempts: 2},
	}
}

// only returns the only entry of a store.
func only(t *testing.T, s history.Store) history.Entry {
	t.Helper()
	page, err := s.List(t.Context(), history.Filter{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	return page.Entries[0]
}

func TestWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", delivertest.Answer{Code: 503, Body: "busy"}, delivertest.Answer{Body: `{"id":"L-1","price":9.90}`})
		req := request("msg_1")
		req.Destination.Outcomes = []deliver.OutcomeRule{{Path: "id", Verdict: deliver.VerdictAccepted, ReferencePath: "id", PricePath: "price"}}
		time.Sleep(1234567 * time.Nanosecond)
		receipt, err := keep(t, fake, store, nil).Deliver(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, receipt.Attempts, 2)
		e := only(t, store)
		assert.Equal(t, "msg_1 crm lead-1 new_lead crm.example.com:8443 application/json", strings.Join([]string{e.MessageID, e.EndpointID, e.LeadID, e.MessageType, e.Host, e.ContentType}, " "))
		assert.Equal(t, history.Delivered, e.Status)
		assert.Equal(t, deliver.Outcome{Reference: "L-1", Price: "9.90"}, e.Outcome)
		assert.Equal(t, `{"email":"***"}`, string(e.Body))
		sum := sha256.Sum256(req.Body)
		assert.Equal(t, hex.EncodeToString(sum[:]), e.SHA256)
		assert.Equal(t, len(req.Body), e.Size)
		assert.Equal(t, time.Now().UTC().Truncate(time.Microsecond), e.CreatedAt)
		require.Len(t, e.Attempts, 2)
		assert.Equal(t, deliver.CauseHTTPStatus, e.Attempts[0].Cause)
		assert.Equal(t, 503, e.Attempts[0].StatusCode)
		assert.Equal(t, "busy", string(e.Attempts[0].Body))
		assert.Equal(t, e.SHA256, e.Attempts[1].SHA256)
		assert.False(t, e.Attempts[1].Resent)
	})
}

func TestTheStatusesAndTheirCauses(t *testing.T) {
	rules := []deliver.OutcomeRule{{Contains: "again", Verdict: deliver.VerdictDuplicate}, {Path: "x", Verdict: deliver.VerdictRejected}}
	for _, test := range []struct {
		answer  delivertest.Answer
		status  history.Status
		cause   deliver.Cause
		mayPass bool
	}{
		{delivertest.Code(200), history.Delivered, "", false},
		{delivertest.Answer{Body: "again"}, history.Duplicate, "", false},
		{delivertest.Code(422), history.Failed, deliver.CauseFieldMapping, false},
		{delivertest.Code(503), history.Failed, deliver.CauseHTTPStatus, true},
	} {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", test.answer)
		req := request("msg_1")
		req.Destination.Outcomes = rules
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		e := only(t, store)
		assert.Equal(t, test.status, e.Status)
		assert.Equal(t, test.cause, e.Cause)
		assert.Equal(t, test.mayPass, e.MayPass)
		assert.Equal(t, test.cause.Remedy(), e.Remedy())
		if test.status != history.Duplicate {
			assert.Contains(t, e.Attempts[0].Note, "not JSON", "history says that a rule did not apply")
		}
	}
	t.Run("queued", func(t *testing.T) {
		store := &history.Memory{}
		keep(t, queue{}, store, nil).Deliver(t.Context(), request("msg_1"))
		assert.Equal(t, history.Queued, only(t, store).Status)
	})
	t.Run("an ended context is recorded too", func(t *testing.T) {
		store := &history.Memory{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := keep(t, &delivertest.Fake{}, &strict{Memory: store}, nil).Deliver(ctx, request("msg_1"))
		require.ErrorIs(t, err, context.Canceled)
		e := only(t, store)
		assert.Equal(t, deliver.CauseCanceled, e.Cause)
		assert.True(t, e.MayPass)
		assert.Empty(t, e.Attempts)
	})
}

type queue struct{}

func (queue) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return &deliver.Receipt{Status: deliver.Queued}, nil
}

// strict is a store that minds its context, as a database does.
type strict struct{ *history.Memory }

func (s *strict) Record(ctx context.Context, e history.Entry) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Memory.Record(ctx, e)
}

// What must not be kept is nowhere in an entry, however the answer spells it:
// the defaults of PHP, Python, JavaScript, Go, Java, of HTML, XML and forms.
func TestNothingSecretIsKept(t *testing.T) {
	sensitive := []string{"jane.müller@example.com", "O'Connor & Söhne", "+45 20 12 34 56", "1/2 Main Street\nSouth", "Kim", "Tom & \"Jerry\" <tom@example.com>", "Müller"}
	header := http.Header{
		"X-Key": {"header/secret"}, "Authorization": {"Bearer token-secret"}, "Cookie": {"a=cookie-one; b=cookie-two"},
		"Proxy-X": {"Basic " + base64.StdEncoding.EncodeToString([]byte("basic-user:basic-password"))},
	}
	const signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const at = "https://crm.example.com/hooks/T0KEN-IN-PATH/in?key=query-secret&bare-query-key&semi=a;semi-secret"
	php := strings.NewReplacer("ü", `\u00fc`, "ö", `\u00f6`, "/", `\/`, `"`, `\"`, "\n", `\n`)
	python := strings.NewReplacer("ü", `\u00FC`, "ö", `\u00F6`, `"`, `\"`, "\n", `\n`)
	xml := strings.NewReplacer("&", "&amp;", "'", "&apos;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "ü", "&#252;", "ö", "&#xF6;")
	named := strings.NewReplacer("&", "&amp;", "'", "&#039;", `"`, "&quot;", "<", "&lt;", "ü", "&uuml;", "ö", "&ouml;")
	spellings := map[string]func(string) string{
		"as it is": func(s string) string { return s },
		"upper":    strings.ToUpper,
		"Go":       func(s string) string { b, _ := json.Marshal(s); return string(b) },
		"PHP":      func(s string) string { return `"` + php.Replace(s) + `"` },
		"Python":   func(s string) string { return `"` + python.Replace(s) + `"` },
		"XML":      xml.Replace,
		"HTML":     named.Replace,
		"html":     html.EscapeString,
		"form":     url.QueryEscape,
		"path":     url.PathEscape,
		"lower %": func(s string) string {
			return regexp.MustCompile("%..").ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower)
		},
		"CRLF":      func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"JSON²":     func(s string) string { a, _ := json.Marshal(s); b, _ := json.Marshal(string(a)); return string(b) },
		"JSON in %": func(s string) string { b, _ := json.Marshal(s); return url.QueryEscape(string(b)) },
	}
	secrets := slices.Concat(sensitive, []string{
		"header/secret", "token-secret", "cookie-one", "cookie-two", "basic-user", "basic-password", signing, "/hooks/T0KEN-IN-PATH/in", "T0KEN-IN-PATH", "query-secret", "bare-query-key", "semi-secret",
	})
	for spelling, spell := range spellings {
		for _, secret := range secrets {
			said := spell(secret)
			if spelling == "upper" && secret == "Kim" {
				continue
			}
			for where, body := range map[string]string{
				"alone": said, "within": "before " + said + " after", "cut": strings.Repeat("x", 4<<10-len(said)+1) + said,
				"reason": `{"reason":` + quote("it says "+said) + `}`, "cut reason": `{"reason":` + quote(strings.Repeat("x", 500-len(said)+1)+said) + `}`,
			} {
				if strings.HasPrefix(where, "cut") && len(said) < 9 {
					continue // of a short value cut off, less than four bytes are left
				}
				fake, store := &delivertest.Fake{}, &history.Memory{}
				fake.Answers("crm", delivertest.Answer{Code: 422, Body: body})
				req := request("msg_1")
				req.Sensitive = sensitive
				req.Destination.URL, req.Destination.Header, req.Destination.Secrets = at, header, []string{signing}
				req.Destination.Outcomes = []deliver.OutcomeRule{{Path: "reason", Verdict: deliver.VerdictRejected, ReasonPath: "reason", ReferencePath: "reason"}}
				keep(t, fake, store, nil).Deliver(t.Context(), req)
				e := only(t, store)
				kept := []string{string(e.Attempts[0].Body), e.Reason, e.Reference, e.Attempts[0].Reason}
				for _, text := range kept {
					if text == "" {
						continue
					}
					require.True(t, strings.Contains(text, "***"), "%s %s of %q: …%s", spelling, where, secret, text[max(0, len(text)-100):])
					if len(said) > 8 {
						require.False(t, strings.Contains(text, said[:len(said)-1]) || strings.Contains(text, said[1:len(said)-4]), "%s %s of %q: …%s", spelling, where, secret, text[max(0, len(text)-100):])
					}
				}
			}
		}
	}
	t.Run("space around a value is nothing", func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", delivertest.Answer{Code: 422, Body: `{"name":"Meier","short":"Kim","street":"Hauptstrasse 5"}`})
		req := request("msg_1")
		req.Sensitive = []string{" Meier ", "Kim ", "  Hauptstrasse   5"}
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		assert.Equal(t, `{"name":"***","short":"***","street":"***"}`, string(only(t, store).Attempts[0].Body))
	})
	t.Run("what else the answer says stays", func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", delivertest.Answer{Code: 422, Body: `<p title="é">Das Feld &quot;Name&quot; ist f&uuml;r O&#39;Connor &amp; S&ouml;hne%21 Kimono, KIM 100% \d` + "\xff\x00"})
		req := request("msg_1")
		req.Sensitive = sensitive
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		assert.Equal(t, `<p title="é">Das Feld &quot;Name&quot; ist f&uuml;r ***%21 Kimono, *** 100% \d`+"\xff\x00", string(only(t, store).Attempts[0].Body))
	})
	t.Run("errors, fields and redirects too", func(t *testing.T) {
		r := delivertest.NewReceiver()
		defer r.Close()
		h := &deliver.HTTP{AllowPrivate: true}
		defer h.CloseIdleConnections()
		for _, answer := range []delivertest.Answer{
			delivertest.Redirect(301, "/hooks/T0KEN-IN-PATH/in/"), delivertest.Redirect(302, "/thanks/jane@example.com/Bartholomew"),
			{Code: 400, Body: `{"errors":[{"message":"Error in 'fields.Bartholomew'","errorType":"INVALID_EMAIL"}]}`},
		} {
			store := &history.Memory{}
			r.Answers(answer)
			req := request("msg_1")
			req.Sensitive = []string{"jane@example.com", "Bartholomew"}
			req.Destination.URL = r.URL + "/hooks/T0KEN-IN-PATH/in"
			_, err := keep(t, h, store, nil).Deliver(t.Context(), req)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "T0KEN")
			assert.NotContains(t, err.Error(), "jane@")
			kept, jsonErr := json.Marshal(only(t, store))
			require.NoError(t, jsonErr)
			for _, secret := range []string{"T0KEN", "jane@", "Bartholomew"} {
				assert.NotContains(t, string(kept), secret)
			}
			e := only(t, store)
			assert.NotContains(t, e.Remedy(), "Bartholomew")
		}
	})
	t.Run("too much to look for", func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", delivertest.Answer{Code: 422, Body: "no"})
		req := request("msg_1")
		req.Sensitive = make([]string, 5000)
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		assert.Equal(t, "***", string(only(t, store).Attempts[0].Body))
		store = &history.Memory{}
		req.Sensitive = slices.Repeat([]string{strings.Repeat("a", 8000)}, 9)
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		assert.Equal(t, "***", string(only(t, store).Attempts[0].Body))
	})
	t.Run("a request without a masked body has none", func(t *testing.T) {
		store := &history.Memory{}
		req := request("msg_1")
		req.Masked = nil
		keep(t, &delivertest.Fake{}, store, nil).Deliver(t.Context(), req)
		assert.Empty(t, only(t, store).Body)
	})
	t.Run("short values are not looked for", func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		fake.Answers("crm", delivertest.Answer{Body: "a fine answer"})
		req := request("msg_1")
		req.Sensitive = []string{"", "a", "fi"}
		keep(t, fake, store, nil).Deliver(t.Context(), req)
		assert.Equal(t, "a fine answer", string(only(t, store).Attempts[0].Body))
	})
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestAnErrorAgainstTheContractIsNotQuoted(t *testing.T) {
	store := &history.Memory{}
	keep(t, failing{errors.New("jane@example.com")}, store, nil).Deliver(t.Context(), request("msg_1"))
	assert.NotContains(t, only(t, store).Err, "jane")
	store = &history.Memory{}
	keep(t, failing{}, store, nil).Deliver(t.Context(), request("msg_1"))
	assert.Equal(t, history.Failed, only(t, store).Status, "neither a receipt nor an error")
}

type failing struct{ err error }

func (f failing) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return nil, f.err
}

// broken is a store that fails in a way of its own.
type broken struct {
	history.Memory
	how func(context.Context) error
}

func (b *broken) Record(ctx context.Context, _ history.Entry) error { return b.how(ctx) }

func TestAStoreThatFailsFailsNoDelivery(t *testing.T) {
	disk := errors.New("the disk is full")
	for proves, how := range map[string]func(context.Context) error{
		"an error": func(context.Context) error { return disk },
		"a panic":  func(context.Context) error { panic("no disk") },
		"a hang":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(proves, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []error
				h := keep(t, &delivertest.Fake{}, &broken{how: how}, &history.Options{OnError: func(_ context.Context, err error) { told = append(told, err) }})
				began := time.Now()
				receipt, err := h.Deliver(t.Context(), request("msg_1"))
				require.NoError(t, err)
				assert.Equal(t, deliver.Delivered, receipt.Status)
				assert.LessOrEqual(t, time.Since(began), 5*time.Second)
				require.Len(t, told, 1)
				assert.ErrorContains(t, told[0], "msg_1")
				if proves == "an error" {
					assert.ErrorIs(t, told[0], disk)
				}
				_, err = keep(t, &delivertest.Fake{}, &broken{how: how}, nil).Deliver(t.Context(), request("msg_1"))
				assert.NoError(t, err, "without a hook")
			})
		})
	}
}

func TestADeliveryThatPanicsIsRecorded(t *testing.T) {
	store := &history.Memory{}
	assert.PanicsWithValue(t, "as told", func() { keep(t, panics{}, store, nil).Deliver(t.Context(), request("msg_1")) })
	e := only(t, store)
	assert.Equal(t, history.Failed, e.Status)
	assert.True(t, e.MayPass)
	assert.Equal(t, "the deliverer panicked", e.Err)
}

type panics struct{}

func (panics) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) { panic("as told") }

// host is a host's side of sending again.
type host struct {
	*history.History
	fake  *delivertest.Fake
	store *history.Memory
	email string // of the lead, now
	err   error
}

func newHost(t *testing.T) *host {
	h := &host{fake: &delivertest.Fake{}, store: &history.Memory{}, email: "jane@example.com"}
	h.History = keep(t, h.fake, h.store, &history.Options{Rebuild: func(_ context.Context, e history.Entry) (*deliver.Request, error) {
		req := request("another ID, which must not matter")
		req.Body = []byte(`{"mail":"` + h.email + `"}`)
		return req, h.err
	}})
	return h
}

func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.fake.Answers("crm", delivertest.Code(422), delivertest.Code(200))
		test := request("msg_1")
		test.Test, test.MessageType = true, "lead_update"
		_, err := h.Deliver(t.Context(), test)
		require.Error(t, err)
		first := only(t, h.store)
		time.Sleep(time.Hour)
		h.email = "jane.doe@example.com"
		receipt, err := h.Resend(t.Context(), first.ID)
		require.NoError(t, err)
		assert.Equal(t, deliver.Delivered, receipt.Status)
		sent := h.fake.Requests()[1]
		assert.Equal(t, "msg_1", sent.ID, "the same webhook-id")
		assert.Equal(t, "lead_update", sent.MessageType)
		assert.True(t, sent.Test)
		assert.Equal(t, `{"mail":"jane.doe@example.com"}`, string(sent.Body), "from the host's lead")
		e := only(t, h.store)
		assert.Equal(t, first.ID, e.ID)
		assert.Equal(t, first.CreatedAt, e.CreatedAt)
		assert.Equal(t, history.Delivered, e.Status)
		assert.Empty(t, e.Cause)
		assert.NotEqual(t, first.SHA256, e.SHA256)
		require.Len(t, e.Attempts, 2)
		assert.Equal(t, first.SHA256, e.Attempts[0].SHA256, "each attempt knows what it sent")
		assert.False(t, e.Attempts[0].Resent)
		assert.True(t, e.Attempts[1].Resent)

		_, err = h.Resend(t.Context(), "nothing")
		assert.ErrorIs(t, err, history.ErrNotFound)
		h.err = errors.New("no such lead")
		_, err = h.Resend(t.Context(), e.ID)
		assert.ErrorIs(t, err, h.err)
		_, err = keep(t, h.fake, h.store, nil).Resend(t.Context(), e.ID)
		assert.ErrorContains(t, err, "Rebuild")
		assert.Len(t, h.fake.Requests(), 2)
	})
}

func TestResendFailedIsOldestFirstAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.fake.Answers("crm", delivertest.Code(422))
		for i := range 1200 {
			if i == 600 {
				h.fake.Answers("crm") // what succeeded is not sent again
			}
			if i == 601 {
				h.fake.Answers("crm", delivertest.Code(422))
			}
			h.Deliver(t.Context(), request(fmt.Sprintf("msg_%04d", i)))
			time.Sleep(time.Millisecond)
		}
		h.fake.Reset()
		h.fake.Answers("crm")
		some, err := h.ResendFailed(t.Context(), history.Filter{Limit: 10})
		require.NoError(t, err)
		assert.Len(t, some, 10)
		all, err := h.ResendFailed(t.Context(), history.Filter{EndpointID: "crm", Status: history.Failed})
		require.NoError(t, err)
		assert.Len(t, all, 1189)
		for i, req := range h.fake.Requests() {
			want := i
			if i >= 600 {
				want++
			}
			require.Equal(t, fmt.Sprintf("msg_%04d", want), req.ID)
			if i >= 10 {
				require.NoError(t, all[i-10].Err)
			}
		}
		all, err = h.ResendFailed(t.Context(), history.Filter{})
		require.NoError(t, err)
		assert.Empty(t, all, "nothing is left")
		_, err = h.ResendFailed(t.Context(), history.Filter{Status: history.Delivered})
		assert.Error(t, err)

		h.fake.Answers("crm", delivertest.Code(500))
		h.Deliver(t.Context(), request("msg_x"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.ResendFailed(ctx, history.Filter{})
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestResendFailedLeavesAloneWhatItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.fake.Answers("crm", delivertest.Code(503))
		send := func(change func(*deliver.Request)) {
			req := request("msg_1")
			change(req)
			h.Deliver(t.Context(), req)
			time.Sleep(time.Second)
		}
		send(func(*deliver.Request) {})
		send(func(r *deliver.Request) { r.ID, r.MessageType = "msg_2", "lead_update" })
		send(func(r *deliver.Request) { r.ID, r.LeadID = "msg_3", "lead-2" })
		send(func(r *deliver.Request) { r.ID, r.Test = "msg_4", true })
		h.fake.Reset()
		all, err := h.ResendFailed(t.Context(), history.Filter{})
		require.NoError(t, err)
		require.Len(t, all, 3, "no test delivery")
		assert.ErrorIs(t, all[0].Err, deliver.ErrExhausted)
		assert.ErrorIs(t, all[1].Err, history.ErrWaits, "an update does not overtake its lead")
		assert.ErrorIs(t, all[2].Err, deliver.ErrExhausted, "another lead does not wait")
		assert.NotContains(t, fmt.Sprint(all), "jane")

		h.fake.Reset()
		all, err = h.ResendFailed(t.Context(), history.Filter{Limit: 2})
		require.NoError(t, err)
		assert.Len(t, all, 3, "what waits does not count")
		assert.Len(t, h.fake.Requests(), 2)

		h.fake.Answers("crm", delivertest.Code(422), delivertest.Code(200))
		h.fake.Reset()
		all, err = h.ResendFailed(t.Context(), history.Filter{LeadID: "lead-1"})
		require.NoError(t, err)
		assert.ErrorIs(t, all[0].Err, deliver.ErrRejected)
		assert.NoError(t, all[1].Err, "what failed for good is not waited for")
		yes := true
		all, err = h.ResendFailed(t.Context(), history.Filter{Test: &yes})
		require.NoError(t, err)
		assert.Len(t, all, 1)

		// One that is delivered while others are sent is not sent again.
		send(func(r *deliver.Request) { r.ID, r.LeadID = "msg_5", "lead-5" })
		h.fake.Answers("crm", delivertest.Code(503))
		for i := range 3 {
			send(func(r *deliver.Request) { r.ID, r.LeadID = fmt.Sprint("late_", i), fmt.Sprint("late-", i) })
		}
		h.fake.Answers("crm", delivertest.Answer{Delay: time.Second})
		h.fake.Reset()
		go func() {
			time.Sleep(500 * time.Millisecond)
			req := request("late_2")
			req.LeadID = "late-2"
			h.Deliver(t.Context(), req)
		}()
		all, err = h.ResendFailed(t.Context(), history.Filter{From: time.Now().Add(-4 * time.Second)})
		require.NoError(t, err)
		assert.Len(t, all, 2)
		assert.Len(t, h.fake.Requests(), 3)
		synctest.Wait()
	})
}

// What limits hold back is waited for, and says nothing of what failed before.
func TestResendFailedWaitsForLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, store := &delivertest.Fake{}, &history.Memory{}
		gate := &throttle{next: fake}
		h := keep(t, gate, store, &history.Options{Rebuild: func(context.Context, history.Entry) (*deliver.Request, error) { return request("x"), nil }})
		fake.Answers("crm", delivertest.Code(401))
		for i := range 3 {
			req := request(fmt.Sprint("msg_", i))
			req.LeadID = fmt.Sprint("lead-", i)
			h.Deliver(t.Context(), req)
			time.Sleep(time.Second)
		}
		fake.Answers("crm")
		failed := history.Filter{Cause: deliver.CauseAuthentication}
		gate.wait = time.Hour
		all, err := h.ResendFailed(t.Context(), failed)
		require.NoError(t, err)
		assert.ErrorIs(t, all[0].Err, deliver.ErrExhausted, "not for an hour")
		page, err := store.List(t.Context(), failed)
		require.NoError(t, err)
		require.Len(t, page.Entries, 3, "the cause is that of what was sent")
		assert.False(t, page.Entries[0].MayPass)

		gate.wait = 30 * time.Second
		began := time.Now()
		gate.until = began.Add(time.Minute)
		all, err = h.ResendFailed(t.Context(), failed)
		require.NoError(t, err)
		require.Len(t, all, 3)
		for _, r := range all {
			assert.NoError(t, r.Err)
		}
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

// throttle holds back until a time, or always.
type throttle struct {
	next  deliver.Deliverer
	wait  time.Duration
	until time.Time
}

func (th *throttle) Deliver(ctx context.Context, req *deliver.Request) (*deliver.Receipt, error) {
	if th.wait > 0 && (th.until.IsZero() || time.Now().Before(th.until)) {
		return nil, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseThrottled, RetryAfter: th.wait}
	}
	return th.next.Deliver(ctx, req)
}

func TestResendFailedWithoutALeadOrAStore(t *testing.T) {
	fake, store := &delivertest.Fake{}, &flaky{}
	h := keep(t, fake, store, &history.Options{Rebuild: func(context.Context, history.Entry) (*deliver.Request, error) { return request("x"), nil }})
	fake.Answers("crm", delivertest.Code(503))
	for i := range 4 {
		req := request(fmt.Sprint("msg_", i))
		if i < 2 {
			req.LeadID = ""
		}
		h.Deliver(t.Context(), req)
	}
	all, err := h.ResendFailed(t.Context(), history.Filter{})
	require.NoError(t, err)
	assert.NotErrorIs(t, all[1].Err, history.ErrWaits, "who has no lead waits for none")
	store.fails = all[2].ID
	fake.Answers("crm")
	all, err = h.ResendFailed(t.Context(), history.Filter{LeadID: "lead-1"})
	require.NoError(t, err)
	assert.ErrorContains(t, all[0].Err, "the database is away")
	assert.ErrorIs(t, all[1].Err, history.ErrWaits, "nor is it overtaken for that")
}

// flaky is a store that cannot read one entry.
type flaky struct {
	history.Memory
	fails string
}

func (f *flaky) Get(ctx context.Context, id string) (history.Entry, error) {
	if id == f.fails {
		return history.Entry{}, errors.New("the database is away")
	}
	return f.Memory.Get(ctx, id)
}

// A lead that an endpoint has is not failed by what comes later, nor sent again.
func TestDeliveredIsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.fake.Answers("crm", delivertest.Answer{Body: `{"id":"L-1","price":9.90}`})
		deliver1 := func(change func(*deliver.Request)) {
			req := request("msg_1")
			req.Destination.Outcomes = []deliver.OutcomeRule{{Path: "id", Verdict: deliver.VerdictAccepted, ReferencePath: "id", PricePath: "price"}}
			change(req)
			h.Deliver(t.Context(), req)
			time.Sleep(time.Minute)
		}
		deliver1(func(*deliver.Request) {})
		deliver1(func(r *deliver.Request) { r.Destination.Held = true })
		h.fake.Answers("crm", delivertest.Code(422))
		deliver1(func(*deliver.Request) {})
		e := only(t, h.store)
		assert.Equal(t, history.Delivered, e.Status)
		assert.Equal(t, deliver.Outcome{Reference: "L-1", Price: "9.90"}, e.Outcome)
		assert.Len(t, e.Attempts, 2)
		all, err := h.ResendFailed(t.Context(), history.Filter{})
		require.NoError(t, err)
		assert.Empty(t, all)
	})
	t.Run("though it was known before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(t)
			h.fake.Answers("crm", delivertest.Answer{Delay: time.Minute / 8}, delivertest.Code(503))
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { h.Deliver(t.Context(), request("msg_1")) })
				time.Sleep(time.Second)
			}
			wg.Wait()
			assert.Equal(t, history.Delivered, only(t, h.store).Status)
		})
	})
}

// Whatever the order in which stores hear of them.
func TestMergeKnowsNoOrder(t *testing.T) {
	at := time.Date(2026, 4, 20, 14, 30, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		entry := rapid.Custom(func(t *rapid.T) history.Entry {
			e := history.Entry{
				ID: "x", Status: rapid.SampledFrom([]history.Status{history.Delivered, history.Duplicate, history.Queued, history.Failed}).Draw(t, "status"),
				CreatedAt: at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "created"))), UpdatedAt: at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "updated")) * 30 * time.Second),
				SHA256: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "sum"), Resent: rapid.Bool().Draw(t, "resent"),
			}
			return e
		})
		attempt := 0
		draw := func(name string) history.Entry { // attempts of its own
			e := entry.Draw(t, name)
			for range rapid.IntRange(0, 2).Draw(t, "attempts") {
				attempt++
				a := deliver.Attempt{Number: 1, At: at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at"))*time.Second + time.Duration(attempt)*time.Millisecond)}
				a.Reference = rapid.SampledFrom([]string{"", "r", "s"}).Draw(t, "reference")
				a.Cause = rapid.SampledFrom([]deliver.Cause{"", deliver.CauseTimeout}).Draw(t, "cause")
				e.Attempts = append(e.Attempts, history.Attempt{Attempt: a})
			}
			return e
		}
		x, y, z := draw("x"), draw("y"), draw("z")
		x.Err, y.Err, z.Err = "x", "y", "z" // no two are alike
		require.Equal(t, x.Merge(y), y.Merge(x))
		require.Equal(t, x.Merge(y).Merge(z), x.Merge(y.Merge(z)))
	})
	stored := history.Entry{Status: history.Queued, UpdatedAt: at}
	worked := history.Entry{Status: history.Failed, UpdatedAt: at.Add(-5 * time.Millisecond)}
	assert.Equal(t, history.Failed, stored.Merge(worked).Status, "a slow clock")
	again := history.Entry{Status: history.Queued, UpdatedAt: at.Add(time.Hour), Resent: true}
	assert.Equal(t, history.Queued, worked.Merge(again).Status, "sent again, by a queue")
	assert.True(t, worked.Merge(again).Resent)
}

// What a queue tries again, and what host and worker record, is one entry.
func TestOneMessageIsOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, fake := &history.Memory{}, &delivertest.Fake{}
		fake.Answers("crm", delivertest.Code(503), delivertest.Code(503), delivertest.Code(200))
		front, worker := keep(t, queue{}, store, nil), keep(t, fake, store, nil)
		_, err := front.Deliver(t.Context(), request("msg_1"))
		require.NoError(t, err)
		for range 3 {
			time.Sleep(time.Minute)
			worker.Deliver(t.Context(), request("msg_1"))
		}
		e := only(t, store)
		assert.Equal(t, history.Delivered, e.Status)
		assert.Len(t, e.Attempts, 4, "two in the first try, one in each other")
		for _, other := range []func(*deliver.Request){
			func(r *deliver.Request) { r.EndpointID = "shop" }, func(r *deliver.Request) { r.MessageType = "lead_update" }, func(r *deliver.Request) { r.ID = "msg_2" },
			func(r *deliver.Request) { r.ID = "" }, func(r *deliver.Request) { r.ID = "" },
		} {
			req := request("msg_1")
			other(req)
			front.Deliver(t.Context(), req)
		}
		page, err := store.List(t.Context(), history.Filter{})
		require.NoError(t, err)
		assert.Len(t, page.Entries, 6, "another endpoint, type or message is another entry")
	})
}

func TestAttemptsOfAnEntryAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, fake := &history.Memory{}, &delivertest.Fake{}
		fake.Answers("crm", delivertest.Code(503))
		h := keep(t, fake, store, nil)
		for range 80 {
			h.Deliver(t.Context(), request("msg_1"))
			time.Sleep(time.Hour)
		}
		e := only(t, store)
		assert.Len(t, e.Attempts, 100)
		assert.Equal(t, time.Now().Add(-time.Hour).UTC(), e.Attempts[99].At, "the latest stay")
	})
}

func TestManyAtOnce(t *testing.T) {
	h := newHost(t)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { h.Deliver(t.Context(), request(fmt.Sprintf("msg_%d", i%10))) })
	}
	wg.Wait()
	page, err := h.Store().List(t.Context(), history.Filter{})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 10)
}

func TestABadOptionIsRefused(t *testing.T) {
	_, err := history.New(&delivertest.Fake{}, &history.Memory{}, &history.Options{StoreTimeout: -1})
	assert.ErrorContains(t, err, "storeTimeout")
	_, err = history.New(&delivertest.Fake{}, &history.Memory{MaxEntries: -1}, nil)
	assert.ErrorContains(t, err, "-1")
	_, err = history.New(nil, &history.Memory{}, nil)
	assert.Error(t, err)
	_, err = history.New(&delivertest.Fake{}, nil, nil)
	assert.Error(t, err)
}

// What a queue keeps is not failed before it is given up; and what is wrong with
// the host's database is not for an endpoint's owner to read.
func TestWhatAQueueKeepsIsQueued(t *testing.T) {
	for _, c := range []struct {
		proves string
		kept   bool
		err    *deliver.Error
		status history.Status
		text   string
	}{
		{"kept", true, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseTimeout}, history.Queued, "deliver: attempts exhausted (timeout)"},
		{"not kept", false, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseTimeout}, history.Failed, "deliver: attempts exhausted (timeout)"},
		{"rejected", true, &deliver.Error{Kind: deliver.ErrRejected, Cause: deliver.CauseGone}, history.Failed, "deliver: rejected (gone)"},
		{"not stored", false, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseQueue, Err: errors.New("user=postgres host=db-1.internal")}, history.Failed, "the queue could not store it"},
	} {
		store := &history.Memory{}
		req := request("msg_1")
		req.Kept = c.kept
		keep(t, failing{c.err}, store, nil).Deliver(t.Context(), req)
		e := only(t, store)
		assert.Equal(t, []any{c.status, c.err.Cause, c.text}, []any{e.Status, e.Cause, e.Err}, c.proves)
	}
}
