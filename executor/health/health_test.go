package health_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/executor/health"
)

func TestTake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heartbeat")
	if err := health.Take(file); err == nil {
		t.Error("a worker without a heartbeat is healthy")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := health.Take(file); err != nil {
		t.Errorf("a fresh heartbeat: %v", err)
	}
	if err := health.Take(file); err == nil {
		t.Error("the same heartbeat counted twice")
	}
	if err := os.Symlink("/etc/passwd", file); err != nil {
		t.Fatal(err)
	}
	if err := health.Take(file); err == nil {
		t.Error("a link passed for a heartbeat")
	}
}
