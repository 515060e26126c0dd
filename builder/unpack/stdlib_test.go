package unpack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/unpack"
)

func TestStdlibCompilesTheInterpretersModules(t *testing.T) {
	python, minor := anyInterpreter(t)
	in, root, out := t.TempDir(), t.TempDir(), t.TempDir()
	lib := "usr/lib/python" + string(minor)
	write := func(file, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(root, lib, "os.py"), "x = 1\n")
	write(filepath.Join(root, lib, "json/__init__.py"), "y = 2\n")
	write(filepath.Join(root, lib, "json/data.txt"), "")
	write(filepath.Join(root, "usr/lib/python3/dist-packages/x.py"), "")
	write(filepath.Join(root, lib, "dist-packages/x.py"), "")
	spec, err := json.Marshal(unpack.StdlibSpec{Epoch: epoch, Python: minor})
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(in, "spec.json"), string(spec))
	var said strings.Builder
	if code := unpack.Run([]string{"stdlib", "-in", in, "-out", out, "-root", root, "-python", python}, strings.NewReader(""), &said, &said); code != 0 {
		t.Fatal(said.String())
	}
	tag := ".cpython-" + strings.ReplaceAll(string(minor), ".", "") + ".pyc"
	want := map[string]bool{".": true, "usr": true, "usr/lib": true, lib: true, lib + "/__pycache__": true, lib + "/__pycache__/os" + tag: true,
		lib + "/json": true, lib + "/json/__pycache__": true, lib + "/json/__pycache__/__init__" + tag: true}
	if diff := cmp.Diff(want, keys(listing(t, out))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if code := unpack.Run([]string{"stdlib", "-in", in, "-out", out, "-root", t.TempDir(), "-python", python}, strings.NewReader(""), &said, &said); code != 1 {
		t.Error("no modules, no error")
	}
}
