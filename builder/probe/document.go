package probe

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Document is the answer about one image: a report for each platform that was
// asked for.
type Document struct {
	Ref       string    `json:"ref"`
	Digest    string    `json:"digest"` // of the index or manifest that Ref names
	Platforms []*Report `json:"platforms"`
	// Unreached are the required minimums that some platform does not reach.
	Unreached []Minimum `json:"unreached"`
}

// Require notes which minimums some platform does not reach.
func (d *Document) Require(minimums []Minimum) {
	d.Unreached = []Minimum{}
	for _, m := range minimums {
		for _, r := range d.Platforms {
			if len(r.Unreached([]Minimum{m})) > 0 {
				d.Unreached = append(d.Unreached, m)
				break
			}
		}
	}
}

// shownEvidence is how much evidence of one probe the text form shows.
const shownEvidence = 5

// Text writes the document as a table per platform, with the evidence and the
// fix of each probe that failed.
func (d *Document) Text(w io.Writer) error {
	for _, r := range d.Platforms {
		fmt.Fprintf(w, "%s %s\n%s\n\n", clip(d.Ref), r.Platform, r.Digest)
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "PROBE\tTIER\tRESULT\tSEVERITY\tWHAT MUST HOLD")
		for _, p := range r.Results {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Tier, p.Outcome, p.Severity, p.Title)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, p := range r.Results {
			p.detail(w)
		}
		fmt.Fprintln(w)
		for _, s := range r.Scores {
			fmt.Fprintf(w, "score %s\n", s)
		}
	}
	for _, m := range d.Unreached {
		fmt.Fprintf(w, "required and not reached: %s=%d\n", m.Tier, m.Percent)
	}
	return nil
}

// detail explains a result that is no pass.
func (r Result) detail(w io.Writer) {
	switch r.Outcome {
	case NotRun:
		fmt.Fprintf(w, "\n%s not run: %s\n", r.ID, r.Reason)
	case Fail:
		fmt.Fprintf(w, "\n%s failed, %d found\n", r.ID, r.Found)
		for _, e := range r.Evidence[:min(len(r.Evidence), shownEvidence)] {
			fmt.Fprintf(w, "  %s\n", e)
		}
		if more := r.Found - shownEvidence; more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
		fmt.Fprintf(w, "  fix: %s\n  page: %s\n", r.Fix, r.Page())
	}
}

// String gives "layer sha256:0123456789ab /path: text".
func (e Evidence) String() string {
	var parts []string
	if e.Layer != "" {
		algorithm, hex, _ := strings.Cut(e.Layer, ":")
		parts = append(parts, "layer "+algorithm+":"+hex[:min(len(hex), 12)])
	}
	if e.Path != "" {
		parts = append(parts, e.Path+":")
	}
	return strings.Join(append(parts, e.Text), " ")
}
