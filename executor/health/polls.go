package health

import (
	"errors"
	"fmt"
	"time"
)

// MaxSilence is how long a source may hear nothing from its server before the
// executor counts as dead: some times the longest wait of one question and the
// longest pause between two, so that an outage of the server is not taken for
// a fault of the executor at once.
const MaxSilence = 5 * time.Minute

// Source is what a queue.Source says about itself.
type Source interface {
	Name() string
	LastPoll() time.Time // zero: not yet
}

// Polls is the liveness of an executor: each of its sources has heard from its
// server lately.
type Polls struct {
	Sources []Source
	Started time.Time     // counts where a source has not heard anything yet
	Silence time.Duration // 0 is MaxSilence
	// Busy says whether runs are going on. They would end with the container,
	// so a silent source is then no reason to end it; nil is never.
	Busy func() bool
	Now  func() time.Time // nil is time.Now
}

// Holds names the sources that have been silent for too long.
func (p Polls) Holds() error {
	if p.Busy != nil && p.Busy() {
		return nil
	}
	now, silence := time.Now, p.Silence
	if p.Now != nil {
		now = p.Now
	}
	if silence == 0 {
		silence = MaxSilence
	}
	var problems []error
	for _, source := range p.Sources {
		last := source.LastPoll()
		if last.Before(p.Started) {
			last = p.Started
		}
		if now().Sub(last) > silence {
			problems = append(problems, fmt.Errorf("source %s has heard nothing from its server for more than %s", source.Name(), silence))
		}
	}
	return errors.Join(problems...)
}
