package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockforge/lockforge/builder/probe"
)

// column is one image.
type column struct {
	name   string
	report *probe.Report
}

// comparison is images that were put to the same probes.
type comparison struct{ columns []column }

// merge checks that all columns answer the same probes, in the same order.
func merge(columns []column) (*comparison, error) {
	if len(columns) < 2 {
		return nil, fmt.Errorf("comparing %d images", len(columns))
	}
	first := columns[0]
	if len(first.report.Results) == 0 {
		return nil, fmt.Errorf("comparing images: %s has no results", first.name)
	}
	same := func(a, b probe.Result) bool { return a.Probe == b.Probe }
	for _, c := range columns[1:] {
		if !slices.EqualFunc(c.report.Results, first.report.Results, same) {
			return nil, fmt.Errorf("comparing images: %s and %s were put to different probes", first.name, c.name)
		}
	}
	return &comparison{columns}, nil
}

// demand reports which probes should have failed and did not. A column or a
// probe that is not there is an error as well.
func (c *comparison) demand(broken map[string][]string) error {
	var problems []error
	for name, ids := range broken {
		at := slices.IndexFunc(c.columns, func(c column) bool { return c.name == name })
		if at < 0 {
			problems = append(problems, fmt.Errorf("expecting failures of %q: no such column", name))
			continue
		}
		for _, id := range ids {
			results := c.columns[at].report.Results
			n := slices.IndexFunc(results, func(r probe.Result) bool { return r.ID == id })
			switch {
			case n < 0:
				problems = append(problems, fmt.Errorf("expecting %s to fail for %s: no such probe", id, name))
			case results[n].Outcome != probe.Fail:
				problems = append(problems, fmt.Errorf("expecting %s to fail for %s: %s", id, name, results[n].Outcome))
			}
		}
	}
	return errors.Join(problems...)
}

// tiers says in words what holds a probe of a tier back.
var tiers = map[probe.Tier]string{
	probe.Image:    "I: the image alone",
	probe.Runtime:  "R: the reference runtime profile",
	probe.Executor: "X: the executor",
	probe.Detected: "D: detected",
}

// markdown returns the whole page.
func (c *comparison) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n## Scores\n\n")
	b.WriteString(c.scores())
	b.WriteString("\n## Probe by probe\n\nIn parentheses: how much was found.\n\n")
	b.WriteString(c.probes())
	b.WriteString("\n## What was found\n\nThe first of what each image was caught with.\n\n")
	b.WriteString(c.findings())
	if skipped := c.skipped(); skipped != "" {
		b.WriteString("\n## What was not run\n\n" + skipped)
	}
	return b.String()
}

// scores gives a row per tier. The same probes have the same tiers, so that
// the first column's are everybody's.
func (c *comparison) scores() string {
	rows := [][]string{append([]string{"tier"}, c.names()...)}
	for n, first := range c.columns[0].report.Scores {
		row := []string{tiers[first.Tier]}
		for _, column := range c.columns {
			s := column.report.Scores[n]
			cell := fmt.Sprintf("%d of %d, %d %%", s.Passed, s.Total, s.Percent)
			if s.NotRun > 0 {
				cell += fmt.Sprintf(" (%d not run)", s.NotRun)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (c *comparison) probes() string {
	rows := [][]string{append([]string{"probe", "tier", "what must hold"}, c.names()...)}
	for n, p := range c.columns[0].report.Results {
		row := []string{"[" + p.ID + "](" + strings.TrimPrefix(p.Page(), "docs/") + ")", string(p.Tier), p.Title}
		for _, column := range c.columns {
			row = append(row, outcome(column.report.Results[n]))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func outcome(r probe.Result) string {
	switch r.Outcome {
	case probe.Pass:
		return "holds"
	case probe.Fail:
		return fmt.Sprintf("**broken** (%d)", r.Found)
	default:
		return "not run"
	}
}

func (c *comparison) findings() string {
	var b strings.Builder
	for n, p := range c.columns[0].report.Results {
		var lines []string
		for _, column := range c.columns {
			if r := column.report.Results[n]; r.Outcome == probe.Fail {
				lines = append(lines, fmt.Sprintf("  - %s: %s\n", column.name, found(r)))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(&b, "- %s\n%s", p.ID, strings.Join(lines, ""))
		}
	}
	return b.String()
}

// instant is a time as RFC 3339 has it.
var instant = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)

// found says in one line why a probe failed. The digests of layers, and the
// times at which a peer was built, change with each build, and are left out.
func found(r probe.Result) string {
	e := r.Evidence[0]
	e.Layer = ""
	text := literal(instant.ReplaceAllString(e.String(), "…"))
	if r.Found > 1 {
		text += fmt.Sprintf(" and %d more", r.Found-1)
	}
	return text
}

// skipped lists, image by image, the reasons for which probes were not run, in
// the order of the first probe of each.
func (c *comparison) skipped() string {
	var b strings.Builder
	for _, column := range c.columns {
		var reasons []string
		ids := map[string][]string{}
		for _, r := range column.report.Results {
			if r.Outcome != probe.NotRun {
				continue
			}
			if ids[r.Reason] == nil {
				reasons = append(reasons, r.Reason)
			}
			ids[r.Reason] = append(ids[r.Reason], r.ID)
		}
		for _, reason := range reasons {
			fmt.Fprintf(&b, "- %s: %s: %s\n", column.name, literal(reason), strings.Join(ids[reason], ", "))
		}
	}
	return b.String()
}

// literal keeps text of an image from being read as Markdown.
func literal(text string) string { return "`" + strings.ReplaceAll(text, "`", "'") + "`" }

func (c *comparison) names() []string {
	var names []string
	for _, column := range c.columns {
		names = append(names, column.name)
	}
	return names
}

// table lays rows out as a Markdown table whose columns line up in a terminal.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for n, cell := range row {
			widths[n] = max(widths[n], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for m, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[m]-utf8.RuneCountInString(cell)+1))
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, width := range widths {
				b.WriteString("|" + strings.Repeat("-", width+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
