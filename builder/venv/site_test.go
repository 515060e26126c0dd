package venv_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

func place(t *testing.T, b *wheeltest.Builder) (*venv.SiteTree, error) {
	t.Helper()
	content := b.Bytes(t)
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), b.Filename())
	if err != nil {
		t.Fatal(err)
	}
	return venv.Site(w, "3.13")
}

func site(t *testing.T, b *wheeltest.Builder) *venv.SiteTree {
	t.Helper()
	s, err := place(t, b)
	if err != nil {
		t.Fatal(err)
	}
	s.Key = s.Name + "-" + s.Version
	return s
}

func TestSitePlacesMembers(t *testing.T) {
	s := site(t, wheeltest.New("Demo", "1.0").
		File("demo/__init__.py", "x = 1\n").
		FileMode("demo/native.so", "\x7fELF", 0o100755).
		FileMode("demo/open.txt", "x", 0o100666).
		File("demo/__pycache__/__init__.cpython-313.pyc", "stale").
		File("demo/_vendor/other-1.dist-info/METADATA", "x").
		File("demo/inner.pth", "import os").
		File("tmp/build-env-1/evil.pth", "import os").
		File("Demo-1.0.dist-info/INSTALLER", "someone\n").
		Data("purelib", "pure/a,b.py", "").
		Data("platlib", "plat.py", "y").
		Data("scripts", "demo", "#!python").
		Data("headers", "demo.h", "").
		Data("data", "share/man/man1/demo.1", "x"))

	type file struct {
		Path string
		Mode int
	}
	var got []file
	for _, f := range s.Files {
		got = append(got, file{f.Path, int(f.Mode)})
	}
	want := []file{
		{"Demo-1.0.dist-info/INSTALLER", 0o644}, {"Demo-1.0.dist-info/METADATA", 0o644}, {"Demo-1.0.dist-info/RECORD", 0o644}, {"Demo-1.0.dist-info/WHEEL", 0o644},
		{"demo/__init__.py", 0o644}, {"demo/_vendor/other-1.dist-info/METADATA", 0o644}, {"demo/inner.pth", 0o644}, {"demo/native.so", 0o755},
		{"demo/open.txt", 0o644}, {"plat.py", 0o644}, {"pure/a,b.py", 0o644},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	drops := []venv.Drop{
		{Path: "Demo-1.0.data/data/share/man/man1/demo.1", Rule: "docs"}, {Path: "Demo-1.0.data/headers/demo.h", Rule: "headers"},
		{Path: "Demo-1.0.data/scripts/demo", Rule: "scripts"}, {Path: "demo/__pycache__/__init__.cpython-313.pyc", Rule: "bytecode"},
		{Path: "tmp/build-env-1/evil.pth", Rule: "build-leftovers"},
	}
	if diff := cmp.Diff(drops, s.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	bytecode := []string{"demo/__pycache__/__init__.cpython-313.pyc", "__pycache__/plat.cpython-313.pyc", "pure/__pycache__/a,b.cpython-313.pyc"}
	if diff := cmp.Diff(bytecode, s.Bytecode()); diff != "" {
		t.Errorf("bytecode (-want +got):\n%s", diff)
	}
	if len(s.StartupFiles) != 0 {
		t.Errorf("start-up files: %v", s.StartupFiles)
	}
	checkRecord(t, s)
}

// checkRecord checks that RECORD lists what is there, in order.
func checkRecord(t *testing.T, s *venv.SiteTree) {
	t.Helper()
	var rows []string
	var record venv.File
	for _, f := range s.Files {
		if strings.HasSuffix(f.Path, ".dist-info/RECORD") {
			record = f
			rows = append(rows, f.Path+",,") // no hash of itself
			continue
		}
		row := wheeltest.Row(f.Path, "")
		rows = append(rows, row[:strings.LastIndex(row, ",sha256=")])
	}
	got := strings.Split(strings.TrimSuffix(string(record.Content), "\n"), "\n")
	if len(got) != len(rows) {
		t.Fatalf("RECORD has %d rows, want %d:\n%s", len(got), len(rows), record.Content)
	}
	for i, row := range rows {
		if !strings.HasPrefix(got[i], row) {
			t.Errorf("row %d is %q, want %q", i, got[i], row)
		}
	}
	sum := sha256.Sum256(record.Content)
	if record.SHA256 != hex.EncodeToString(sum[:]) || record.Size != int64(len(record.Content)) {
		t.Errorf("RECORD's own hash or size is wrong: %+v", record)
	}
}

func TestSiteFindsStartupFiles(t *testing.T) {
	s := site(t, wheeltest.New("demo", "1.0").
		File("a.pth", "x").File("b.start", "x").File("sitecustomize.py", "x").File("usercustomize/__init__.py", "x").
		File("sub/c.pth", "x").File("sub/sitecustomize.py", "x").File("sitecustomized.py", "x").
		Data("purelib", "d.pth", "x").Data("platlib", "usercustomize.cpython-313-x86_64-linux-gnu.so", "x"))
	var got []string
	for _, f := range s.StartupFiles {
		got = append(got, f.Path)
	}
	want := []string{"a.pth", "b.start", "d.pth", "sitecustomize.py", "usercustomize.cpython-313-x86_64-linux-gnu.so", "usercustomize/__init__.py"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSiteDropsNumpyDistutilsOnly(t *testing.T) {
	for name, want := range map[string]int{"numpy": 1, "other": 0} {
		s := site(t, wheeltest.New(name, "1.0").File("numpy/distutils/core.py", "x").File("numpy/core.py", "x"))
		if len(s.Dropped) != want {
			t.Errorf("%s: dropped %v", name, s.Dropped)
		}
	}
}

func TestSiteRefuses(t *testing.T) {
	demo := func() *wheeltest.Builder { return wheeltest.New("demo", "1.0").File("demo/__init__.py", "x") }
	for name, tc := range map[string]struct {
		b    *wheeltest.Builder
		kind fault.Kind
	}{
		"data outside of site-packages": {demo().Data("data", "etc/demo.conf", "x"), fault.Resolve},
		"bytecode without source":       {demo().File("demo/secret.pyc", "x"), fault.Resolve},
		"purelib over a member":         {demo().Data("purelib", "demo/__init__.py", "x"), fault.Integrity},
		"purelib over platlib":          {demo().Data("purelib", "x.py", "x").Data("platlib", "x.py", "x"), fault.Integrity},
		"purelib, other case":           {demo().Data("purelib", "Demo/__init__.py", "x"), fault.Integrity},
		"file over a directory":         {demo().Data("purelib", "demo", "x"), fault.Integrity},
		"directory over a file":         {demo().Data("purelib", "demo/__init__.py/x", "x"), fault.Integrity},
		"RECORD over the own one":       {demo().Data("purelib", "demo-1.0.dist-info/RECORD", "x"), fault.Integrity},
	} {
		if _, err := place(t, tc.b); !fault.Is(err, tc.kind) {
			t.Errorf("%s: error = %v, want %v", name, err, tc.kind)
		}
	}
}
