package report_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/report"
)

// Sizes in bytes: of the two largest reports here, of the others, and what a
// process may take that reads one.
const (
	hugeBytes  = 200_000_000
	largeBytes = 30_000_000
	mostMemory = 64 << 20
)

// envHuge names, in the process that is measured, the report that it reads.
const envHuge = "LOCKFORGE_TEST_HUGE_REPORT"

func TestMain(m *testing.M) {
	if path := os.Getenv(envHuge); path != "" {
		os.Exit(readHuge(path))
	}
	os.Exit(m.Run())
}

// readHuge does what an executor does with a report, as one process, and
// prints the peak of its memory in KiB.
func readHuge(path string) int {
	secrets := map[string]string{}
	for i := range 50 {
		secrets[fmt.Sprintf("SECRET_%d", i)] = fmt.Sprintf("password-number-%d", i)
	}
	m, err := mask.New(secrets)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	document, err := report.Read(path, m, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p := report.Parts{Summary: report.Summary{Task: "RUN_INGEST", ID: "1", Status: report.Success}, Structured: document, Mask: m}
	text, structured := p.Fit(report.DefaultBudget)
	if strings.Contains(text, "password-number") || strings.Contains(string(structured), "password-number") || !json.Valid(structured) {
		fmt.Println("the report is wrong")
		return 1
	}
	// Not rusage: that counts the memory of the process that started this one.
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(peak)[0], len(structured))
	return 0
}

// Each of these makes a document large in another place.
var hugeReports = map[string]func(w io.Writer) error{
	"list of texts":    fill(hugeBytes, `"warnings":[`, `{"message":"password-number-7 did not open table","context":["a","b"]}`, `]`),
	"one text":         fill(hugeBytes, `"text":"`, "a text that has no end, password-number-9", `"`),
	"list of numbers":  fill(largeBytes, `"samples":[`, `123456789`, `]`),
	"members":          fill(largeBytes, `"tables":{`, `"database.schema.table":{"rows":7}`, `}`),
	"nested lists":     fill(largeBytes, `"deep":[`, strings.Repeat("[", 50)+`"x"`+strings.Repeat("]", 50), `]`),
	"a lot of escapes": fill(largeBytes, `"escaped":[`, `"`+strings.Repeat(`\u00e9\\`, 40)+`"`, `]`),
}

// fill repeats an item between open and end, comma-separated, up to size bytes.
func fill(size int, open, item, end string) func(io.Writer) error {
	return func(w io.Writer) error {
		block := []byte(strings.Repeat(item+",", 1<<20/len(item)))
		_, err := io.WriteString(w, open)
		for n := 0; n < size && err == nil; n += len(block) {
			_, err = w.Write(block)
		}
		if err == nil {
			_, err = io.WriteString(w, item+end)
		}
		return err
	}
}

func TestReadOfHugeReportsIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads reports of 200 MB")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range hugeReports {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "report.json")
			writeHuge(t, path, body)
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), envHuge+"="+path)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			peak, size, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			kib, err := strconv.Atoi(peak)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("peak %d MiB, structured report of %s bytes", kib>>10, size)
			if kib<<10 > mostMemory {
				t.Errorf("the process took %d KiB, of at most %d", kib, mostMemory>>10)
			}
		})
	}
}

func writeHuge(t *testing.T, path string, body func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = io.WriteString(w, `{"cli":{"cli_version":"1"},"source":{"type":"x","report":{`)
	if err := body(w); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, `}}}`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
