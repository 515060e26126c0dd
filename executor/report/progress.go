package report

import (
	"fmt"
	"time"
)

// Silence is how long a run may write nothing before its progress says so: two
// minutes, as upstream has it.
const Silence = 2 * time.Minute

// Progress returns the text of a run that goes on, in at most budget bytes of
// the encoded proposal with [Overhead]: the logs so far and, where the last
// line is older than Silence, for how long nothing came.
func Progress(logs func(limit int) string, silent time.Duration, budget int) string {
	note := ""
	if silent >= Silence {
		note = fmt.Sprintf("WARNING: nothing was written for %s.\n", silent.Truncate(time.Second))
	}
	left := max(budget-Overhead, 0)
	text := fitLogs(logs, max(left-EncodedSize(note), 0))
	if text == "" {
		text = "No logs yet\n"
	}
	return cut(text+note, left)
}
