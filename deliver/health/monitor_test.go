package health_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
	"github.com/topprovider/leadhook/deliver/health"
)

func TestAMonitorIsADeliverer(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Rig {
		r := delivertest.NewReceiver()
		t.Cleanup(r.Close)
		h := &deliver.HTTP{AllowPrivate: true, Backoff: func(int) time.Duration { return time.Millisecond }}
		t.Cleanup(h.CloseIdleConnections)
		m, err := health.New(h, nil)
		require.NoError(t, err)
		return delivertest.Rig{Deliverer: m, Destination: deliver.Destination{URL: r.URL}, Answers: r.Answers, Exchanges: r.Exchanges}
	})
}

// watch is a monitor around a fake, and what its hooks were told.
type watch struct {
	*delivertest.Fake
	*health.Monitor
	told []string
}

func newWatch(t *testing.T) *watch {
	w := &watch{Fake: &delivertest.Fake{}}
	tell := func(what string) func(context.Context, health.Record) {
		return func(_ context.Context, r health.Record) {
			w.Records() // a hook may call the monitor
			w.told = append(w.told, fmt.Sprintf("%s %s %s", r.EndpointID, what, r.Unhealthy))
		}
	}
	var err error
	w.Monitor, err = health.New(w.Fake, &health.Options{OnUnhealthy: tell("unhealthy"), OnRecovered: tell("recovered")})
	require.NoError(t, err)
	return w
}

func (w *watch) send(t *testing.T, answer delivertest.Answer) {
	w.Answers("crm", answer)
	w.Monitor.Deliver(t.Context(), &deliver.Request{EndpointID: "crm", Destination: deliver.Destination{MaxAttempts: 1}})
}

func TestARecordOfEachEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		assert.Equal(t, health.Record{EndpointID: "crm"}, w.Record("crm"))
		w.send(t, delivertest.Code(200))
		success := time.Now()
		assert.Equal(t, health.Record{EndpointID: "crm", LastSuccess: success}, w.Record("crm"))
		time.Sleep(time.Hour)
		first := time.Now()
		w.send(t, delivertest.Code(503))
		time.Sleep(time.Hour)
		w.send(t, delivertest.Code(401))
		want := health.Record{
			EndpointID: "crm", FailingSince: first, Failures: 2, LastSuccess: success, LastFailure: time.Now(), LastCause: deliver.CauseAuthentication,
		}
		assert.Equal(t, want, w.Record("crm"))
		assert.Equal(t, []health.Record{want}, w.Records())
		time.Sleep(time.Hour)
		w.send(t, delivertest.Code(200))
		got := w.Record("crm")
		assert.Zero(t, got.FailingSince)
		assert.Zero(t, got.Failures)
		assert.Equal(t, time.Now(), got.LastSuccess)
		assert.Equal(t, deliver.CauseAuthentication, got.LastCause, "it is told apart by its time")
		assert.Empty(t, w.told)
	})
}

func TestTheHostIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		for range 24 {
			w.send(t, delivertest.Code(500))
			time.Sleep(time.Hour)
		}
		assert.Empty(t, w.told, "not yet a day")
		for range 5 {
			w.send(t, delivertest.Code(500))
			time.Sleep(time.Hour)
		}
		assert.Equal(t, []string{"crm unhealthy failing"}, w.told)
		w.send(t, delivertest.Code(200))
		w.send(t, delivertest.Code(200))
		assert.Equal(t, []string{"crm unhealthy failing", "crm recovered "}, w.told)
		w.told = nil
		w.send(t, delivertest.Code(500))
		time.Sleep(23 * time.Hour)
		w.send(t, delivertest.Code(200))
		time.Sleep(23 * time.Hour)
		w.send(t, delivertest.Code(500))
		assert.Empty(t, w.told, "a success begins a new row")
	})
}

func TestGoneIsToldAtOnce(t *testing.T) {
	w := newWatch(t)
	w.send(t, delivertest.Code(410))
	w.send(t, delivertest.Code(410))
	assert.Equal(t, []string{"crm unhealthy gone"}, w.told)
	w.send(t, delivertest.Code(200))
	assert.Equal(t, []string{"crm unhealthy gone", "crm recovered "}, w.told)
}

func TestWhatSaysNothingOfTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		deliver1 := func(change func(*deliver.Request), answer delivertest.Answer) {
			w.Answers("crm", answer)
			req := &deliver.Request{EndpointID: "crm", Destination: deliver.Destination{MaxAttempts: 1}}
			change(req)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			w.Monitor.Deliver(ctx, req)
		}
		rules := []deliver.OutcomeRule{{Path: "ok", Equals: "false", Verdict: deliver.VerdictRejected}}
		for range 3 {
			deliver1(func(r *deliver.Request) { r.Test = true }, delivertest.Code(410))
			deliver1(func(r *deliver.Request) { r.Destination.Held = true }, delivertest.Code(200))
			deliver1(func(*deliver.Request) {}, delivertest.Answer{Delay: 10 * time.Second})
			deliver1(func(*deliver.Request) {}, delivertest.Answer{Code: 400, Body: `{"errors":[{"message":"Error in 'fields.email'","errorType":"INVALID_EMAIL"}]}`})
			deliver1(func(r *deliver.Request) { r.Destination.Outcomes = rules }, delivertest.Answer{Body: `{"ok":false}`})
			time.Sleep(20 * time.Hour)
		}
		assert.Equal(t, health.Record{EndpointID: "crm"}, w.Record("crm"))
		deliver1(func(r *deliver.Request) { r.Destination.Outcomes = rules }, delivertest.Answer{Code: 409, Body: `{"ok":false}`})
		assert.Equal(t, 1, w.Record("crm").Failures, "a refusal by status")
		deliver1(func(r *deliver.Request) { r.Destination.URL = "nonsense" }, delivertest.Answer{})
		assert.Equal(t, deliver.CauseConfiguration, w.Record("crm").LastCause, "nothing can reach it")
		deliver1(func(r *deliver.Request) { r.Test = true }, delivertest.Code(200))
		assert.Equal(t, 2, w.Record("crm").Failures, "a test lead's success does not count either")
		w.Monitor, _ = health.New(queue{}, nil)
		deliver1(func(*deliver.Request) {}, delivertest.Answer{})
		assert.Zero(t, w.Record("crm").LastSuccess, "stored is not delivered")
	})
}

type queue struct{}

func (queue) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return &deliver.Receipt{Status: deliver.Queued}, nil
}

func TestRecordsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.send(t, delivertest.Code(503))
		stored, err := json.Marshal(w.Records())
		require.NoError(t, err)
		time.Sleep(25 * time.Hour)

		w = newWatch(t)
		var records []health.Record
		require.NoError(t, json.Unmarshal(stored, &records))
		w.Restore(records...)
		w.send(t, delivertest.Code(503))
		assert.Equal(t, []string{"crm unhealthy failing"}, w.told)
		w.Forget("crm")
		w.send(t, delivertest.Code(410))
		assert.Len(t, w.told, 2, "it began anew")
	})
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWatch(t)
	w.send(t, delivertest.Code(503))
	m, err := health.New(accepts{}, nil)
	require.NoError(t, err)
	m.Restore(w.Records()...)
	for i := range 250_000 {
		m.Deliver(t.Context(), &deliver.Request{EndpointID: strconv.Itoa(i)})
	}
	assert.LessOrEqual(t, len(m.Records()), 100_000)
	assert.Equal(t, 1, m.Record("crm").Failures, "what fails is not forgotten before what is well")
	assert.NotZero(t, m.Record("249999").LastSuccess, "and neither is the latest")
	dead, err := health.New(refuses{}, nil)
	require.NoError(t, err)
	for i := range 150_000 {
		dead.Deliver(t.Context(), &deliver.Request{EndpointID: strconv.Itoa(i)})
	}
	assert.LessOrEqual(t, len(dead.Records()), 100_000)
	assert.Equal(t, 1, dead.Record("149999").Failures)
}

type refuses struct{}

func (refuses) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return nil, &deliver.Error{Kind: deliver.ErrExhausted, Cause: deliver.CauseConnection}
}

