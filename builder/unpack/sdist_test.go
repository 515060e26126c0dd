package unpack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// backend is a build backend with setuptools' name: it makes a wheel of the
// modules in the working directory, with the clock's time and in listing order,
// as a careless one would.
const backend = `
import base64, hashlib, os, sys, time, zipfile
def get_requires_for_build_wheel(config_settings=None):
    return [line.strip() for line in open("needs")] if os.path.exists("needs") else []
def build_wheel(directory, config_settings=None, metadata_directory=None):
    if os.path.exists("setup.py"):
        exec(compile(open("setup.py").read(), "setup.py", "exec"), {})
    tag = open("tag").read().strip() if os.path.exists("tag") else "py3-none-any"
    files = {f: open(f, "rb").read() for f in os.listdir(".") if f.endswith(".py")}
    if os.path.exists("random"):
        files["random.py"] = b"x = %r" % os.urandom(8)
    info = "demo-1.0.dist-info/"
    files[info + "METADATA"] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: " + tag.encode() + b"\n"
    row = lambda name, b: "%s,sha256=%s,%d\n" % (name, base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b"=").decode(), len(b))
    record = "".join(row(n, b) for n, b in files.items()) + info + "RECORD,,\n"
    with zipfile.ZipFile(os.path.join(directory, "demo-1.0-" + tag + ".whl"), "w", zipfile.ZIP_DEFLATED) as z:
        for name, b in [*files.items(), (info + "RECORD", record.encode())]:
            z.writestr(zipfile.ZipInfo(name, time.gmtime()[:6]), b)
__legacy__ = sys.modules[__name__]
`

func tools() *wheeltest.Builder {
	return wheeltest.New("setuptools", "1.0").File("setuptools/__init__.py", "").File("setuptools/build_meta.py", backend)
}

// archive makes a .tar.gz of regular files, in sorted order of their names after
// those of headers.
func archive(t *testing.T, headers []tar.Header, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		headers = append(headers, tar.Header{Name: name, Linkname: content, Typeflag: tar.TypeReg, Mode: 0o664, Size: int64(len(content))})
	}
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// build runs an sdist step and returns exit code, message and output directory.
func build(t *testing.T, sdist []byte) (int, string, string) {
	t.Helper()
	python, minor := anyInterpreter(t)
	p := newPack()
	spec := unpack.SdistSpec{Epoch: epoch, Python: minor, Name: "demo", Version: "1.0", Sdist: p.add("demo-1.0.tar.gz", sdist)}
	spec.Tools = []unpack.Input{p.add(tools().Filename(), tools().Bytes(t))}
	out := t.TempDir()
	code, said := runStep(t, "sdist", spec, p, out, python)
	return code, said, out
}

func TestSdistBecomesANormalWheel(t *testing.T) {
	files := map[string]string{"demo-1.0/setup.py": "", "demo-1.0/b.py": "y = 2\n", "demo-1.0/a.py": "x = 1\n"}
	code, said, out := build(t, archive(t, []tar.Header{{Name: "demo-1.0/", Typeflag: tar.TypeDir, Mode: 0o777}}, files))
	if code != 0 {
		t.Fatal(said)
	}
	content, err := os.ReadFile(filepath.Join(out, "demo-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	want := wheeltest.New("demo", "1.0")
	for _, name := range []string{"a.py", "b.py", "setup.py"} {
		want.File(name, files["demo-1.0/"+name])
	}
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), "demo-1.0-py3-none-any.whl")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range w.Members() {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"a.py", "b.py", "demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/RECORD", "demo-1.0.dist-info/WHEEL", "setup.py"}, names); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{".": true, "demo-1.0-py3-none-any.whl": true}, keys(listing(t, out))); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	_, _, again := build(t, archive(t, nil, files))
	if diff := cmp.Diff(listing(t, out), listing(t, again)); diff != "" {
		t.Errorf("a second build differs:\n%s", diff)
	}
}

func keys(m map[string]string) map[string]bool {
	set := map[string]bool{}
	for k := range m {
		set[k] = true
	}
	return set
}

