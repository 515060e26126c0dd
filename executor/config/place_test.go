package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFirstUsable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		dirs []string
		want int
	}{
		"the first is there":            {[]string{dir, "/nowhere"}, 0},
		"the first can be made":         {[]string{filepath.Join(dir, "a/b"), dir}, 0},
		"a file is in the way":          {[]string{filepath.Join(file, "a"), dir}, 1},
		"none is usable: the usual one": {[]string{file, file + "/a"}, 0},
	} {
		if got := firstUsable(tc.dirs...); got != tc.dirs[tc.want] {
			t.Errorf("%s: %s", name, got)
		}
	}
}
