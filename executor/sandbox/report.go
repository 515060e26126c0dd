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

// Report says under which controls a program was started.
type Report struct {
	Controls []Outcome `json:"controls"`
	// LandlockABI is the version the kernel has; 0 is none.
	LandlockABI int `json:"landlockABI"`
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

// lost notes that a control could not be had after all. The first reason counts.
func (r *Report) lost(c Control, reason error) {
	for i := range r.Controls {
		if o := &r.Controls[i]; o.Control == c && o.State == Obtained {
			o.State, o.Detail = Missing, reason.Error()
		}
	}
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
