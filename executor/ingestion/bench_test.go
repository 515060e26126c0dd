package ingestion_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/worker"
)

// BenchmarkNoOp compares a file-to-file ingestion through a Runner with the
// same one by hand, taking turns. ratio is that of the medians, least-ratio
// that of the fastest: on a busy machine it says more.
func BenchmarkNoOp(b *testing.B) {
	f := real(b)
	f.options.Echo = nil
	r := f.runner()
	text := f.fileRecipe(`, "sink": {"type": "file", "config": {"filename": "` + filepath.Join(f.dir, "out.json") + `"}}`)
	byHand := func() {
		cmd := exec.Command(filepath.Join(f.root, "file-bundled/bin/python"), "-I", filepath.Join(f.root, "file-bundled/bin/datahub"),
			"ingest", "run", "-c", "-", "--report-to", filepath.Join(f.dir, "report.json"))
		cmd.Dir, cmd.Stdin = f.dir, strings.NewReader(text)
		cmd.Env = []string{"HOME=" + f.dir, "TMPDIR=" + f.dir, "LANG=C.UTF-8", "DATAHUB_TELEMETRY_ENABLED=false", "PYTHONDONTWRITEBYTECODE=1"}
		log, err := os.Create(filepath.Join(f.dir, "log"))
		must(b, err)
		cmd.Stdout, cmd.Stderr = log, log
		must(b, cmd.Run())
		must(b, log.Close())
	}
	through := func() {
		if o := r.Prepare(ingest("a", "recipe", text))(b.Context(), &sink{}); o.Status != worker.StatusSuccess {
			b.Fatal(o.Reason)
		}
	}
	var hand, ours []time.Duration
	var handCPU, oursCPU time.Duration
	byHand()
	for b.Loop() {
		before := cpu(b)
		hand = append(hand, timed(byHand))
		between := cpu(b)
		ours = append(ours, timed(through))
		handCPU, oursCPU = handCPU+between-before, oursCPU+cpu(b)-between
	}
	b.ReportMetric(oursCPU.Seconds()/handCPU.Seconds(), "cpu-ratio")
	b.ReportMetric(median(ours).Seconds()/median(hand).Seconds(), "ratio")
	b.ReportMetric(ours[0].Seconds()/hand[0].Seconds(), "least-ratio")
	b.ReportMetric(hand[0].Seconds(), "by-hand-s")
	b.ReportMetric(ours[0].Seconds(), "runner-s")
}

// cpu is the processor time of this process and all that it waited for.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		must(b, syscall.Getrusage(who, &usage))
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return total
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkDispatch is the cost of a run around a child that does nothing,
// which a shell starts.
func BenchmarkDispatch(b *testing.B) {
	f := newFixture(b, "exit 0")
	f.options.Logs.Dir = ""
	r := f.runner()
	bare := func() {
		cmd := exec.Command(filepath.Join(f.root, "mysql-bundled/bin/python"), "-I", filepath.Join(f.root, "mysql-bundled/bin/datahub"))
		must(b, cmd.Run())
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		theirs = append(theirs, timed(bare))
		ours = append(ours, timed(func() { r.Prepare(ingest("a"))(b.Context(), &sink{}) }))
	}
	b.ReportMetric(float64(median(ours)-median(theirs))/1e6, "over-bare-p50-ms")
	b.ReportMetric(float64(ours[len(ours)*99/100]-median(theirs))/1e6, "over-bare-p99-ms")
}
