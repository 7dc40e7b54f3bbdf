package limit

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
	"github.com/topprovider/leadhook/deliver/delivertest"
)

// answers gives each request the same answer.
type answers deliver.Error

func (a answers) Deliver(context.Context, *deliver.Request) (*deliver.Receipt, error) {
	if a.Kind == nil {
		return &deliver.Receipt{Status: deliver.Delivered}, nil
	}
	return nil, (*deliver.Error)(&a)
}

func code(code int) answers {
	cause, kind := deliver.Judge(code, nil)
	return answers{Kind: kind, Cause: cause, Attempts: []deliver.Attempt{{At: time.Now(), StatusCode: code, Cause: cause}}}
}

// used is a limiter by which n endpoints were used once.
func used(t *testing.T, n int, o Options, a answers) *Limiter {
	l, err := New(a, &o)
	require.NoError(t, err)
	for i := range n {
		id := strconv.Itoa(i)
		l.Deliver(t.Context(), &deliver.Request{EndpointID: id, Destination: deliver.Destination{URL: "https://" + id + ".example"}})
	}
	return l
}

func TestEndpointsThatWereUsedOnceAreForgotten(t *testing.T) {
	const many = 100_000
	t.Run("at once, where there is nothing to remember", func(t *testing.T) {
		assert.LessOrEqual(t, len(used(t, many, Options{}, answers{}).endpoints), 1024)
	})
	for proves, test := range map[string]struct {
		options Options
		code    int
	}{
		"a rate, when it has recovered":              {Options{Limits: deliver.Limits{Rate: 1}}, 200},
		"a failure, when the window is over":         {Options{}, 500},
		"an open breaker, when nobody came to probe": {Options{Breaker: Breaker{Minimum: 1, Open: 5 * time.Second}}, 500},
		"a pause, when it is over":                   {Options{}, 429},
	} {
		t.Run(proves, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := used(t, many, test.options, code(test.code))
				assert.Greater(t, len(l.endpoints)+len(l.hosts), many/2, "they are remembered")
				time.Sleep(2 * time.Minute)
				l.Deliver(t.Context(), &deliver.Request{EndpointID: "another"})
				assert.LessOrEqual(t, len(l.endpoints), 1)
				assert.Empty(t, l.hosts)
			})
		})
	}
}

func TestWhatMattersIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &delivertest.Fake{}
		fake.Answers("a", delivertest.Code(500))
		l, err := New(fake, &Options{Breaker: Breaker{Minimum: 1, Open: time.Hour}})
		require.NoError(t, err)
		send := func(id string) error {
			_, err := l.Deliver(t.Context(), &deliver.Request{EndpointID: id, Destination: deliver.Destination{MaxAttempts: 1}})
			return err
		}
		require.Error(t, send("a"))
		for i := range 10_000 {
			require.NoError(t, send(fmt.Sprint(i)))
			time.Sleep(100 * time.Millisecond)
		}
		assert.ErrorContains(t, send("a"), "throttled", "an open breaker")
	})
}
