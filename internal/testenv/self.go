package testenv

import (
	"bytes"
	"debug/elf"
	"os"
	"testing"
)

// Self returns the test binary that runs, to be the only program of an image.
// Where it needs libraries, the test cannot run.
func Self(t testing.TB) []byte {
	t.Helper()
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.NewFile(bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	if file.Section(".interp") != nil {
		Missing(t, "the test binary needs libraries, which its image has not: build with CGO_ENABLED=0")
	}
	return own
}