// A hook that takes its time must not leave the host with what was true before.
func TestTheLastHookSaysHowItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		fake.Answers("crm", delivertest.Code(410), delivertest.Code(200))
		var told []string
		m, err := health.New(fake, &health.Options{
			OnUnhealthy: func(context.Context, health.Record) { time.Sleep(time.Minute); told = append(told, "disabled") },
			OnRecovered: func(_ context.Context, r health.Record) { told = append(told, "enabled "+r.EndpointID) },
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { m.Deliver(t.Context(), &deliver.Request{EndpointID: "crm"}) })
			time.Sleep(time.Second)
		}
		wg.Wait()
		assert.Equal(t, []string{"disabled", "enabled crm"}, told)
	})
}

func TestAHookThatPanicsIsCalledTheNextTime(t *testing.T) {
	fake := &delivertest.Fake{}
	fake.Answers("crm", delivertest.Code(410), delivertest.Code(200), delivertest.Code(410))
	calls := 0
	m, err := health.New(fake, &health.Options{OnUnhealthy: func(context.Context, health.Record) {
		if calls++; calls == 1 {
			panic("as told")
		}
	}})
	require.NoError(t, err)
	assert.Panics(t, func() { m.Deliver(t.Context(), &deliver.Request{EndpointID: "crm"}) })
	fake.Answers("crm", delivertest.Code(410))
	for range 3 {
		m.Deliver(t.Context(), &deliver.Request{EndpointID: "crm"})
	}
	assert.Equal(t, 2, calls, "since the host does not know")
}

func TestACallersDeadlineDoesNotHideADeadEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(t)
		w.Answers("crm", delivertest.Answer{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := w.Monitor.Deliver(ctx, &deliver.Request{EndpointID: "crm"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, deliver.CauseTimeout, w.Record("crm").LastCause, "the first attempt was whole")
	})
}

type accepts struct{}

func (accepts) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	return &deliver.Receipt{Status: deliver.Delivered}, nil
}

func TestManyAtOnce(t *testing.T) {
	w := newWatch(t)
	w.Answers("crm", delivertest.Code(503))
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			w.Monitor.Deliver(t.Context(), &deliver.Request{EndpointID: "crm", Destination: deliver.Destination{MaxAttempts: 1}})
		})
	}
	wg.Wait()
	assert.Equal(t, 100, w.Record("crm").Failures)
}

func TestABadOptionIsRefused(t *testing.T) {
	_, err := health.New(accepts{}, &health.Options{Span: -1})
	assert.ErrorContains(t, err, "span")
	_, err = health.New(nil, nil)
	assert.Error(t, err)
}

func ExampleMonitor() {
	fake := &delivertest.Fake{} // stands in for deliver.HTTP
	fake.Answers("crm", delivertest.Code(410), delivertest.Code(200))
	m, err := health.New(fake, &health.Options{
		OnUnhealthy: func(_ context.Context, r health.Record) {
			fmt.Println("disable", r.EndpointID, "since it is", r.Unhealthy)
		},
		OnRecovered: func(_ context.Context, r health.Record) { fmt.Println("enable", r.EndpointID) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		_, err := m.Deliver(context.Background(), &deliver.Request{EndpointID: "crm"})
		fmt.Println(err)
	}
	// Output:
	// disable crm since it is gone
	// deliver: rejected (gone): status 410
	// enable crm
	// <nil>
}

func ExampleRecord() {
	at := time.Date(2026, 4, 20, 14, 30, 0, 0, time.UTC)
	r := health.Record{EndpointID: "crm", FailingSince: at, Failures: 12, LastCause: deliver.CauseTLS, Unhealthy: health.ReasonFailing}
	fmt.Println(r)
	fmt.Println(r.LastCause.Remedy())
	// Output:
	// endpoint crm: 12 failures since 2026-04-20T14:30:00Z, the last one tls (unhealthy: failing)
	// Check that the server's certificate is valid, not expired, complete with its chain and issued for the URL's host name; where it asks for a client certificate, that one is set, valid and known to the server.
}
