package deliver_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/topprovider/leadhook/deliver"
)

// Every row of the table of causes that stands for a status code.
func TestJudge(t *testing.T) {
	want := map[int]struct {
		cause deliver.Cause
		kind  error
	}{
		429: {deliver.CauseRateLimited, deliver.ErrExhausted},
		408: {deliver.CauseHTTPStatus, deliver.ErrExhausted}, 425: {deliver.CauseHTTPStatus, deliver.ErrExhausted},
		401: {deliver.CauseAuthentication, deliver.ErrRejected}, 403: {deliver.CauseAuthentication, deliver.ErrRejected}, 407: {deliver.CauseAuthentication, deliver.ErrRejected},
		400: {deliver.CauseFieldMapping, deliver.ErrRejected}, 422: {deliver.CauseFieldMapping, deliver.ErrRejected},
		410: {deliver.CauseGone, deliver.ErrRejected}, 501: {deliver.CauseHTTPStatus, deliver.ErrRejected}, 505: {deliver.CauseHTTPStatus, deliver.ErrRejected},
		200: {"", nil}, 201: {"", nil}, 202: {"", nil},
	}
	for code := 100; code < 1000; code++ {
		w, listed := want[code]
		switch {
		case listed:
		case 500 <= code && code < 600:
			w.cause, w.kind = deliver.CauseHTTPStatus, deliver.ErrExhausted
		case 300 <= code && code < 400:
			w.cause, w.kind = deliver.CauseRedirect, deliver.ErrRejected
		default:
			w.cause, w.kind = deliver.CauseHTTPStatus, deliver.ErrRejected
		}
		cause, kind := deliver.Judge(code, nil)
		assert.Equal(t, w.cause, cause, code)
		assert.Equal(t, w.kind, kind, code)
	}
	cause, kind := deliver.Judge(409, []int{200, 409})
	assert.Empty(t, cause)
	assert.NoError(t, kind)
	_, kind = deliver.Judge(302, []int{302})
	assert.ErrorIs(t, kind, deliver.ErrRejected, "a redirect is never a success")
	_, kind = deliver.Judge(201, []int{200})
	assert.ErrorIs(t, kind, deliver.ErrRejected, "accepted codes replace the defaults")
}

func TestEveryCauseHasARemedy(t *testing.T) {
	assert.Len(t, deliver.Causes(), 17)
	for _, c := range deliver.Causes() {
		assert.True(t, strings.HasSuffix(c.Remedy(), "."), c)
		assert.NotContains(t, strings.TrimSuffix(c.Remedy(), "."), ". ", "%s: one sentence", c)
	}
	assert.Empty(t, deliver.Cause("nonsense").Remedy())
}