func TestSdistRefuses(t *testing.T) {
	with := func(name, content string) []byte {
		return archive(t, nil, map[string]string{"demo-1.0/a.py": "", "demo-1.0/" + name: content})
	}
	special := func(h tar.Header) []byte {
		return archive(t, []tar.Header{h}, map[string]string{"demo-1.0/a.py": ""})
	}
	for name, sdist := range map[string][]byte{
		"no archive":       []byte("<html>"),
		"empty":            archive(t, nil, nil),
		"truncated":        with("b.py", strings.Repeat("x", 100))[:80],
		"C source":         with("native.c", "int x;"),
		"Cython source":    with("native.pyx", ""),
		"native tag":       with("tag", "cp313-cp313-linux_x86_64"),
		"other backend":    with("pyproject.toml", "[build-system]\nbuild-backend = 'hatchling.build'\nrequires = []\n"),
		"in-tree backend":  with("pyproject.toml", "[build-system]\nbuild-backend = 'setuptools.build_meta'\nbackend-path = ['.']\nrequires = []\n"),
		"other build tool": with("pyproject.toml", "[build-system]\nbuild-backend = 'setuptools.build_meta'\nrequires = ['setuptools>=40', 'cython']\n"),
		"hook wants more":  with("needs", "cffi"),
		"script fails":     with("setup.py", "raise SystemExit('no')"),
		"starts a program": with("setup.py", "import subprocess; subprocess.run(['cc', '-v'], check=True)"),
		"not reproducible": with("random", ""),
		"symbolic link":    special(tar.Header{Name: "demo-1.0/l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"hard link":        special(tar.Header{Name: "demo-1.0/l", Typeflag: tar.TypeLink, Linkname: "demo-1.0/a.py"}),
		"device":           special(tar.Header{Name: "demo-1.0/d", Typeflag: tar.TypeChar}),
		"parent":           special(tar.Header{Name: "demo-1.0/../../x", Typeflag: tar.TypeReg}),
		"absolute":         special(tar.Header{Name: "/etc/x", Typeflag: tar.TypeReg}),
		"second top":       special(tar.Header{Name: "other/x", Typeflag: tar.TypeReg}),
		"file at the top":  special(tar.Header{Name: "x", Typeflag: tar.TypeReg}),
		"twice":            special(tar.Header{Name: "demo-1.0/a.py", Typeflag: tar.TypeReg}),
	} {
		t.Run(name, func(t *testing.T) {
			code, said, out := build(t, sdist)
			if code != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "demo-1.0.tar.gz") {
				t.Errorf("exit code %d, said %q, want 1 and one line", code, said)
			}
			if left := listing(t, out); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestRealSdists builds the source archives in $LOCKFORGE_SDISTS with the wheels
// of setuptools and wheel in the same folder.
func TestRealSdists(t *testing.T) {
	dir := os.Getenv("LOCKFORGE_SDISTS")
	if dir == "" {
		testenv.Missing(t, "LOCKFORGE_SDISTS names no folder of sdists")
	}
	python, minor := anyInterpreter(t)
	sdists, _ := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	wheels, _ := filepath.Glob(filepath.Join(dir, "*.whl"))
	if len(sdists) == 0 || len(wheels) == 0 {
		t.Fatalf("no sdists, or no build tools, in %s", dir)
	}
	for _, file := range sdists {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p := newPack()
			stem := strings.TrimSuffix(filepath.Base(file), ".tar.gz")
			cut := strings.LastIndex(stem, "-")
			spec := unpack.SdistSpec{Epoch: epoch, Python: minor, Name: wheel.NormalizeName(stem[:cut]), Version: stem[cut+1:], Sdist: p.addFile(t, file)}
			for _, tool := range wheels {
				spec.Tools = append(spec.Tools, p.addFile(t, tool))
			}
			mustRun(t, "sdist", spec, p, t.TempDir(), python)
		})
	}
}

func (p *pack) addFile(t *testing.T, file string) unpack.Input {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return p.add(filepath.Base(file), content)
}
