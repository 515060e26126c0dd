package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Timeout bounds one check: more than the calls behind it take with their own
// repetitions, so that theirs is the error that is shown.
const Timeout = time.Minute

// Kind says what a problem is about, and so which exit code it has.
type Kind string

// Kinds, from the one whose exit code counts most.
const (
	Configuration  Kind = "configuration"
	Authentication Kind = "authentication"
	Environment    Kind = "environment" // anything else
)

// Problem is one thing that is wrong, and how to put it right.
type Problem struct {
	Kind Kind   `json:"kind"`
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

// Findings are what one check found.
type Findings struct {
	Notes    []string  `json:"notes,omitempty"` // what is as it should be
	Warnings []Problem `json:"warnings,omitempty"`
	Failures []Problem `json:"failures,omitempty"`
}

func (f *Findings) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

func (f *Findings) warn(kind Kind, fix, format string, args ...any) {
	f.Warnings = append(f.Warnings, Problem{kind, fmt.Sprintf(format, args...), fix})
}

func (f *Findings) fail(kind Kind, fix, format string, args ...any) {
	f.Failures = append(f.Failures, Problem{kind, fmt.Sprintf(format, args...), fix})
}

// Check is one thing to find out.
type Check struct {
	Name string
	// Needs names checks before this one without which it says nothing.
	Needs []string
	Run   func(ctx context.Context) Findings
}

// Simple is a check that either holds or fails with an error of a kind.
func Simple(name string, kind Kind, fix string, run func(context.Context) error) Check {
	return Check{Name: name, Run: func(ctx context.Context) (f Findings) {
		if err := run(ctx); err != nil {
			f.fail(kind, fix, "%v", err)
		}
		return f
	}}
}

// Status says how a check ended.
type Status string

// Statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped" // what it needs failed
)

// Result is a check that was run, or skipped.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Findings
	DurationMS int64 `json:"durationMs"`
}

// Report is what all checks found.
type Report struct {
	Results []Result `json:"checks"`
}

// Run runs the checks one after the other. They end with ctx.
func Run(ctx context.Context, checks []Check, now func() time.Time) Report {
	var report Report
	ended := map[string]Status{}
	for _, c := range checks {
		result := Result{Name: c.Name, Status: Skipped}
		blocked := slices.IndexFunc(c.Needs, func(name string) bool { return ended[name] == Failed || ended[name] == Skipped })
		if blocked >= 0 {
			result.note("not looked at, because the check %q did not pass", c.Needs[blocked])
		} else {
			start := now()
			result.Findings = runOne(ctx, c)
			result.DurationMS = now().Sub(start).Milliseconds()
			result.Status = result.status()
		}
		ended[c.Name] = result.Status
		report.Results = append(report.Results, result)
	}
	return report
}

// runOne does not wait for a check that does not listen to its context.
func runOne(ctx context.Context, c Check) Findings {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	done := make(chan Findings, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
	}
	// It may be about to say what it waited for.
	const moment = time.Second
	select {
	case f := <-done:
		return f
	case <-time.After(moment):
	}
	var f Findings
	what := "cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		what = "no answer"
	}
	f.fail(Environment, "look at the network and the disk on the way to what this check asks", "%s within %s", what, Timeout)
	return f
}

func (f Findings) status() Status {
	switch {
	case len(f.Failures) > 0:
		return Failed
	case len(f.Warnings) > 0:
		return Warning
	default:
		return OK
	}
}

// Exit codes.
const (
	ExitOK             = 0
	ExitOther          = 1
	ExitConfiguration  = 2
	ExitAuthentication = 3
)

// ExitCode is that of the gravest failure; warnings have none.
func (r Report) ExitCode() int {
	kinds := map[Kind]bool{}
	for _, result := range r.Results {
		for _, problem := range result.Failures {
			kinds[problem.Kind] = true
		}
	}
	switch {
	case kinds[Configuration]:
		return ExitConfiguration
	case kinds[Authentication]:
		return ExitAuthentication
	case len(kinds) > 0:
		return ExitOther
	default:
		return ExitOK
	}
}
