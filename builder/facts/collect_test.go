package facts_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/internal/testenv"
)

// of makes the facts of an image of the given layers.
func of(t testing.TB, layers ...[]imagetest.Entry) *facts.Facts {
	t.Helper()
	var img imagetest.Image
	for _, entries := range layers {
		img.Layers = append(img.Layers, imagetest.Layer{Entries: entries, Compression: "none"})
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, img)
	return collect(t, "oci:"+dir)
}

func TestCollectIsDeterministicAndSurvivesJSON(t *testing.T) {
	ref := factstest.New(t).Write(t)
	first, err := json.Marshal(collect(t, ref))
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(collect(t, ref))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two runs differ, or %v", err)
	}
	var back facts.Facts
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(collect(t, ref), &back); diff != "" {
		t.Errorf("through JSON (-want +got):\n%s", diff)
	}
}

func TestCollectReadsVenvsAndPackages(t *testing.T) {
	l := factstest.New(t)
	f := collect(t, l.Write(t))
	var names []string
	for _, d := range f.Debian {
		names = append(names, d.Name+" "+d.Version+" "+d.Source)
	}
	if diff := cmp.Diff([]string{"libdemo1 1.2-3+deb13u1 demo", "python3.13-minimal 3.13.5-2 python3.13"}, names); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if len(f.Venvs) != 2 || f.Venvs[0].Name != "common-venv" {
		t.Fatalf("venvs = %+v", f.Venvs)
	}
	v := f.Venvs[0]
	if diff := cmp.Diff([]string{"demo-data-bundled", "file-bundled"}, v.Aliases); diff != "" {
		t.Errorf("aliases (-want +got):\n%s", diff)
	}
	if v.Interpreter != "usr/bin/python3.13" || len(v.Distributions) != 3 || f.OSRelease["VERSION_CODENAME"] != "trixie" || f.Build == nil || f.Metadata == nil {
		t.Errorf("venv %+v, OS %v", v, f.OSRelease)
	}
	if len(f.IndexFiles) != 2 {
		t.Errorf("index files = %v", f.IndexFiles)
	}
}

func tools(f *facts.Facts) []string {
	var found []string
	for _, t := range f.Tools {
		found = append(found, t.Path+" "+t.Kind+" "+t.Name+" "+t.By)
	}
	return found
}

