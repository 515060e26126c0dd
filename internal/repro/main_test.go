package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

func TestThereAreTwentyVariations(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--list"}, &out, &errs); code != 0 || strings.Count(out.String(), "\n") != 20 {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
	names := map[string]bool{}
	for _, v := range variations {
		if names[v.name] {
			t.Errorf("two variations are called %s", v.name)
		}
		names[v.name] = true
	}
	if code := run(t.Context(), []string{"--only", "cold,nonsense"}, &out, &errs); code != 2 {
		t.Errorf("a variation that there is not: exit code %d", code)
	}
}

// fake stands for lockforge. Its image depends on the time zone, its lock on
// the seed.
const fake = `#!/bin/sh
case $1 in
lock) echo "seed $PYTHONHASHSEED" >m.yaml.lock ;;
fetch) mkdir -p "$(dirname "$0")/reference/cache/blobs/sha256" ;;
build) echo "sha256:${TZ:-same}" ;;
diff)
  case $2 in
  oci:*) echo '[{"op":"changed","what":"layer","layer":"3 (python)","field":"digest","from":"a","to":"b"},
    {"op":"changed","what":"entry","layer":"3 (python)","name":"usr/x","field":"mtime","from":"1","to":"2"}]' ;;
  *) echo 'changed package x' ;;
  esac ;;
esac
`

// What differs fails, and the first difference is named.
func TestDifferencesAreShown(t *testing.T) {
	t.Setenv("TZ", "")
	t.Setenv("REQUIRE_ALL", "")
	dir := t.TempDir()
	program := filepath.Join(dir, "lockforge")
	if err := os.WriteFile(program, []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m := &matrix{program: program, source: dir, work: dir, out: &out}
	selected, err := choose("fetched,time-zone,hash-seed,rebuilt")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.run(t.Context(), selected); err == nil {
		t.Error("differences are no error")
	}
	for _, want := range []string{
		"first difference: layer 3 (python): changed usr/x mtime 1 -> 2\n", "another lock: changed package x",
		"not run: the source is no git checkout\n", "1 of 4 variations gave sha256:same, 2 did not, 1 not run",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestThreeVariations tries those that say most in little time.
func TestThreeVariations(t *testing.T) {
	if os.Getenv("LOCKFORGE_LIVE") == "" && os.Getenv("REQUIRE_ALL") != "1" {
		testenv.Missing(t, "LOCKFORGE_LIVE is not set: nothing is locked and built")
	}
	if os.Geteuid() != 0 {
		testenv.Missing(t, "building needs root")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		testenv.Missing(t, "runc is not installed")
	}
	program := os.Getenv("LOCKFORGE_PROGRAM")
	if program == "" {
		testenv.Missing(t, "LOCKFORGE_PROGRAM is not set")
	}
	var out, errs bytes.Buffer
	args := []string{"--program", program, "--source", "../..", "--work", t.TempDir(), "--only", "forgotten,other-host,remote"}
	if code := run(t.Context(), args, &out, &errs); code != 0 || !strings.Contains(out.String(), "3 of 3 variations") {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}
