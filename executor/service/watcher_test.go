package service

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/worker"
)

// TestEndInTheTrail looks for the names of secrets, whatever is in them, and
// for the kinds of a refusal.
func TestEndInTheTrail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	trail, err := audit.Open(dir, audit.Options{})
	must(t, err)
	w := newWatcher(&Service{trail: trail})
	must(t, w.audit(worker.Audit{
		Event: worker.AuditEnded, ID: "run", Facts: map[string]string{"status": "FAILURE", "reason": "why", "ms": "7"},
		Secrets: map[string]string{"A": "aws-sm", "B,C@x": "file"}, Refused: []string{"recipe", "version"},
	}))
	must(t, trail.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	text, err := os.ReadFile(files[0])
	must(t, err)
	got := map[audit.Kind]audit.Detail{}
	for line := range bytes.Lines(text) {
		var record struct {
			Kind   audit.Kind   `json:"kind"`
			Detail audit.Detail `json:"detail"`
		}
		must(t, json.Unmarshal(line, &record))
		got[record.Kind] = record.Detail
	}
	want := map[audit.Kind]audit.Detail{
		audit.KindSecretResolved: {Secrets: []audit.Secret{{Name: "A", Store: "aws-sm"}, {Name: "B,C@x", Store: "file"}}},
		audit.KindTaskRefused:    {Rules: []string{"recipe", "version"}, Reason: "why"},
		audit.KindTaskEnded:      {Status: "FAILURE", Reason: "why", Millis: 7, Facts: map[string]string{"status": "FAILURE", "reason": "why", "ms": "7"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
