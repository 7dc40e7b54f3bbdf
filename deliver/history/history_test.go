package history_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// What must not be kept is nowhere in an entry, though the answer repeats it.
func TestNothingSecretIsKept(t *testing.T) {
	secrets := []string{"jane@example.com", "O'Connor & Söhne", "+45 20 12 34 56", "query-secret", "header-secret", "token-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	quoted, err := json.Marshal(secrets)
	require.NoError(t, err)
	cut := strings.Repeat("x", 4<<10-10) + "jane@example.com"
	for _, answer := range []string{
		string(quoted), strings.Join(secrets, " "), "a=jane%40example.com&b=O%27Connor+%26+S%C3%B6hne&c=%2B45+20+12+34+56",
		"<p>O&#39;Connor &amp; Söhne</p>", `{"reason":"jane@example.com is known","id":"token-secret"}`, cut,
	} {
		for _, code := range []int{200, 422, 503} {
			fake, store := &delivertest.Fake{}, &history.Memory{}
			fake.Answers("crm", delivertest.Answer{Code: code, Body: answer})
			req := request("msg_1")
			req.Sensitive = secrets[:3]
			req.Destination.Header = http.Header{"X-Key": {"header-secret"}, "Authorization": {"Bearer token-secret"}}
			req.Destination.Secrets = secrets[6:]
			req.Destination.Outcomes = []deliver.OutcomeRule{{Path: "reason", Verdict: deliver.VerdictRejected, ReasonPath: "reason", ReferencePath: "id"}}
			keep(t, fake, store, nil).Deliver(t.Context(), req)
			e := only(t, store)
			kept, err := json.Marshal(e)
			require.NoError(t, err)
			all := string(kept) + e.String() + fmt.Sprintf("%+v %#v", e, e) + string(e.Body) + e.Reason + e.Reference
			for _, a := range e.Attempts {
				all += string(a.Body) + a.Reason + a.Reference + a.Note + a.Err
			}
			for _, secret := range append(secrets, "jane@exa", "S%C3%B6hne", "&amp; S") {
				assert.NotContains(t, all, secret, answer[:20])
			}
			assert.Contains(t, all, "***")
		}
	}
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
	_, err = history.New(nil, &history.Memory{}, nil)
	assert.Error(t, err)
	_, err = history.New(&delivertest.Fake{}, nil, nil)
	assert.Error(t, err)
}
