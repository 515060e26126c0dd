package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/report"
)

// The files have dumps as upstream makes them, with pprint.pformat(d, width=150,
// sort_dicts=False), and d as JSON.
func TestSummaryHasUpstreamsForm(t *testing.T) {
	for file, status := range map[string]string{"success": report.Success, "failure": report.Failure, "cancelled": report.Cancelled} {
		want, err := os.ReadFile(filepath.Join("testdata", file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join("testdata", file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var dumped struct {
			ID    string   `json:"exec_id"`
			Infos []string `json:"infos"`
		}
		if err := json.Unmarshal(content, &dumped); err != nil {
			t.Fatal(err)
		}
		s := report.Summary{Task: "RUN_INGEST", ID: dumped.ID, Status: status}
		for _, info := range dumped.Infos {
			stamp, text, _ := strings.Cut(info, " INFO: ")
			at, err := time.Parse("2006-01-02 15:04:05.000000", stamp)
			if err != nil {
				t.Fatal(err)
			}
			s.Infos = append(s.Infos, report.Event{At: at, Text: text})
		}
		if diff := cmp.Diff(string(want), s.String()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}
}

func TestSummaryIsSafeWithAnyText(t *testing.T) {
	s := report.Summary{Task: "RUN_INGEST", ID: "it's \"quoted\"", Status: "ABORTED", Errors: []report.Event{
		{Text: "NUL \x00 tab \t escape \x1b[31m broken \xff wide 😀 separator \u2028\r"},
		{Text: strings.Repeat("x", 1<<20)},
	}}
	got := s.String()
	for _, want := range []string{
		"Execution ended: ABORTED.\n",
		`{'exec_id': 'it\'s "quoted"',`,
		`ERROR: NUL \x00 tab \t escape \x1b[31m broken � wide 😀 separator \u2028\r'`,
		"[...truncated]'",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%.2000s", want, got)
		}
	}
	if len(got) > 20<<10 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestProgressFitsAndTellsOfSilence(t *testing.T) {
	none := func(int) string { return "" }
	for _, tc := range []struct {
		logs   func(int) string
		silent time.Duration
		want   string
	}{
		{none, 0, "No logs yet\n"},
		{none, 130*time.Second + time.Millisecond, "No logs yet\nWARNING: nothing was written for 2m10s.\n"},
		{lines("a", 2), time.Minute, "a\na\n"},
		{lines("a", 2), 2 * time.Minute, "a\na\nWARNING: nothing was written for 2m0s.\n"},
	} {
		if diff := cmp.Diff(tc.want, report.Progress(tc.logs, tc.silent, report.DefaultBudget)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	const budget = 100_000
	text := report.Progress(lines("é😀", 100_000), report.Silence, budget)
	if got := encoded(t, text); got > budget-report.Overhead || got < budget/2 {
		t.Errorf("%d bytes of %d", got, budget)
	}
}
