package ingestion_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/worker"
)

// logsOf makes logs of runs that ended so many hours ago, of a kilobyte each.
func logsOf(t *testing.T, dir string, now time.Time, hours map[string]int) {
	t.Helper()
	for id, ago := range hours {
		run := filepath.Join(dir, id)
		must(t, os.MkdirAll(filepath.Join(run, "executor-logs"), 0o700))
		must(t, os.WriteFile(filepath.Join(run, "executor-logs", "log"), make([]byte, 1000), 0o600))
		at := now.Add(-time.Duration(ago) * time.Hour)
		for _, path := range []string{"executor-logs/log", "executor-logs", "."} {
			must(t, os.Chtimes(filepath.Join(run, path), at, at))
		}
	}
}

func TestCollectTakesTheOldestFirst(t *testing.T) {
	all := map[string]int{"a": 100, "b": 50, "c": 10, "d": 2, "e": 0, "not a run": 1000}
	for name, tc := range map[string]struct {
		logs ingestion.Logs
		left []string
	}{
		"no bounds":        {ingestion.Logs{}, []string{"a", "b", "c", "d", "e", "not a run"}},
		"age":              {ingestion.Logs{Keep: 48 * time.Hour}, []string{"c", "d", "e", "not a run"}},
		"size":             {ingestion.Logs{MaxBytes: 2500}, []string{"d", "e", "not a run"}},
		"both":             {ingestion.Logs{Keep: 80 * time.Hour, MaxBytes: 3000}, []string{"c", "d", "e", "not a run"}},
		"what is in use":   {ingestion.Logs{MaxBytes: 1, Settled: time.Hour}, []string{"e", "not a run"}},
		"nothing to spare": {ingestion.Logs{MaxBytes: 1}, []string{"not a run"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, "true")
			now := time.Now()
			tc.logs.Dir = f.options.Logs.Dir
			f.options.Logs = tc.logs
			f.options.Now = func() time.Time { return now }
			logsOf(t, tc.logs.Dir, now, all)
			c, err := f.runner().Collect()
			if err != nil || c.Runs != len(all)-len(tc.left) || c.Bytes != int64(c.Runs)*1000 {
				t.Errorf("%+v, %v", c, err)
			}
			entries, err := os.ReadDir(tc.logs.Dir)
			must(t, err)
			var left []string
			for _, e := range entries {
				left = append(left, e.Name())
			}
			slices.Sort(left)
			if diff := cmp.Diff(tc.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCollectLeavesARunThatGoesOn(t *testing.T) {
	f := newFixture(t, `while [ ! -e $DIR/go ]; do :; done`)
	f.options.Logs.MaxBytes = 1
	r, s := f.runner(), &sink{started: make(chan struct{})}
	ended := make(chan worker.Outcome)
	go func() { ended <- r.Prepare(ingest("a"))(t.Context(), s) }()
	<-s.started
	if c, err := r.Collect(); err != nil || c.Runs != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	must(t, os.WriteFile(f.dir+"/go", nil, 0o600))
	<-ended
	if c, err := r.Collect(); err != nil || c.Runs != 1 {
		t.Errorf("after its end: %+v, %v", c, err)
	}
}
