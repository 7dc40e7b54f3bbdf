package limit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/topprovider/leadhook/deliver"
)

// An endpoint is what is remembered of one. Its Limiter's lock guards it.
type endpoint struct {
	underWay int
	rate     *rate.Limiter // nil: no rate
	free     time.Time     // when the next one that the rate turns away may come back
	breaker  *gobreaker.TwoStepCircuitBreaker[any]
	probe    time.Time     // when an open breaker lets a probe through
	last     deliver.Cause // of a failure
}

func newEndpoint(b *Breaker) *endpoint {
	e := &endpoint{}
	if b.Disabled {
		return e
	}
	e.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		MaxRequests:  1, // one probe
		Interval:     b.Window,
		BucketPeriod: b.Window / 10,
		Timeout:      b.Open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			known := c.TotalSuccesses + c.TotalFailures
			return known >= uint32(b.Minimum) && float64(c.TotalFailures) >= b.Share*float64(known)
		},
		IsSuccessful: func(err error) bool { return judge(err) == well },
		IsExcluded:   func(err error) bool { return judge(err) == unknown },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				e.probe = time.Now().Add(b.Open)
			}
		},
	})
	return e
}

// Busy is how long what is over the concurrency waits at the least; nobody knows
// when a request that is under way will end.
const busy = time.Second

// admit lets a request through, and counted is to be told what came of it; or it
// says why not.
func (e *endpoint) admit(req *deliver.Request, defaults deliver.Limits, now time.Time) (counted func(error), held *hold) {
	limits := req.Destination.Limits
	concurrency := cmp.Or(limits.Concurrency, defaults.Concurrency)
	if concurrency > 0 && e.underWay >= concurrency {
		return nil, &hold{spread(busy), fmt.Sprintf("%d requests are under way, which is the endpoint's limit", e.underWay)}
	}
	if limits.Rate == 0 {
		limits.Rate, limits.Burst = defaults.Rate, cmp.Or(limits.Burst, defaults.Burst)
	}
	if wait := e.wait(limits, now); wait > 0 {
		return nil, &hold{wait, fmt.Sprintf("the endpoint's limit is %v requests a second", limits.Rate)}
	}
	counted = func(error) {}
	if e.breaker != nil && !req.Test {
		done, err := e.breaker.Allow()
		if err != nil {
			wait := e.probe.Sub(now) // to the probe; with a probe under way, it is past
			return nil, &hold{spread(max(wait, busy)), fmt.Sprintf("the endpoint fails (%s), and is left alone for a while", e.last)}
		}
		counted = func(err error) {
			if failure, ok := errors.AsType[*deliver.Error](err); ok && judge(err) == failing {
				e.last = failure.EndpointCause()
			}
			done(err)
		}
	}
	if e.rate != nil {
		e.rate.AllowN(now, 1)
	}
	e.underWay++
	return counted, nil
}

// wait returns how long the rate makes a request wait. Those who are turned away
// get times one behind the other, up to a minute ahead; beyond that they are
// spread, since nobody knows who will come back.
func (e *endpoint) wait(limits deliver.Limits, now time.Time) time.Duration {
	if !(limits.Rate > 0) {
		e.rate = nil
		return 0
	}
	perSecond, burst := rate.Limit(limits.Rate), limits.Burst
	if burst <= 0 {
		burst = int(min(math.Ceil(limits.Rate), math.MaxInt32))
	}
	if e.rate == nil {
		e.rate = rate.NewLimiter(perSecond, burst)
	}
	if e.rate.Limit() != perSecond || e.rate.Burst() != burst { // the owner changed them
		e.rate.SetLimitAt(now, perSecond)
		e.rate.SetBurstAt(now, burst)
		e.free = time.Time{}
	}
	one := seconds(1 / limits.Rate)
	missing := 1 - e.rate.TokensAt(now)
	if missing <= 0 {
		if e.free.After(now) { // one of those who were turned away, or instead of one
			e.free = e.free.Add(-one)
		}
		return 0
	}
	wait := max(seconds(missing/limits.Rate), 1)
	switch ahead := e.free.Sub(now); {
	case ahead > time.Minute:
		return wait + rand.N(time.Minute)
	case ahead > wait:
		wait = ahead
	}
	e.free = now.Add(wait + one)
	return wait
}

// repeat counts an attempt that was not admitted by itself: the rate is that of
// requests on the wire. What is under way is not stopped for it; those that come
// next wait for longer.
func (e *endpoint) repeat(a deliver.Attempt, now time.Time) {
	if e.rate != nil && a.Number > 1 {
		e.rate.ReserveN(now, 1)
	}
}

// maxWait bounds the time that is given to those whom a rate turns away.
const maxWait = time.Hour

// seconds is a duration of at most maxWait, however small a rate is.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, maxWait.Seconds()) * float64(time.Second))
}

// forgettable reports whether a new endpoint would do the same as e, or e was
// used so long ago that what it knows is worth nothing.
func (e *endpoint) forgettable(now time.Time, open time.Duration) bool {
	switch {
	case e.underWay > 0, e.free.After(now):
		return false
	case e.rate != nil && e.rate.TokensAt(now) < float64(e.rate.Burst()):
		return false
	case e.breaker == nil:
		return true
	case e.breaker.State() != gobreaker.StateClosed:
		return now.Sub(e.probe) > 10*open // nobody came to probe
	}
	return e.breaker.Counts().TotalFailures == 0
}

// A health is what a delivery says of its endpoint.
type health uint8

const (
	unknown health = iota
	well           // it answers
	failing
)

func judge(err error) health {
	if err == nil {
		return well
	}
	e, ok := errors.AsType[*deliver.Error](err)
	if !ok {
		return unknown
	}
	switch cause := e.EndpointCause(); {
	case cause == "", cause == deliver.CauseRateLimited, cause == deliver.CauseThrottled, cause == deliver.CauseHeld, cause == deliver.CauseCanceled, cause == deliver.CauseQueue,
		cause == deliver.CauseBlockedAddress, cause == deliver.CauseConfiguration && len(e.Attempts) == 0:
		return unknown
	case e.Kind == deliver.ErrRejected:
		return well
	}
	return failing
}
