package executor

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestScratchDirIsOnlyEverItsUsersOwn(t *testing.T) {
	for name, tc := range map[string]struct {
		before func(dir string) error
		ok     bool
	}{
		"not there":          {func(string) error { return nil }, true},
		"there already":      {func(dir string) error { return os.Mkdir(dir, 0o700) }, true},
		"a link":             {func(dir string) error { return os.Symlink(t.TempDir(), dir) }, false},
		"a file":             {func(dir string) error { return os.WriteFile(dir, nil, 0o700) }, false},
		"open to others":     {func(dir string) error { return os.Mkdir(dir, 0o755) }, false},
		"no place for temps": {func(dir string) error { return os.Remove(filepath.Dir(dir)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			temp := filepath.Join(t.TempDir(), "tmp")
			if err := os.Mkdir(temp, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", temp)
			dir := filepath.Join(temp, "executor-runs-"+strconv.Itoa(os.Geteuid()))
			if err := tc.before(dir); err != nil {
				t.Fatal(err)
			}
			got, err := scratchDir()
			if (err == nil) != tc.ok || tc.ok && got != dir {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
