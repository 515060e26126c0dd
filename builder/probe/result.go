package probe

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Outcome is how a probe ended.
type Outcome string

// The outcomes. There is no other: what is neither is an error of the run.
const (
	Pass   Outcome = "pass"
	Fail   Outcome = "fail"
	NotRun Outcome = "not run"
)

// Limits on what one result holds; Found counts past them.
const (
	MaxEvidence     = 20  // pieces of evidence
	MaxEvidenceText = 240 // bytes of the text of one
)

// Evidence is one thing that made a probe fail.
type Evidence struct {
	Layer string `json:"layer,omitempty"` // digest of the layer, "" where it is no layer's
	Path  string `json:"path,omitempty"`  // absolute in the image, "" where it is no file
	Text  string `json:"text"`            // what is wrong with it; never a secret's value
}

// Result is the answer to one probe.
type Result struct {
	Probe
	Outcome  Outcome    `json:"outcome"`
	Reason   string     `json:"reason,omitempty"` // why it was not run
	Found    int        `json:"found"`            // how much evidence there is
	Evidence []Evidence `json:"evidence"`         // the first MaxEvidence, sorted by path
}

// Passed is the result of a probe that held.
func Passed(p Probe) Result { return Result{Probe: p, Outcome: Pass, Evidence: []Evidence{}} }

// Skipped is the result of a probe that could not run.
func Skipped(p Probe, reason string) Result {
	if reason == "" {
		reason = "no reason given"
	}
	return Result{Probe: p, Outcome: NotRun, Reason: clip(reason), Evidence: []Evidence{}}
}

// Answer is the result that follows from evidence: without any, the probe passed.
func Answer(p Probe, evidence []Evidence) Result {
	if len(evidence) == 0 {
		return Passed(p)
	}
	r := Result{Probe: p, Outcome: Fail, Found: len(evidence), Evidence: slices.Clone(evidence)}
	slices.SortStableFunc(r.Evidence, func(a, b Evidence) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		if c := strings.Compare(a.Text, b.Text); c != 0 {
			return c
		}
		return strings.Compare(a.Layer, b.Layer)
	})
	r.Evidence = slices.Clone(r.Evidence[:min(len(r.Evidence), MaxEvidence)])
	for n := range r.Evidence {
		r.Evidence[n].Path, r.Evidence[n].Text = clip(r.Evidence[n].Path), clip(r.Evidence[n].Text)
	}
	return r
}

// clip makes text from an image fit for a terminal and a report: one line of
// bounded length, without control characters.
func clip(text string) string {
	if len(text) > 4*MaxEvidenceText {
		text = text[:4*MaxEvidenceText]
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	if len(text) <= MaxEvidenceText {
		return text
	}
	cut := MaxEvidenceText - len("...")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
