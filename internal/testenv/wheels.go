package testenv

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// interpreterTag finds the Python that a wheel with compiled code is for:
// "cp311-cp311", but not the "cp36-abi3" that later ones load as well.
var interpreterTag = regexp.MustCompile(`-cp3([0-9]+)-cp3[0-9]+-`)

// Wheels lists the wheels of the folder $LOCKFORGE_WHEELS, which is the result
// of one resolution, with the minor version of Python they are for ("3.11").
func Wheels(t testing.TB) (files []string, python string) {
	t.Helper()
	dir := os.Getenv("LOCKFORGE_WHEELS")
	if dir == "" {
		Missing(t, "LOCKFORGE_WHEELS names no folder of wheels")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no wheels in %s: %v", dir, err)
	}
	for _, file := range files {
		if tag := interpreterTag.FindStringSubmatch(filepath.Base(file)); tag != nil {
			return files, "3." + tag[1]
		}
	}
	t.Fatalf("no wheel in %s says which Python it is for", dir)
	return nil, ""
}
