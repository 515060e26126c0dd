package unpack_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
)

func treeEntry(path string, kind venv.Type, mode fs.FileMode, content, target string) unpack.TreeEntry {
	return unpack.TreeEntry{Entry: venv.Entry{Path: path, Type: kind, Mode: mode, Content: content, Target: target}}
}

func TestTreeWritesEntries(t *testing.T) {
	p := newPack()
	program := p.add("executor", []byte("\x7fELF"))
	from := treeEntry("opt/datahub/bin/executor", venv.Regular, 0o755, "", "")
	from.From, from.SHA256 = program.File, program.SHA256
	spec := unpack.TreeSpec{Epoch: epoch, Entries: []unpack.TreeEntry{
		treeEntry("tmp", venv.Dir, 0o777|fs.ModeSticky, "", ""),
		treeEntry("etc/pip.conf", venv.Regular, 0o644, "[global]\n", ""),
		treeEntry("etc/empty", venv.Regular, 0o600, "", ""),
		treeEntry("start.sh", venv.Link, 0o777, "", "opt/datahub/bin/executor"),
		treeEntry("deep/er/dangling", venv.Link, 0o777, "", "../../nowhere"),
		from,
	}}
	out := t.TempDir()
	mustRun(t, "tree", spec, p, out, "")
	got := map[string]string{}
	for name, line := range listing(t, out) {
		fields := strings.Fields(line)
		if fields[2] != "1700000000.0" {
			t.Errorf("%s: time %s", name, fields[2])
		}
		got[name] = fields[0]
	}
	want := map[string]string{
		".": "drwxr-xr-x", "tmp": "dtrwxrwxrwx", "etc": "drwxr-xr-x", "etc/pip.conf": "-rw-r--r--", "etc/empty": "-rw-------", "start.sh": "Lrwxrwxrwx",
		"deep": "drwxr-xr-x", "deep/er": "drwxr-xr-x", "deep/er/dangling": "Lrwxrwxrwx",
		"opt": "drwxr-xr-x", "opt/datahub": "drwxr-xr-x", "opt/datahub/bin": "drwxr-xr-x", "opt/datahub/bin/executor": "-rwxr-xr-x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, content := range map[string]string{"etc/pip.conf": "[global]\n", "opt/datahub/bin/executor": "\x7fELF"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(b) != content {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
}

func TestTreeRefuses(t *testing.T) {
	good := treeEntry("a", venv.Regular, 0o644, "x", "")
	with := func(change func(e *unpack.TreeEntry)) []unpack.TreeEntry {
		e := good
		change(&e)
		return []unpack.TreeEntry{e}
	}
	for name, entries := range map[string][]unpack.TreeEntry{
		"absolute":       with(func(e *unpack.TreeEntry) { e.Path = "/etc/x" }),
		"parent":         with(func(e *unpack.TreeEntry) { e.Path = "../x" }),
		"not clean":      with(func(e *unpack.TreeEntry) { e.Path = "a/./b" }),
		"root":           with(func(e *unpack.TreeEntry) { e.Path = "." }),
		"unknown type":   with(func(e *unpack.TreeEntry) { e.Type = "device" }),
		"setuid":         with(func(e *unpack.TreeEntry) { e.Mode |= fs.ModeSetuid }),
		"target of file": with(func(e *unpack.TreeEntry) { e.Target = "x" }),
		"link, no target": with(func(e *unpack.TreeEntry) {
			e.Type, e.Content = venv.Link, ""
		}),
		"twice":              {good, good},
		"file as directory":  {good, treeEntry("a/b", venv.Regular, 0o644, "", "")},
		"through a link":     {treeEntry("l", venv.Link, 0o777, "", "/tmp"), treeEntry("l/x", venv.Regular, 0o644, "", "")},
		"link over a file":   {good, treeEntry("a", venv.Link, 0o777, "", "x")},
		"directory over it":  {good, treeEntry("a", venv.Dir, 0o755, "", "")},
		"from, with content": with(func(e *unpack.TreeEntry) { e.From, e.SHA256 = "x", strings.Repeat("0", 64) }),
		"from, absent": with(func(e *unpack.TreeEntry) {
			e.Content, e.From, e.SHA256 = "", "x", strings.Repeat("0", 64)
		}),
		"from, with a path": with(func(e *unpack.TreeEntry) {
			e.Content, e.From, e.SHA256 = "", "../x", strings.Repeat("0", 64)
		}),
		"hash without from": with(func(e *unpack.TreeEntry) { e.SHA256 = strings.Repeat("0", 64) }),
	} {
		t.Run(name, func(t *testing.T) {
			code, said := runStep(t, "tree", unpack.TreeSpec{Entries: entries}, newPack(), t.TempDir(), "")
			if code != 1 || strings.Count(said, "\n") != 1 {
				t.Errorf("exit code %d, said %q, want 1 and one line", code, said)
			}
		})
	}
}

func TestSpecificationIsStrict(t *testing.T) {
	good, err := json.Marshal(unpack.TreeSpec{Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		code int
	}{
		"good":           {string(good), 0},
		"empty":          {"", 1},
		"not JSON":       {"<html>", 1},
		"unknown field":  {`{"epoch":1,"entries":[],"evil":1}`, 1},
		"something more": {string(good) + "{}", 1},
		"wrong type":     {`{"epoch":"now"}`, 1},
	} {
		if code, said := runStep(t, "tree", tc.text, newPack(), t.TempDir(), ""); code != tc.code {
			t.Errorf("%s: exit code %d, said %q", name, code, said)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"evil"}, {"tree", "-evil"}, {"tree", "more"}, {"-in", "tree"}} {
		var said strings.Builder
		if code := unpack.Run(args, strings.NewReader(""), &strings.Builder{}, &said); code != 1 || !strings.Contains(said.String(), "usage") {
			t.Errorf("%v: exit code %d, said %q", args, code, said.String())
		}
	}
}
