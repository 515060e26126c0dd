package report

import (
	"fmt"
	"strings"
	"time"
)

// Statuses that end a run, as the aspect has them.
const (
	Success   = "SUCCESS"
	Failure   = "FAILURE"
	Cancelled = "CANCELLED"
)

// verdicts are upstream's lines, by status; people search reports for them.
var verdicts = map[string]string{
	Success:   "Execution finished successfully!",
	Failure:   "Execution finished with errors.",
	Cancelled: "Execution was cancelled by request.",
}

// maxEventBytes bounds one event of a summary: an error that quotes a document
// must not crowd out the others.
const maxEventBytes = 16 << 10

// Event is one line about a run.
type Event struct {
	At   time.Time
	Text string
}

// Summary is the head of a report: what was done, how it ended and why.
type Summary struct {
	Task   string // RUN_INGEST
	ID     string // of the execution request
	Status string // Success, Failure or Cancelled
	// Infos is the course of the run, Errors what went wrong.
	Infos, Errors []Event
}

// String returns the summary in upstream's form: a title, the verdict and a
// dump as Python's pprint makes it.
func (s Summary) String() string {
	verdict, ok := verdicts[s.Status]
	if !ok {
		verdict = "Execution ended: " + s.Status + "."
	}
	var text strings.Builder
	fmt.Fprintf(&text, "~~~~ Execution Summary - %s ~~~~\n%s\n{'exec_id': %s,\n 'infos': [", s.Task, verdict, repr(s.ID))
	events(&text, "INFO", s.Infos, len(" 'infos': ["))
	text.WriteString("],\n 'errors': [")
	events(&text, "ERROR", s.Errors, len(" 'errors': ["))
	text.WriteString("]}\n")
	return text.String()
}

func events(text *strings.Builder, level string, events []Event, indent int) {
	for i, e := range events {
		if i > 0 {
			text.WriteString(",\n" + strings.Repeat(" ", indent))
		}
		line := e.Text
		if len(line) > maxEventBytes {
			line = strings.ToValidUTF8(line[:maxEventBytes], "") + " [...truncated]"
		}
		stamp := e.At.UTC().Format("2006-01-02 15:04:05.000000")
		pretty(text, stamp+" "+level+": "+line, indent)
	}
}

// masked returns the summary with the texts of its events masked: errors of
// libraries may quote what they were given.
func (s Summary) masked(mask func(string) string) Summary {
	s.Infos = maskEvents(s.Infos, mask)
	s.Errors = maskEvents(s.Errors, mask)
	return s
}

func maskEvents(events []Event, mask func(string) string) []Event {
	masked := make([]Event, len(events))
	for i, e := range events {
		masked[i] = Event{At: e.At, Text: mask(e.Text)}
	}
	return masked
}
