package deliver

import (
	"errors"
	"fmt"
	"math"
)

// Limits are what one endpoint can bear. Package limit keeps them. Where
// Concurrency or Rate is zero, the one of limit.Options counts.
type Limits struct {
	// Concurrency is how many requests may be under way at a time.
	Concurrency int `json:"concurrency,omitempty"`
	// Rate is how many requests may begin in a second; 0.5 is one in two seconds,
	// and one in a day is the least.
	Rate float64 `json:"rate,omitempty"`
	// Burst is how many may begin at once after a quiet time. 0 means as many as
	// Rate, rounded up, whosever Rate it is.
	Burst int `json:"burst,omitempty"`
}

const leastRate = 1.0 / (24 * 60 * 60)

// Validate refuses limits below zero, each a [*SettingError], joined.
func (l Limits) Validate() error {
	var faults []error
	l.validate(func(setting string, err error) { faults = append(faults, &SettingError{setting, err}) })
	return errors.Join(faults...)
}

func (l Limits) validate(fault func(setting string, err error)) {
	if l.Concurrency < 0 {
		fault("limits.concurrency", fmt.Errorf("it is %d; 0 means no limit here", l.Concurrency))
	}
	if l.Rate > 0 && l.Rate < leastRate {
		fault("limits.rate", fmt.Errorf("it is %v; one in a day (%.7f) is the least", l.Rate, leastRate))
	}
	if !(l.Rate >= 0) || math.IsInf(l.Rate, 0) { // a NaN is not either
		fault("limits.rate", fmt.Errorf("it is %v; 0 means no limit here", l.Rate))
	}
	if l.Burst < 0 {
		fault("limits.burst", fmt.Errorf("it is %d; 0 means the rate, rounded up", l.Burst))
	}
}
