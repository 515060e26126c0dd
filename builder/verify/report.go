package verify

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/probe"
)

// Status is the outcome of one check.
type Status string

const (
	OK     Status = "ok"
	Failed Status = "failed"
	NotRun Status = "not run" // an earlier check that it builds on failed
)

// Report is the answer of Run: one row per check, in the order they ran.
type Report struct {
	Ref      string            `json:"ref"`
	Digest   string            `json:"digest"` // of the image, "sha256:<hex>"
	Signer   string            `json:"signer"`
	Policy   string            `json:"policy"` // digest of the rules, "sha256:<hex>"
	Required []probe.Tier      `json:"requiredProbes,omitempty"`
	Verified bool              `json:"verified"`
	Checks   []Check           `json:"checks"`
	Verdicts []*policy.Verdict `json:"verdicts"` // one per platform

	problems []error
	name     string // of the image, "" where its provenance is not believed
	inputs   []attest.Input
}

// Check is one row. Platform is "" for checks of the whole image.
type Check struct {
	Check    string `json:"check"`
	Platform string `json:"platform,omitempty"`
	Status   Status `json:"status"`
	Detail   string `json:"detail"`
}

// add enters a row; err decides its status.
func (r *Report) add(check, platform string, err error, detail string) bool {
	row := Check{Check: check, Platform: platform, Status: OK, Detail: detail}
	if err != nil {
		row.Status, row.Detail = Failed, err.Error()
		if platform != "" {
			err = fault.Wrap(fault.KindOf(err), err, "checking %s of %s", check, platform)
		}
		r.problems = append(r.problems, err)
	}
	r.Checks = append(r.Checks, row)
	return err == nil
}

func (r *Report) skip(platform string, checks ...string) {
	for _, check := range checks {
		r.Checks = append(r.Checks, Check{Check: check, Platform: platform, Status: NotRun, Detail: "an earlier check failed"})
	}
}

// severity orders the kinds for the exit code: who signed it comes before
// what is in it, and that before whether it is liked.
var severity = []fault.Kind{fault.Signature, fault.Integrity, fault.Policy, fault.Denied}

// err sums the problems up as one error of the gravest kind.
func (r *Report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	all := errors.Join(r.problems...)
	for _, kind := range severity {
		if fault.Is(all, kind) {
			return fault.Wrap(kind, all, "verifying %s: %d checks failed", r.Ref, len(r.problems))
		}
	}
	return fault.Wrap(fault.KindOf(r.problems[0]), all, "verifying %s", r.Ref)
}

// Text writes the report as a table.
func (r *Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "image   %s\ndigest  %s\nsigner  %s\n\n", r.Ref, r.Digest, r.Signer)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tPLATFORM\tSTATUS\tDETAIL")
	for _, c := range r.Checks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Check, c.Platform, c.Status, oneLine(c.Detail))
	}
	if err := table.Flush(); err != nil {
		return fault.Wrap(fault.Internal, err, "writing the report")
	}
	for _, v := range r.Verdicts {
		for _, e := range v.Allowed {
			fmt.Fprintf(w, "\nallowed by %s: %s (%s)", e.Rule, e.What, e.Reason)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// oneLine cuts a detail to what fits into a table; JSON has all of it.
func oneLine(s string) string {
	const width = 160
	out := []rune{}
	for _, c := range s {
		if c < ' ' {
			c = ' '
		}
		if out = append(out, c); len(out) == width {
			return string(out) + "..."
		}
	}
	return string(out)
}
