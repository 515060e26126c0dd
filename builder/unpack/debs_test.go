package unpack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/rootfs"
)

const debsEpoch = 1763769600

// debsInput lays out what a "debs" step gets: the specification and the pack.
func debsInput(t *testing.T, spec DebsSpec, packages map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	var members []debtest.Entry
	for name, data := range packages {
		members = append(members, debtest.File(name, string(data)))
	}
	content, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"spec.json": content, "pack": debtest.Tar(t, members...)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inputOf(name string, data []byte) Input {
	sum := sha256.Sum256(data)
	return Input{File: name, SHA256: hex.EncodeToString(sum[:])}
}

func smallDebs(t *testing.T) (DebsSpec, map[string][]byte) {
	t.Helper()
	packages := map[string][]byte{
		"libc.deb":   debtest.Package(t, "libc-bin", "1", "amd64", debtest.Dir("./etc/"), debtest.File("./etc/kept.conf", "text"), debtest.File("./usr/bin/ldd", "x")),
		"python.deb": debtest.Package(t, "python3.13-minimal", "1", "amd64", debtest.File("./usr/bin/python3.13", "binary"), debtest.Link("./usr/lib/l", "/etc/kept.conf")),
	}
	return DebsSpec{Epoch: debsEpoch, Suite: "trixie", Arch: "amd64", User: 1000,
		Debs: []Input{inputOf("libc.deb", packages["libc.deb"]), inputOf("python.deb", packages["python.deb"])}}, packages
}

// treeOf describes everything below a directory: type, mode, owner, time and
// content or target.
func treeOf(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		var what string
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			what, err = os.Readlink(name)
		case info.Mode().IsRegular():
			var content []byte
			content, err = os.ReadFile(name)
			what = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		rel, _ := filepath.Rel(root, name) // name lies below root
		found[rel] = fmt.Sprintf("%v %d:%d %d.%d %s", info.Mode(), stat.Uid-uint32(os.Getuid()), stat.Gid-uint32(os.Getgid()), stat.Mtim.Sec, stat.Mtim.Nsec, what)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDebs(t *testing.T) {
	spec, packages := smallDebs(t)
	both := t.TempDir()
	in := debsInput(t, spec, packages)
	if err := run([]string{"debs", "-in", in, "-out", both}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	parts := map[string]map[string]string{}
	for _, part := range []string{"os", "python"} {
		parts[part] = treeOf(t, filepath.Join(both, part))
		spec.Part = rootfs.Part(part)
		out := t.TempDir()
		if err := run([]string{"debs", "-in", debsInput(t, spec, packages), "-out", out}, os.Stderr); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parts[part], treeOf(t, out)); diff != "" {
			t.Errorf("part %s alone differs from both at once: %s", part, diff)
		}
	}
	for name, line := range parts["os"] {
		if other, ok := parts["python"][name]; ok && (other != line || !strings.HasPrefix(line, "d")) {
			t.Errorf("%s is in both parts: %s, %s", name, line, other)
		}
	}
	for name, want := range map[string]string{
		".": "drwxr-xr-x 0:0 1763769600.0 ", "tmp": "dtrwxrwxrwx 0:0 1763769600.0 ", "etc": "drwxr-xr-x 0:0 1763769600.0 ",
		"etc/kept.conf": fmt.Sprintf("-rw-r--r-- 0:0 1763769600.0 %x", sha256.Sum256([]byte("text"))),
	} {
		if parts["os"][name] != want {
			t.Errorf("%s is %q, not %q", name, parts["os"][name], want)
		}
	}
	if got, want := parts["python"]["usr/lib/l"], "Lrwxrwxrwx 0:0 1763769600.0 /etc/kept.conf"; got != want {
		t.Errorf("link is %q", got)
	}
}

func TestDebsRefuses(t *testing.T) {
	change := func(f func(*DebsSpec, map[string][]byte)) func(*testing.T) string {
		return func(t *testing.T) string {
			spec, packages := smallDebs(t)
			f(&spec, packages)
			return debsInput(t, spec, packages)
		}
	}
	cases := map[string]struct {
		input func(*testing.T) string
		kind  fault.Kind
	}{
		"wrong hash": {change(func(_ *DebsSpec, p map[string][]byte) { p["libc.deb"] = p["python.deb"] }), fault.Integrity},
		"HTML": {change(func(s *DebsSpec, p map[string][]byte) {
			p["libc.deb"] = []byte("<html>")
			s.Debs[0] = inputOf("libc.deb", p["libc.deb"])
		}), fault.Integrity},
		"no packages":    {change(func(s *DebsSpec, _ map[string][]byte) { s.Debs = nil }), fault.Internal},
		"package twice":  {change(func(s *DebsSpec, _ map[string][]byte) { s.Debs = append(s.Debs, s.Debs[0]) }), fault.Internal},
		"root as user":   {change(func(s *DebsSpec, _ map[string][]byte) { s.User = 0 }), fault.Internal},
		"unknown part":   {change(func(s *DebsSpec, _ map[string][]byte) { s.Part = "kernel" }), fault.Internal},
		"unknown suite":  {change(func(s *DebsSpec, _ map[string][]byte) { s.Suite = "sarge" }), fault.Usage},
		"malformed hash": {change(func(s *DebsSpec, _ map[string][]byte) { s.Debs[0].SHA256 = "x" }), fault.Internal},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			if err := run([]string{"debs", "-in", c.input(t), "-out", out}, os.Stderr); fault.KindOf(err) != c.kind {
				t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
			}
			if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
				t.Errorf("something was written: %v %v", left, err)
			}
		})
	}
}
