package sandbox

import (
	"errors"
	"fmt"
)

// State says what became of a control.
type State string

// States of a control.
const (
	Obtained State = "obtained" // in force, with the limits that Detail names
	Missing  State = "missing"  // wanted, and not to be had
	Skipped  State = "off"      // not wanted
)

// Outcome is what became of one control.
type Outcome struct {
	Control Control `json:"control"`
	Mode    Mode    `json:"mode"`
	State   State   `json:"state"`
	Detail  string  `json:"detail,omitempty"`
}

// Report says under which controls a program was started. Where Error is not
// empty it was not started.
type Report struct {
	Controls []Outcome `json:"controls"`
	// LandlockABI is the version the kernel has; 0 is none.
	LandlockABI int    `json:"landlockABI"`
	Error       string `json:"error,omitempty"`
}

// State returns what became of a control; a control that was never reached is
// missing.
func (r Report) State(c Control) State {
	for _, outcome := range r.Controls {
		if outcome.Control == c {
			return outcome.State
		}
	}
	return Missing
}

// lacking returns an error that names every required control that is missing.
func (r Report) lacking() error {
	var problems []error
	for _, o := range r.Controls {
		if o.Mode == Require && o.State == Missing {
			problems = append(problems, fmt.Errorf("required control %s is missing: %s", o.Control, o.Detail))
		}
	}
	return errors.Join(problems...)
}
