package check

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// marks begin the lines of the text form.
var marks = map[Status]string{OK: "ok  ", Warning: "warn", Failed: "FAIL", Skipped: "skip"}

// Text writes one block per check and a line that sums up.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	counts := map[Status]int{}
	for _, result := range r.Results {
		counts[result.Status]++
		fmt.Fprintf(&b, "%s  %s\n", marks[result.Status], result.Name)
		for _, note := range result.Notes {
			fmt.Fprintf(&b, "      %s\n", indented(note))
		}
		for _, problem := range slices.Concat(result.Failures, result.Warnings) {
			fmt.Fprintf(&b, "      %s\n", indented(problem.What))
			if problem.Fix != "" {
				fmt.Fprintf(&b, "        fix: %s\n", indented(problem.Fix))
			}
		}
	}
	fmt.Fprintf(&b, "%d checks: %d ok, %d with warnings, %d failed, %d skipped\n",
		len(r.Results), counts[OK], counts[Warning], counts[Failed], counts[Skipped])
	_, err := io.WriteString(w, b.String())
	return err
}

func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Report
		ExitCode int `json:"exitCode"`
	}{r, r.ExitCode()})
}

// Masked returns the report with every text changed by mask: errors of
// libraries may quote what they were given.
func (r Report) Masked(mask func(string) string) Report {
	masked := Report{Results: slices.Clone(r.Results)}
	for i, result := range masked.Results {
		masked.Results[i].Findings = Findings{
			Notes:    slices.Clone(result.Notes),
			Warnings: maskAll(result.Warnings, mask),
			Failures: maskAll(result.Failures, mask),
		}
		for j, note := range result.Notes {
			masked.Results[i].Notes[j] = mask(note)
		}
	}
	return masked
}

func maskAll(problems []Problem, mask func(string) string) []Problem {
	masked := slices.Clone(problems)
	for i := range masked {
		masked[i].What, masked[i].Fix = mask(masked[i].What), mask(masked[i].Fix)
	}
	return masked
}
