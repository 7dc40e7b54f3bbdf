package limit

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/topprovider/leadhook/deliver"
)

// Options adjust a Limiter. The zero value has a breaker and pauses, and no
// limits but those of the destinations.
type Options struct {
	// Limits count for each endpoint, as far as its Destination has none of its
	// own. A zero field means no limit.
	Limits deliver.Limits
	// Breaker is when an endpoint that fails is left alone.
	Breaker Breaker
	// HostPause is how long a host is left alone after a 429 that does not say.
	// 0 means 10 s. What a host asks for is kept up to 1 min, since one endpoint's
	// answer decides for the others; its own wait is all that it asks for.
	HostPause time.Duration
}

// A Breaker is when an endpoint that fails is left alone, and for how long. The
// zero value is ready.
type Breaker struct {
	// Share of failures among an endpoint's deliveries that opens the breaker,
	// from 0 to 1. 0 means 0.5.
	Share float64
	// Minimum is how many deliveries it takes to judge by. 0 means 5.
	Minimum int
	// Window is how long a delivery counts. 0 means 1 min.
	Window time.Duration
	// Open is how long nothing is sent before a probe is. 0 means 30 s.
	Open time.Duration
	// Disabled is no breaker at all.
	Disabled bool
}

// Bounds on what one endpoint's answer can do to the others at its host.
const (
	maxHostPause = 5 * time.Minute
	maxAsked     = time.Minute
)

// validate reports every fault, each a *deliver.SettingError.
func (o *Options) validate() error {
	faults := []error{o.Limits.Validate()}
	fault := func(wrong bool, setting, format string, args ...any) {
		if wrong {
			faults = append(faults, &deliver.SettingError{Setting: setting, Err: fmt.Errorf(format, args...)})
		}
	}
	b := o.Breaker
	fault(o.Limits.Burst > 0 && o.Limits.Rate == 0, "limits.burst", "it is %d, without a rate; give one", o.Limits.Burst)
	fault(!(b.Share >= 0 && b.Share <= 1), "breaker.share", "it is %v; a share is from 0 to 1, and 0 means 0.5", b.Share)
	fault(b.Minimum < 0, "breaker.minimum", "it is %d; 0 means 5", b.Minimum)
	fault(b.Window < 0, "breaker.window", "it is %v; 0 means 1 min", b.Window)
	fault(b.Open < 0, "breaker.open", "it is %v; 0 means 30 s", b.Open)
	fault(o.HostPause < 0 || o.HostPause > maxHostPause, "hostPause", "it is %v; 0 means 10 s, and %v is the most", o.HostPause, maxHostPause)
	return errors.Join(faults...)
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	o.Breaker.Share = cmp.Or(o.Breaker.Share, 0.5)
	o.Breaker.Minimum = cmp.Or(o.Breaker.Minimum, 5)
	o.Breaker.Window = cmp.Or(o.Breaker.Window, time.Minute)
	o.Breaker.Open = cmp.Or(o.Breaker.Open, 30*time.Second)
	o.HostPause = cmp.Or(o.HostPause, 10*time.Second)
	return o
}
