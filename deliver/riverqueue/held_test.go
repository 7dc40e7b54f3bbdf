package riverqueue_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver"
)

// On one database only: what makes pages is the same for both.
func TestMoreThanTwoPagesAreHeld(t *testing.T) {
	const held = 2001
	l := newLab(t, openPostgres, nil)
	var reqs []*deliver.Request
	for i := range held {
		req := request("crm", fmt.Sprint(i), "new_lead")
		req.Destination.Held = true
		reqs = append(reqs, req)
	}
	_, err := l.queue.DeliverBatch(t.Context(), reqs)
	require.NoError(t, err)
	n, err := l.queue.Held(t.Context(), "crm")
	require.NoError(t, err)
	assert.Equal(t, held, n)
}
