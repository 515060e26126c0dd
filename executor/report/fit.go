package report

import (
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/executor/mask"
)

// Titles of the sections, as upstream has them.
const (
	titleReport = "\n~~~~ Ingestion Report ~~~~\n"
	titleLogs   = "\n~~~~ Ingestion Logs ~~~~\n"
)

// Parts are what a report is made of.
type Parts struct {
	Summary    Summary
	Structured Document // of Read; the zero value is none
	// Logs returns the masked log in at most limit bytes: logs.Log.Report.
	// nil is an empty log.
	Logs func(limit int) string
	// Mask masks the summary and, once more, the structured report. It must
	// not be nil: one without secrets is mask.New(nil).
	Mask *mask.Masker
}

// leastLogs is the share of the budget that the structured report leaves for
// the logs; leastLogs of 4 is a quarter.
const leastLogs = 4

// Fit returns the text of the report and the structured report, nil for none,
// that take at most budget bytes of the encoded proposal, [Overhead] included.
// It always has at least the beginning of the summary.
func (p Parts) Fit(budget int) (text string, structured []byte) {
	budget = max(budget-Overhead, 0)
	head := p.Summary.masked(p.Mask.String).String()
	if room := budget / 2; EncodedSize(head) > room {
		head = cut(head, max(room-EncodedSize(cutMark), 0)) + cutMark + "\n"
		head = cut(head, budget)
	}
	left := budget - EncodedSize(head) - EncodedSize(titleLogs) - 1

	document, note := p.structured(left)
	left -= EncodedSize(note) + EncodedSize(string(document.JSON))
	log := p.log(left)
	left -= EncodedSize(log)

	var out strings.Builder
	out.WriteString(note)
	out.WriteString(head)
	out.WriteString(prettySection(document.JSON, left))
	out.WriteString(titleLogs)
	out.WriteString(log)
	out.WriteString("\n")
	return cut(out.String(), budget), document.JSON
}

// structured returns the structured report, as much of it as fits, and a line
// about what it lacks.
func (p Parts) structured(budget int) (Document, string) {
	whole := p.Structured
	if len(whole.JSON) == 0 {
		return Document{}, ""
	}
	logs := EncodedSize(p.log(budget / leastLogs))
	document, ok := whole.fit(p.Mask, budget-logs-noteBytes)
	switch {
	case !ok:
		return Document{}, fmt.Sprintf("WARNING: the structured report of %d bytes is too large for the server and was left out.\n", whole.Size)
	case document.Left.Any():
		return document, fmt.Sprintf("WARNING: the structured report of %d bytes was shortened: %s.\n", whole.Size, document.Left)
	default:
		return document, ""
	}
}

// noteBytes is more than any line of structured costs.
const noteBytes = 256

// log returns the log in at most budget bytes of the encoded proposal.
func (p Parts) log(budget int) string {
	if p.Logs == nil || budget <= 0 {
		return ""
	}
	return fitLogs(p.Logs, budget)
}

// fitLogs asks for fewer bytes until what it gets is cheap enough.
func fitLogs(logs func(limit int) string, budget int) string {
	limit := budget
	for range 4 {
		text := logs(limit)
		cost := EncodedSize(text)
		if cost <= budget {
			return text
		}
		limit = int(int64(len(text)) * int64(budget) / int64(cost) * 15 / 16)
	}
	return cut(logs(limit), budget)
}
