package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/report"
)

// encoded returns how long text is in a proposal made by an encoder that leaves
// nothing but ASCII, as Python's is.
func encoded(t testing.TB, text string) int {
	t.Helper()
	once := asciiJSON(t, text)
	return len(asciiJSON(t, once)) - len(`"\"\""`)
}

func asciiJSON(t testing.TB, text string) string {
	t.Helper()
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		t.Fatal(err)
	}
	var ascii strings.Builder
	for _, r := range strings.TrimSuffix(out.String(), "\n") {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		default:
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		}
	}
	return ascii.String()
}

func TestEncodedSizeIsThatOfAnASCIIEncoder(t *testing.T) {
	for _, text := range []string{"", "plain", `"quoted" and \`, "a\nb\tc\rd\be\f", "\x00\x1f", "é✅", "😀", "� broken"} {
		if got, want := report.EncodedSize(text), encoded(t, text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	if got, want := report.EncodedSize("\xff"), len(`\\ufffd`); got != want {
		t.Errorf("broken text: got %d, want %d", got, want)
	}
	if got, want := report.EncodedSize("<&>"), len(`\\u003c\\u0026\\u003e`); got != want {
		t.Errorf("HTML: got %d, want %d", got, want)
	}
}

func lines(text string, n int) func(int) string {
	return func(limit int) string {
		all := strings.Repeat(text+"\n", n)
		return all[max(0, len(all)-limit):]
	}
}

func summary() report.Summary {
	at := time.Date(2026, 11, 22, 0, 18, 1, 619115000, time.UTC)
	return report.Summary{Task: "RUN_INGEST", ID: "run-1", Status: report.Failure, Errors: []report.Event{{At: at, Text: "connector failed, password hunter22"}}}
}

func TestFitHasAllPartsWhereTheyFit(t *testing.T) {
	m := masker(t, map[string]string{"PW": "hunter22"})
	p := report.Parts{Summary: summary(), Structured: report.Document{JSON: []byte(`{"cli":{"a":1}}`)}, Logs: lines("line", 2), Mask: m}
	text, structured := p.Fit(report.DefaultBudget)
	want := `~~~~ Execution Summary - RUN_INGEST ~~~~
Execution finished with errors.
{'exec_id': 'run-1',
 'infos': [],
 'errors': ['2026-11-22 00:18:01.619115 ERROR: connector failed, password ***REDACTED:PW***']}

~~~~ Ingestion Report ~~~~
{
  "cli": {
    "a": 1
  }
}

~~~~ Ingestion Logs ~~~~
line
line

`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if string(structured) != `{"cli":{"a":1}}` {
		t.Errorf("structured: %s", structured)
	}
}

func TestFitStaysWithinEveryBudget(t *testing.T) {
	m := masker(t, nil)
	var warnings []string
	for i := range 2000 {
		warnings = append(warnings, fmt.Sprintf("table \"t%d\" was left out: é✅😀 <x> \\", i))
	}
	document, err := json.Marshal(map[string]any{"source": map[string]any{"type": "mysql", "report": map[string]any{"warnings": warnings}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, logs := range []func(int) string{nil, lines("plain text", 10), lines("plain text", 100_000), lines("\"é✅😀\"\\<>&\x00", 100_000)} {
		for budget := 0; budget < 16<<20; budget = budget*7/4 + 100 {
			p := report.Parts{Summary: summary(), Structured: report.Document{JSON: document}, Logs: logs, Mask: m}
			text, structured := p.Fit(budget)
			if got := encoded(t, text) + encoded(t, string(structured)); got > max(budget-report.Overhead, 0) {
				t.Fatalf("budget %d: got %d", budget, got)
			}
			if budget > 3<<10 && !strings.Contains(text, "Execution finished with errors.") {
				t.Fatalf("budget %d: no verdict in %q", budget, text)
			}
			if len(structured) > 0 && !json.Valid(structured) {
				t.Fatalf("budget %d: structured report is broken", budget)
			}
			if len(structured) == 0 && budget > 16<<10 {
				t.Fatalf("budget %d: the structured report could have been shortened", budget)
			}
			if len(structured) < len(document) && budget > 4<<10 && !strings.HasPrefix(text, "WARNING: the structured report of ") {
				t.Fatalf("budget %d: nothing tells of the shorter report: %.300q", budget, text)
			}
		}
	}
}

func TestFitIndentsAsUpstreamDoes(t *testing.T) {
	for _, compact := range []string{`{}`, `[]`, `7`, `"a\"b{,:"`, `{"a":{},"b":[],"c":[1,-2.5,[true,null]],"d":{"e":"\\"}}`} {
		var want bytes.Buffer
		if err := json.Indent(&want, []byte(compact), "", "  "); err != nil {
			t.Fatal(err)
		}
		p := report.Parts{Structured: report.Document{JSON: []byte(compact)}, Mask: masker(t, nil)}
		text, _ := p.Fit(report.DefaultBudget)
		_, section, _ := strings.Cut(text, "~~~~ Ingestion Report ~~~~\n")
		got, _, _ := strings.Cut(section, "\n\n~~~~")
		if diff := cmp.Diff(want.String(), got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", compact, diff)
		}
	}
}

// What Fit returns stays within the budget as the client really sends it.
func TestFitCountsWhatTheClientSends(t *testing.T) {
	m := masker(t, nil)
	document := []byte(`{"text":"` + strings.Repeat(`é✅😀 \"<&>\\ `, 5000) + `"}`)
	for _, budget := range []int{8 << 10, 64 << 10, 512 << 10, 4 << 20} {
		p := report.Parts{
			Summary: summary(), Structured: report.Document{JSON: document}, Mask: m,
			Logs: lines("\"é✅😀\"\\<&>\x00\x7f\t\u2028", 100_000),
		}
		text, structured := p.Fit(budget)
		value, err := json.Marshal(map[string]any{
			"status": report.Failure, "report": text, "startTimeMs": time.Now().UnixMilli(), "durationMs": 1 << 40,
			"structuredReport": map[string]string{"type": "RUN_INGEST", "serializedValue": string(structured), "contentType": "application/json"},
		})
		if err != nil {
			t.Fatal(err)
		}
		body, err := gms.RunProposal("00000000-0000-4000-8000-000000000001", gms.ResultAspect, value).Encode(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > budget || len(body) < budget/2 {
			t.Errorf("budget %d: the body has %d bytes", budget, len(body))
		}
	}
}