func archive(t testing.TB, names ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, n := range names {
		if _, err := w.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestCollectFindsToolsUnderAnyName(t *testing.T) {
	const elf = "\x7fELF\x02\x01\x01\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x02\x00\x3e\x00" + "0123456789012345678901234567890123456789012345678901234567890123"
	padding := strings.Repeat("x", 256<<10-40) // puts the mark across two reads
	for _, tc := range []struct {
		name  string
		entry imagetest.Entry
		want  string
	}{
		{"shell", imagetest.Exec("bin/sh", "x"), "bin/sh shell sh name"},
		{"shell without execute bit", imagetest.File("bin/bash", "x"), "bin/bash shell bash name"},
		{"link", imagetest.Link("usr/bin/wget", "x"), "usr/bin/wget downloader wget name"},
		{"version in the name", imagetest.Exec("opt/x/pip3.13", "#!x"), "opt/x/pip3.13 installer pip name"},
		{"cross compiler", imagetest.Exec("usr/bin/x86_64-linux-gnu-gcc-12", "x"), "usr/bin/x86_64-linux-gnu-gcc-12 compiler gcc name"},
		{"busybox renamed", imagetest.File("opt/data.bin", elf+"BusyBox v1.36"), "opt/data.bin shell busybox content"},
		{"mark across reads", imagetest.File("opt/data.bin", elf+padding[:len(padding)-len(elf)]+"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxBusyBox v1.36"), "opt/data.bin shell busybox content"},
		{"uv renamed", imagetest.Exec("opt/helper", elf+"crates/uv-client/src"), "opt/helper installer uv content"},
		{"pip by module", imagetest.File("opt/v/pip/_internal/__init__.py", ""), "opt/v/pip/_internal/__init__.py installer pip module"},
		{"vendored pip", imagetest.File("a/pipenv/patched/pip/_internal/__init__.py", ""), "a/pipenv/patched/pip/_internal/__init__.py installer pip module"},
		{"ensurepip", imagetest.File("usr/lib/python3.13/ensurepip/__init__.py", ""), "usr/lib/python3.13/ensurepip/__init__.py installer ensurepip module"},
		{"venv of the library", imagetest.File("usr/lib/python3.13/venv/__init__.py", ""), "usr/lib/python3.13/venv/__init__.py installer venv module"},
		{"pip by metadata", imagetest.File("a/pip-26.0.dist-info/METADATA", "Name: pip\nVersion: 26.0\n"), "a/pip-26.0.dist-info installer pip metadata"},
		{"metadata that lies", imagetest.File("a/setuptools-1.egg-info", "no metadata"), "a/setuptools-1.egg-info installer setuptools metadata"},
		{"wheel file", imagetest.File("a/x-1-py3-none-any.whl", archive(t, "x.py")), "a/x-1-py3-none-any.whl installer x-1-py3-none-any.whl archive"},
		{"zip with pip", imagetest.File("a/data.bin", archive(t, "pip/_internal/__init__.py")), "a/data.bin installer pip archive"},
		{"zip with a wheel", imagetest.File("a/data.jar", archive(t, "x/setuptools-1-py3-none-any.whl")), "a/data.jar installer setuptools archive"},
		{"zip behind a script", imagetest.File("a/run", "#!/usr/bin/python3\n"+archive(t, "pip/__main__.py")), "a/run installer pip archive"},
		{"zip behind a program", imagetest.File("a/prog", elf+archive(t, "virtualenv/__main__.py")), "a/prog installer virtualenv archive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tools(of(t, []imagetest.Entry{tc.entry})); !slices.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCollectKnowsRealProgramsByContent(t *testing.T) {
	for file, want := range map[string]string{"/bin/bash": "shell bash content", "/bin/dash": "shell shell content", "/bin/tar": "archiver tar content"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			testenv.Missing(t, "no %s on this machine", file)
		}
		if got := tools(of(t, []imagetest.Entry{imagetest.File("opt/lib/libx.so", string(raw))})); !slices.Contains(got, "opt/lib/libx.so "+want) {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

// Every distribution that the lock leaves out is found where it is there after
// all, by its metadata and as a wheel in an archive.
func TestCollectFindsEveryInstallerOfTheLock(t *testing.T) {
	names := lock.Installers()
	if len(names) < 20 {
		t.Fatalf("only %d installers are known", len(names))
	}
	for _, name := range names {
		file := strings.ReplaceAll(name, "-", "_") + "-1"
		got := tools(of(t, []imagetest.Entry{
			imagetest.File("a/"+file+".dist-info/METADATA", "Name: "+name+"\nVersion: 1\n"),
			imagetest.File("b.zip", archive(t, file+"-py3-none-any.whl")),
		}))
		for _, want := range []string{"a/" + file + ".dist-info installer " + name + " metadata", "b.zip installer " + name + " archive"} {
			if !slices.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

func TestCollectFindsNoToolsWhereNoneAre(t *testing.T) {
	f := of(t, []imagetest.Entry{
		imagetest.File("a/pkg/find.py", ""), imagetest.File("a/pkg/env", "data"), imagetest.File("usr/share/zoneinfo/GMT", ""),
		imagetest.Dir("a/git"), imagetest.File("a/git/__init__.py", ""), imagetest.File("a/pipeline/__init__.py", ""),
		imagetest.File("a/b.jar", archive(t, "META-INF/MANIFEST.MF")), imagetest.File("a/virtualenv_clone.py", ""),
	})
	if len(f.Tools) > 0 || len(f.Problems) > 0 {
		t.Errorf("tools %v, problems %v", tools(f), f.Problems)
	}
}

func TestCollectSeesWhatHigherLayersHide(t *testing.T) {
	f := of(t,
		[]imagetest.Entry{imagetest.Exec("usr/bin/pip", "x"), imagetest.File("a/pip-1.dist-info/METADATA", "Name: pip\nVersion: 1\n")},
		[]imagetest.Entry{imagetest.File("usr/bin/.wh.pip", ""), imagetest.File(".wh.a", "")})
	if len(f.Tools) != 2 || len(f.Whiteouts) != 2 || len(f.Python) != 1 {
		t.Errorf("tools %v, whiteouts %v, python %v", tools(f), f.Whiteouts, f.Python)
	}
}

func TestCollectNotesWritablePathsAndStartupFiles(t *testing.T) {
	f := of(t, []imagetest.Entry{
		{Name: "tmp/", Kind: '5', Mode: 0o1777}, {Name: "a", Mode: 0o666}, {Name: "b", UID: 1000}, {Name: "c", GID: 7, Mode: 0o664}, {Name: "d", GID: 7},
		imagetest.File("usr/lib/python3.13/sitecustomize.py", "x"),
	})
	want := []facts.Writable{{Path: "a", Why: "world"}, {Path: "b", Why: "owner 1000"}, {Path: "c", Why: "group 7"}, {Path: "tmp", Why: "world"}}
	if diff := cmp.Diff(want, f.Writable); diff != "" {
		t.Errorf("writable (-want +got):\n%s", diff)
	}
	if len(f.Startup) != 1 || f.Startup[0].Kind != "sitecustomize" {
		t.Errorf("startup = %+v", f.Startup)
	}
}

func TestCollectNotesFilesThatAreNotWhatTheySeem(t *testing.T) {
	f := of(t, []imagetest.Entry{
		imagetest.File("a.so", "\x7fELF\x09"), imagetest.File("b.zip", "PK\x03\x04 not"),
		imagetest.File("x-1.dist-info/METADATA", "nothing"), imagetest.File("x-1.dist-info/RECORD", "\""),
		imagetest.File("var/lib/dpkg/status.d/x", "nothing"), imagetest.File("var/lib/dpkg/status.d/y.md5sums", "nothing"),
	})
	var paths []string
	for _, p := range f.Problems {
		paths = append(paths, p.Path)
	}
	want := []string{"a.so", "b.zip", "var/lib/dpkg/status.d/x", "var/lib/dpkg/status.d/y.md5sums", "x-1.dist-info/METADATA", "x-1.dist-info/RECORD"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestCollectRefusesAnEmptyImage(t *testing.T) {
	for name, layers := range map[string][]imagetest.Layer{"no layers": nil, "no entries": {{}}} {
		dir := t.TempDir()
		imagetest.Layout(t, dir, imagetest.Image{Layers: layers})
		img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := facts.Collect(context.Background(), img.Platforms()[0]); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s: got %v, want an integrity fault", name, err)
		}
	}
}
