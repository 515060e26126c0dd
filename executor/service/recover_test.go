package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/journal"
)

// TestLeft counts runs by how far they got, and names damage once.
func TestLeft(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	for id, states := range map[string][]journal.State{
		"waits":     {journal.Accepted},
		"waits too": {journal.Accepted},
		"begun":     {journal.Accepted, journal.Starting},
		"runs":      {journal.Accepted, journal.Starting, journal.Started},
		"ended":     {journal.Accepted, journal.Starting, journal.Started, journal.Ended},
		"delivered": {journal.Accepted, journal.Starting, journal.Ended, journal.Delivered},
	} {
		for _, state := range states {
			must(t, j.Append(journal.Record{ID: strings.ReplaceAll(id, " ", "-"), State: state}))
		}
	}
	s := &Service{journal: j}
	want := audit.Recovered{Requeued: 2, Orphans: 2, Ended: 1}
	if diff := cmp.Diff(want, s.left()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, j.Close())

	tear(t, filepath.Join(dir, "journal"))
	trail := filepath.Join(t.TempDir(), "audit")
	tamper(t, trail)
	log, err := audit.Open(trail, audit.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, log.Close()) })
	s = &Service{journal: openJournal(t, dir), trail: log}
	got := s.left()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(want, "Reason")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, part := range []string{"journal: unfinished record at offset", "; audit trail: "} {
		if strings.Count(got.Reason, part) != 1 {
			t.Errorf("reason %q has not one %q", got.Reason, part)
		}
	}
}

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	return j
}

// tear appends the beginning of a record.
func tear(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("0000")
	must(t, err)
	must(t, f.Close())
}

// tamper makes a trail whose first record was changed.
func tamper(t *testing.T, dir string) {
	t.Helper()
	log, err := audit.Open(dir, audit.Options{})
	must(t, err)
	must(t, log.Record(audit.Drain("before", 0)))
	must(t, log.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	text, err := os.ReadFile(files[0])
	must(t, err)
	must(t, os.WriteFile(files[0], []byte(strings.Replace(string(text), "before", "behind", 1)), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
