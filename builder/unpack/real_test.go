package unpack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestRealWheelsImport unpacks the wheels of the folder $LOCKFORGE_WHEELS, a
// resolution, links them into a virtual environment, and runs
// datahub in it.
func TestRealWheelsImport(t *testing.T) {
	files, version := testenv.Wheels(t)
	minor := venv.Python(version)
	python := interpreter(t, minor)
	spec := unpack.WheelsSpec{Epoch: epoch, Python: minor, Root: storeRoot}
	p := newPack()
	var sites []*venv.SiteTree
	for _, path := range realWheels(t, files) {
		file := filepath.Base(path)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), file)
		if err != nil {
			t.Fatal(err)
		}
		site, err := venv.Site(w, minor)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		site.Key = w.Name + "-" + w.Version + "-" + hex.EncodeToString(sum[:6])
		sites = append(sites, site)
		spec.Wheels = append(spec.Wheels, unpack.WheelFile{Input: p.add(file, content), Key: site.Key})
	}
	links, err := venv.Links(venv.Spec{Path: "/opt/datahub/venvs/real-bundled", StoreRoot: storeRoot, Python: minor}, sites)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	mustRun(t, "wheels", spec, p, out, python)
	mustRun(t, "tree", treeSpec(links), newPack(), out, "")
	checkTree(t, out, links, sites)

	// The interpreter's place in the image.
	if err := os.MkdirAll(filepath.Join(out, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(python, filepath.Join(out, "usr/bin/python"+version)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(out, "opt/datahub/venvs/real-bundled/bin/python"), "-I", "-B", "-c", `
import sys, importlib.metadata as md
assert sys.prefix.endswith("real-bundled"), sys.prefix
import datahub, datahub.ingestion.source.source_registry as r
for name in ("mysql", "postgres", "s3", "file", "demo-data"):
    print(name, r.source_registry.get(name).__name__)
print(md.version("acryl-datahub"), datahub.__spec__.cached)`)
	cmd.Env = []string{"DATAHUB_TELEMETRY_ENABLED=false", "HOME=" + t.TempDir()}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	t.Logf("%s", said)
}

// realWheels lists the wheels that an image would hold: no installers.
func realWheels(t *testing.T, files []string) []string {
	t.Helper()
	var kept []string
	for _, file := range files {
		f, err := wheel.ParseFilename(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != "pip" && f.Name != "setuptools" {
			kept = append(kept, file)
		}
	}
	return kept
}

// checkTree checks that nothing dangles, and that the store holds what Site says.
func checkTree(t *testing.T, out string, links *venv.Tree, sites []*venv.SiteTree) {
	t.Helper()
	dangling := 0
	for _, e := range links.Entries {
		if e.Type != venv.Link || filepath.Dir(e.Path) == "opt/datahub/venvs/real-bundled/bin" {
			continue
		}
		if _, err := os.Stat(filepath.Join(out, e.Path)); err != nil {
			t.Errorf("link %s dangles: %v", e.Path, err)
			if dangling++; dangling > 10 {
				t.Fatal("and more")
			}
		}
	}
	for _, s := range sites {
		want := map[string]bool{}
		for _, f := range s.Files {
			want[f.Path] = true
		}
		for _, f := range s.Bytecode() {
			want[f] = true
		}
		root := filepath.Join(out, storeRoot, s.Key)
		err := filepath.WalkDir(root, func(file string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, file)
			if !want[name] {
				t.Errorf("%s has %s, which is not planned", s.Key, name)
			}
			delete(want, name)
			return err
		})
		if err != nil || len(want) != 0 {
			t.Errorf("%s lacks %v: %v", s.Key, want, err)
		}
	}
}
