package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
)

const root = "../.."

func TestCheckedInFilesAreCurrent(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Errorf("%s: %v; run `make generate`", name, err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date; run `make generate` (-want +got):\n%s", name, diff)
		}
	}
	old, err := leftovers(root, files)
	if err != nil {
		t.Fatal(err)
	}
	if len(old) > 0 {
		t.Errorf("nothing generates %v; run `make generate`", old)
	}
}

func TestTheSameFilesEveryTime(t *testing.T) {
	first, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	second, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func TestPagesNameEverything(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range fault.Kinds() {
		if !bytes.Contains(files[reference+"/exit-codes.md"], []byte("`"+kind.String()+"`")) {
			t.Errorf("the exit code of %v has no row", kind)
		}
	}
	set, err := policy.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Rules() {
		page := string(files[reference+"/rules/"+r.ID+".md"])
		if !strings.Contains(page, r.Title) || !strings.Contains(page, r.Severity) {
			t.Errorf("the page of %s does not tell its title and severity", r.ID)
		}
	}
	for _, key := range []string{"cli.version", "plugins[].extras", "groups.LABEL.primary", "indexes.extra[].packages", "wheels[].sha256", "base.debian.suite"} {
		if !bytes.Contains(files[reference+"/manifest.md"], []byte("| `"+key+"` |")) {
			t.Errorf("the manifest's page has no row for %s", key)
		}
	}
	for name, content := range files {
		if strings.HasPrefix(name, reference+"/cli/") && bytes.Contains(content, []byte("__engine")) {
			t.Errorf("%s shows a hidden command", name)
		}
	}
}

func TestWriteRemovesWhatIsNoLongerGenerated(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{reference + "/cli/a.md": []byte("a\n"), "manifests/schema.json": []byte("{}\n")}
	if err := write(dir, files); err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(dir, "manifests", "mine.yaml")
	stale := filepath.Join(dir, reference, "cli", "gone.md")
	for _, path := range []string{keep, stale} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(dir, files); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("a page that nothing generates is still there: %v", err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("a file outside the reference is gone: %v", err)
	}
}

func TestUnknownFlag(t *testing.T) {
	if err := run([]string{"-nonsense"}, io.Discard); err == nil {
		t.Error("an unknown flag is accepted")
	}
}
