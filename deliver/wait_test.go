package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

func TestWaitsAreCappedAtMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{503}}
		h := &deliver.HTTP{Transport: a, MaxWait: 3 * time.Second, Backoff: func(attempt int) time.Duration { return time.Duration(attempt-1) * 2 * time.Second }}
		req := request("https://example.com")
		req.Destination.MaxAttempts = 5
		_, err := h.Deliver(t.Context(), req)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, []time.Duration{2 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second}, a.waits())
	})
}

func TestDefaultWaitsAndAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{500}}
		_, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
		e := failure(t, err)
		assert.Len(t, e.Attempts, 4)
		for i, wait := range a.waits() {
			base := 500 * time.Millisecond << i
			assert.GreaterOrEqual(t, wait, base/2)
			assert.LessOrEqual(t, wait, base*3/2)
		}
		assert.Equal(t, "deliver: example.com: attempts exhausted after 4 attempts (http_status): status 500", err.Error())
	})
}

func TestANegativeBackoffIsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{500}}
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return -time.Hour }}
		_, err := h.Deliver(t.Context(), request("https://example.com"))
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, []time.Duration{0, 0, 0}, a.waits())
	})
}

func TestRetryAfterIsHonouredUpToMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{429, 200}, header: http.Header{"Retry-After": {"30"}}}
		receipt, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{30 * time.Second}, a.waits())
		assert.Equal(t, 30*time.Second, receipt.Attempts[0].RetryAfter)
	})
	for _, value := range []string{"31", "484289h", "1743442000", "99999999999999999999"} {
		synctest.Test(t, func(t *testing.T) {
			a := &answers{codes: []int{503}, header: http.Header{"Retry-After": {value}}}
			_, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), request("https://example.com"))
			e := failure(t, err)
			require.ErrorIs(t, err, deliver.ErrExhausted)
			if value == "484289h" { // no Retry-After at all
				assert.Len(t, e.Attempts, 4)
				assert.Zero(t, e.RetryAfter)
				return
			}
			assert.Len(t, e.Attempts, 1, "it comes back at once")
			assert.Greater(t, e.RetryAfter, 30*time.Second)
		})
	}
}

func TestTheContextMayEndDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{503}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return 20 * time.Second }}
		_, err := h.Deliver(ctx, request("https://example.com"))
		e := failure(t, err)
		assert.Equal(t, 10*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, deliver.ErrExhausted)
		assert.Equal(t, deliver.CauseCanceled, e.Cause)
		assert.Len(t, e.Attempts, 1, "what was tried is not forgotten")
	})
}

func TestEachAttemptHasItsOwnTimeAndTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{err: errors.New("broken"), took: 20 * time.Second}
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return 5 * time.Second }}
		began := time.Now()
		req := request("https://example.com")
		req.Destination.Secrets = []string{secret}
		_, err := h.Deliver(t.Context(), req)
		e := failure(t, err)
		assert.Equal(t, 4*15*time.Second+3*5*time.Second, time.Since(began), "15 s an attempt by default")
		signatures := map[string]bool{}
		for i, h := range a.headers {
			assert.Equal(t, "msg_1", h.Get("Webhook-Id"), "the same on all")
			assert.Equal(t, fmt.Sprint(began.Unix()+int64(i)*20), h.Get("Webhook-Timestamp"))
			signatures[h.Get("Webhook-Signature")] = true
			assert.Equal(t, deliver.CauseTimeout, e.Attempts[i].Cause)
			assert.Equal(t, 15*time.Second, e.Attempts[i].Duration)
			assert.Equal(t, began.Add(time.Duration(i)*20*time.Second), e.Attempts[i].At)
		}
		assert.Len(t, signatures, 4)
	})
}

func TestPauseHoldsFurtherAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{429, 503, 200}}
		pauses := []time.Duration{20 * time.Second, time.Millisecond}
		h := &deliver.HTTP{Transport: a, Backoff: func(int) time.Duration { return time.Second }}
		h.Pause = func(_ context.Context, req *deliver.Request) (pause time.Duration) {
			assert.Equal(t, "crm", req.EndpointID)
			pause, pauses = pauses[0], pauses[1:]
			return pause
		}
		_, err := h.Deliver(t.Context(), request("https://example.com"))
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{20 * time.Second, time.Second}, a.waits(), "it shortens no wait")
		assert.Empty(t, pauses, "asked once before each further attempt")
	})
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{503}}
		asked := 0
		h := &deliver.HTTP{Transport: a, Pause: func(context.Context, *deliver.Request) time.Duration { asked++; return time.Second }}
		_, err := h.Deliver(t.Context(), request("https://example.com"))
		assert.Equal(t, 3, asked, "and not behind the last")
		assert.Zero(t, failure(t, err).RetryAfter)
	})
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{429}}
		h := &deliver.HTTP{Transport: a, Pause: func(context.Context, *deliver.Request) time.Duration { return time.Minute }}
		_, err := h.Deliver(t.Context(), request("https://example.com"))
		e := failure(t, err)
		require.ErrorIs(t, err, deliver.ErrExhausted)
		assert.Len(t, e.Attempts, 1)
		assert.Equal(t, time.Minute, e.RetryAfter, "a worker is not held for longer than MaxWait")
	})
}

// A caller asks errors.Is for its own context, and for nothing else.
func TestATimeoutOfAnAttemptIsNoContextError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{codes: []int{200}, took: time.Hour}
		req := request("https://example.com")
		req.Destination.MaxAttempts = 2
		_, err := (&deliver.HTTP{Transport: a}).Deliver(t.Context(), req)
		assert.ErrorIs(t, err, deliver.ErrExhausted)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, deliver.CauseTimeout, failure(t, err).EndpointCause())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err = (&deliver.HTTP{Transport: a}).Deliver(ctx, req)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, deliver.CauseCanceled, failure(t, err).Cause)
		assert.Equal(t, deliver.CauseTimeout, failure(t, err).EndpointCause(), "the first attempt was whole")
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = (&deliver.HTTP{Transport: a}).Deliver(ctx, req)
		assert.Empty(t, failure(t, err).EndpointCause())
	})
}
