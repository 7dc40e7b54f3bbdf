package riverqueue_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/topprovider/leadhook/deliver/riverqueue"
)

// An endpoint that answers soon has all that it is sent, a few at a time, without
// one of them going back to the queue.
func TestTheGateWaitsForAFastEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g riverqueue.Gate
		var mu sync.Mutex
		underWay, most := 0, 0
		var order []int
		var wait sync.WaitGroup
		for i := range 200 {
			time.Sleep(time.Microsecond)
			wait.Go(func() {
				leave, busy := g.Enter(t.Context(), "crm", 4)
				if !assert.NotNil(t, leave, busy) {
					return
				}
				mu.Lock()
				underWay++
				most = max(most, underWay)
				order = append(order, i)
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
				mu.Lock()
				underWay--
				mu.Unlock()
				leave()
			})
		}
		wait.Wait()
		assert.Equal(t, 4, most)
		assert.Len(t, order, 200)
		assert.IsIncreasing(t, order, "first come, first served")
		assert.Zero(t, g.Lanes(), "nothing is kept of an endpoint to which nothing is under way")
	})
}

// A slow or dead endpoint holds up the workers that it has, and others only for as
// long as nobody knows that it is.
func TestTheGateDoesNotWaitForASlowEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g riverqueue.Gate
		var leaves []func()
		for range 2 {
			leave, _ := g.Enter(t.Context(), "slow", 2)
			require.NotNil(t, leave)
			leaves = append(leaves, leave)
		}
		began := time.Now()
		leave, busy := g.Enter(t.Context(), "slow", 2)
		assert.Nil(t, leave)
		assert.Positive(t, busy)
		assert.Equal(t, 200*time.Millisecond, time.Since(began), "it may have been a fast one")

		time.Sleep(10 * time.Second)
		for range 1000 {
			began = time.Now()
			leave, busy = g.Enter(t.Context(), "slow", 2)
			assert.Nil(t, leave)
			assert.InDelta(t, 5, busy.Seconds(), 0.2, "two in ten seconds")
			assert.Zero(t, time.Since(began))
		}
		other, _ := g.Enter(t.Context(), "healthy", 2)
		require.NotNil(t, other)
		other()
		leaves[0]()
		leave, _ = g.Enter(t.Context(), "slow", 2)
		require.NotNil(t, leave, "there is room again")
		leave()
		leaves[1]()
		assert.Zero(t, g.Lanes())
	})
}

// Who gives up leaves the line, or takes the turn that came meanwhile.
func TestTheGateLosesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g riverqueue.Gate
		leave, _ := g.Enter(t.Context(), "crm", 1)
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			leave, _ := g.Enter(ctx, "crm", 1)
			assert.Nil(t, leave)
		})
		synctest.Wait()
		wait.Go(func() {
			leave, _ := g.Enter(t.Context(), "crm", 1)
			if assert.NotNil(t, leave) {
				leave()
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		leave()
		wait.Wait()
		assert.Zero(t, g.Lanes())
	})
}

// Many come, wait, give up and leave at once.
func TestTheGateUnderLoad(t *testing.T) {
	var g riverqueue.Gate
	var mu sync.Mutex
	underWay := map[string]int{}
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			id := string(rune('a' + i%3))
			for j := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*j%50)*time.Microsecond)
				if leave, _ := g.Enter(ctx, id, 3); leave != nil {
					mu.Lock()
					underWay[id]++
					assert.LessOrEqual(t, underWay[id], 3)
					mu.Unlock()
					time.Sleep(time.Duration(j%20) * time.Microsecond)
					mu.Lock()
					underWay[id]--
					mu.Unlock()
					leave()
				}
				cancel()
			}
		})
	}
	wait.Wait()
	assert.Zero(t, g.Lanes())
}
