package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// ModuleRoot is the directory of go.mod: tests run in that of their package.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
	}
	t.Fatalf("no go.mod above the test's directory (%v)", err)
	return ""
}
