package unpack_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// step is a wheels step over the given wheels.
func wheelsStep(t *testing.T, python venv.Python, wheels ...*wheeltest.Builder) (unpack.WheelsSpec, *pack) {
	t.Helper()
	p := newPack()
	spec := unpack.WheelsSpec{Epoch: epoch, Python: python, Root: storeRoot}
	for _, b := range wheels {
		input := p.add(b.Filename(), b.Bytes(t))
		spec.Wheels = append(spec.Wheels, unpack.WheelFile{Input: input, Key: b.Name + "-" + b.Version})
	}
	return spec, p
}

// listing describes everything below a directory: type, mode, owner, time, and
// content by hash.
func listing(t *testing.T, root string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		info, err := os.Lstat(file)
		if err != nil {
			return err
		}
		content := ""
		switch {
		case d.Type().IsRegular():
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(b)
			content = hex.EncodeToString(sum[:8])
		case d.Type() == fs.ModeSymlink:
			if content, err = os.Readlink(file); err != nil {
				return err
			}
		}
		stat := info.Sys().(*syscall.Stat_t)
		list[name] = fmt.Sprintf("%v %d:%d %d.%d %s", info.Mode(), stat.Uid, stat.Gid, stat.Mtim.Sec, stat.Mtim.Nsec, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWheelsWritesStoreDirectories(t *testing.T) {
	python, minor := anyInterpreter(t)
	spec, p := wheelsStep(t, minor,
		wheeltest.New("demo", "1.0").File("demo/__init__.py", "def f():\n    raise ValueError\n").FileMode("demo/tool", "#!", 0o100777).
			File("demo/empty.py", "").Data("purelib", "pure.py", "x = 1\n").File("demo/latin.py", "# -*- coding: latin-1 -*-\nx = '\xe9'\n"),
		wheeltest.New("other", "2.0").File("other.py", "y = 2\n"))
	out := t.TempDir()
	mustRun(t, "wheels", spec, p, out, python)

	tag := ".cpython-" + strings.ReplaceAll(string(minor), ".", "") + ".pyc"
	d, f, x := "drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"
	want := map[string]string{
		".": d, "opt": d, "opt/datahub": d, "opt/datahub/store": d,
	}
	for name, mode := range map[string]string{
		"": d, "/demo": d, "/demo/__init__.py": f, "/demo/tool": x, "/demo/empty.py": f, "/demo/latin.py": f, "/demo/__pycache__": d,
		"/demo/__pycache__/__init__" + tag: f, "/demo/__pycache__/empty" + tag: f, "/demo/__pycache__/latin" + tag: f,
		"/pure.py": f, "/__pycache__": d, "/__pycache__/pure" + tag: f,
		"/demo-1.0.dist-info": d, "/demo-1.0.dist-info/METADATA": f, "/demo-1.0.dist-info/WHEEL": f, "/demo-1.0.dist-info/RECORD": f,
	} {
		want["opt/datahub/store/demo-1.0"+name] = mode
	}
	for name, mode := range map[string]string{
		"": d, "/other.py": f, "/__pycache__": d, "/__pycache__/other" + tag: f,
		"/other-2.0.dist-info": d, "/other-2.0.dist-info/METADATA": f, "/other-2.0.dist-info/WHEEL": f, "/other-2.0.dist-info/RECORD": f,
	} {
		want["opt/datahub/store/other-2.0"+name] = mode
	}
	got := map[string]string{}
	owner := fmt.Sprintf(" %d:%d %d.0 ", os.Getuid(), os.Getgid(), epoch)
	for name, line := range listing(t, out) {
		mode, rest, _ := strings.Cut(line, " ")
		got[name] = mode
		if !strings.HasPrefix(" "+rest, owner) {
			t.Errorf("%s: %s, want%s", name, rest, owner)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The bytecode is what the interpreter would make itself, but for its flag, and
// it is used without a look at the source.
func TestWheelsBytecodeIsUsed(t *testing.T) {
	python, minor := anyInterpreter(t)
	spec, p := wheelsStep(t, minor, wheeltest.New("demo", "1.0").
		File("good.py", "def f():\n    raise ValueError\n").
		File("python2.py", "x = 1\nprint 'old'\n").
		File("nul.py", "x = '\x00'\n"))
	out := t.TempDir()
	mustRun(t, "wheels", spec, p, out, python)
	dir := filepath.Join(out, storeRoot, "demo-1.0")
	// Other source: were it looked at, it would show.
	if err := os.WriteFile(filepath.Join(dir, "good.py"), []byte("f = None\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(python, "-B", "-c", `
import sys
sys.path.insert(0, sys.argv[1])
import good
assert good.f.__name__ == "f"
for name, file, line in ("python2", "/python2.py", 2), ("nul", None, None):
    try:
        __import__(name)
    except SyntaxError as e:
        assert file is None or (e.filename == sys.argv[2] + file and e.lineno == line), e
    else:
        raise AssertionError(name)
import importlib.util, marshal
with open(importlib.util.cache_from_source(good.__file__), "rb") as f:
    content = f.read()
assert content[:4] == importlib.util.MAGIC_NUMBER and content[4:8] == b"\1\0\0\0", content[:16]
assert marshal.loads(content[16:]).co_filename == sys.argv[2] + "/good.py"
`, dir, storeRoot+"/demo-1.0").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// Bytes may not depend on which worker compiled what before: an interpreter that
// has seen a qualified name before marshals it differently.
func TestWheelsAreReproducible(t *testing.T) {
	python, minor := anyInterpreter(t)
	build := func(jobs int, company ...*wheeltest.Builder) map[string]string {
		local := "class A:\n    def f(self):\n        class N: pass\n        return N\n"
		demo := wheeltest.New("demo", "1.0")
		for i := range 40 {
			demo.File(fmt.Sprintf("demo/m%02d.py", i), fmt.Sprintf("# %s\n%sv = %d\n", strings.Repeat("x", 100<<10), local, i))
		}
		spec, p := wheelsStep(t, minor, append(company, demo)...)
		spec.Jobs = jobs
		out := t.TempDir()
		mustRun(t, "wheels", spec, p, out, python)
		return listing(t, filepath.Join(out, storeRoot, "demo-1.0"))
	}
	want := build(1)
	if diff := cmp.Diff(want, build(7)); diff != "" {
		t.Errorf("the number of workers matters:\n%s", diff)
	}
	company := wheeltest.New("company", "1.0").File("a.py", "class A:\n    def f(self):\n        class N: pass\n")
	if diff := cmp.Diff(want, build(1, company)); diff != "" {
		t.Errorf("other wheels of the step matter:\n%s", diff)
	}
}

func TestWheelsRefuses(t *testing.T) {
	python, minor := anyInterpreter(t)
	demo := func() *wheeltest.Builder {
		return wheeltest.New("demo", "1.0").File("demo.py", "x = 1\n").File("other.txt", "text")
	}
	wrong := strings.Repeat("0", 64)
	for name, tc := range map[string]struct {
		wheel *wheeltest.Builder
		spec  func(s *unpack.WheelsSpec)
		names []string // what the message must name
	}{
		"other file":           {demo(), func(s *unpack.WheelsSpec) { s.Wheels[0].SHA256 = wrong }, []string{"demo-1.0-py3-none-any.whl"}},
		"missing file":         {demo(), func(s *unpack.WheelsSpec) { s.Wheels[0].File = "absent-1.0-py3-none-any.whl" }, []string{"absent-1.0-py3-none-any.whl"}},
		"hostile wheel":        {demo().File("../evil.py", "x"), nil, []string{"demo-1.0-py3-none-any.whl", "../evil.py"}},
		"content not RECORD's": {demo().Rows(swapped), nil, []string{"demo-1.0-py3-none-any.whl", "other.txt"}},
		"source not RECORD's": {demo().Archive(func(a *wheeltest.Archive) { a.Get(t, "demo.py").Content = "x = 2\n" }), nil,
			[]string{"demo-1.0-py3-none-any.whl", "demo.py"}},
		"files elsewhere":   {demo().Data("data", "etc/x", ""), nil, []string{"demo-1.0-py3-none-any.whl", "etc/x"}},
		"other interpreter": {demo(), func(s *unpack.WheelsSpec) { s.Python = "3.99" }, []string{string(minor), "3.99"}},
		"key with a slash":  {demo(), func(s *unpack.WheelsSpec) { s.Wheels[0].Key = "a/b" }, []string{"a/b"}},
		"key twice":         {demo(), func(s *unpack.WheelsSpec) { s.Wheels = append(s.Wheels, s.Wheels[0]) }, []string{"demo-1.0"}},
		"relative root":     {demo(), func(s *unpack.WheelsSpec) { s.Root = "store" }, []string{"store"}},
		"unclean root":      {demo(), func(s *unpack.WheelsSpec) { s.Root = "/opt/../etc" }, []string{"/opt/../etc"}},
		"odd version":       {demo(), func(s *unpack.WheelsSpec) { s.Python = "3" }, []string{`"3"`}},
		"jobs":              {demo(), func(s *unpack.WheelsSpec) { s.Jobs = -1 }, []string{"-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec, p := wheelsStep(t, minor, tc.wheel)
			if tc.spec != nil {
				tc.spec(&spec)
			}
			code, said := runStep(t, "wheels", spec, p, t.TempDir(), python)
			if code != 1 || strings.Count(said, "\n") != 1 {
				t.Errorf("exit code %d, said %q, want 1 and one line", code, said)
			}
			for _, part := range tc.names {
				if !strings.Contains(said, part) {
					t.Errorf("%q does not name %q", said, part)
				}
			}
		})
	}
}

// swapped gives other.txt the hash of another text of the same size.
func swapped(rows []string) []string {
	rows[1] = wheeltest.Row("other.txt", "txet")
	return rows
}
