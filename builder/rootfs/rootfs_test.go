package rootfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

func open(t *testing.T, data []byte) *deb.Archive {
	t.Helper()
	a, err := deb.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pack(t *testing.T, name string, entries ...debtest.Entry) *deb.Archive {
	t.Helper()
	return open(t, debtest.Package(t, name, "1.0", "amd64", entries...))
}

var spec = Spec{Suite: "trixie", Arch: "amd64", User: 1000}

// executable is a file that a package marks executable.
func executable(name, content string) debtest.Entry {
	e := debtest.File(name, content)
	e.Header.Mode = 0o755
	return e
}

// small is a set of packages with one file for each thing that happens to files.
func small(t *testing.T) []*deb.Archive {
	t.Helper()
	library := string(elfFile(elfOptions{soname: "libc.so.6"}))
	return []*deb.Archive{
		open(t, debtest.WithControl(t, debtest.XZ, []debtest.Entry{
			debtest.File("./control", "Package: libc6\nSource: glibc\nVersion: 2.41\nArchitecture: amd64\n"),
			debtest.File("./md5sums", "11111111111111111111111111111111  lib/x86_64-linux-gnu/libc.so.6\n22222222222222222222222222222222  usr/share/doc/libc6/changelog.gz\n"),
		}, []debtest.Entry{
			debtest.Dir("./lib/"), executable("./lib/x86_64-linux-gnu/libc.so.6", library),
			executable("./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", string(elfFile(elfOptions{soname: "ld-linux-x86-64.so.2"}))),
			debtest.Link("./lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
			debtest.File("./usr/share/doc/libc6/changelog.gz", "x"), debtest.File("./usr/share/doc/libc6/copyright", "licence"),
			debtest.Link("./usr/share/doc/libgone", "libabsent"), debtest.File("./usr/lib/x86_64-linux-gnu/gconv/ISO8859-1.so", "x"),
			executable("./usr/bin/ldd", "#!/bin/bash\n"), executable("./sbin/ldconfig", "x"), debtest.Dir("./var/empty/"),
		})),
		pack(t, "python3.13-minimal", executable("./usr/bin/python3.13", string(elfFile(elfOptions{needed: []string{"libc.so.6"}}))),
			debtest.Link("./usr/bin/pdb3.13", "../lib/python3.13/pdb.py")),
		pack(t, "libpython3.13-stdlib", executable("./usr/lib/python3.13/pdb.py", "#! /usr/bin/python3\n"),
			debtest.File("./usr/lib/python3.13/test/test_x.py", "x"), debtest.File("./usr/lib/python3.13/ensurepip/__init__.py", "x"),
			debtest.File("./usr/lib/python3.13/venv/__init__.py", "x"), debtest.Link("./usr/lib/python3.13/sitecustomize.py", "/etc/python3.13/sitecustomize.py"),
			debtest.File("./usr/lib/python3.13/EXTERNALLY-MANAGED", "x"),
			debtest.File("./usr/lib/python3.13/lib-dynload/_dbm.cpython-313-x86_64-linux-gnu.so", "x")),
		pack(t, "ca-certificates", debtest.File("./usr/share/ca-certificates/mozilla/B.crt", "second"),
			debtest.File("./usr/share/ca-certificates/mozilla/A.crt", "first\n"), executable("./usr/sbin/update-ca-certificates", "#!/bin/sh\n")),
		pack(t, "tzdata", debtest.File("./usr/share/zoneinfo/Etc/UTC", "TZif"), debtest.Link("./usr/share/zoneinfo/UTC", "Etc/UTC"),
			debtest.File("./usr/share/zoneinfo/right/UTC", "x"), debtest.Link("./usr/share/zoneinfo/gone", "right/UTC")),
		pack(t, "git", executable("./usr/bin/git", "x"), executable("./usr/lib/git-core/git-submodule", "#!/bin/sh\n")),
	}
}

func describe(entries []venv.Entry) []string {
	var lines []string
	for _, e := range entries {
		line := fmt.Sprintf("%s %04o %s", e.Type, e.Mode.Perm(), e.Path)
		if e.Mode&fs.ModeSticky != 0 {
			line += " sticky"
		}
		if e.Target != "" {
			line += " -> " + e.Target
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBuild(t *testing.T) {
	tree, err := Build(spec, small(t))
	if err != nil {
		t.Fatal(err)
	}
	wantOS := []string{
		"link 0777 bin -> usr/bin", "dir 0755 dev", "dir 0755 etc", "file 0644 etc/group", "file 0644 etc/hosts", "file 0644 etc/ld.so.cache",
		"link 0777 etc/localtime -> /usr/share/zoneinfo/Etc/UTC", "file 0644 etc/nsswitch.conf", "link 0777 etc/os-release -> ../usr/lib/os-release",
		"file 0644 etc/passwd", "file 0644 etc/resolv.conf", "dir 0755 etc/ssl", "dir 0755 etc/ssl/certs", "file 0644 etc/ssl/certs/ca-certificates.crt",
		"file 0644 etc/timezone", "link 0777 lib -> usr/lib", "link 0777 lib64 -> usr/lib64", "dir 0755 proc", "dir 0755 run", "dir 0755 sys",
		"dir 0777 tmp sticky", "dir 0755 usr", "dir 0755 usr/lib", "file 0644 usr/lib/os-release", "dir 0755 usr/lib/ssl",
		"link 0777 usr/lib/ssl/cert.pem -> /etc/ssl/certs/ca-certificates.crt", "link 0777 usr/lib/ssl/certs -> /etc/ssl/certs",
		"dir 0755 usr/lib/x86_64-linux-gnu", "file 0755 usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "file 0644 usr/lib/x86_64-linux-gnu/libc.so.6",
		"dir 0755 usr/lib64", "link 0777 usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
		"dir 0755 usr/share", "dir 0755 usr/share/doc", "dir 0755 usr/share/doc/libc6", "file 0644 usr/share/doc/libc6/copyright",
		"dir 0755 usr/share/zoneinfo", "dir 0755 usr/share/zoneinfo/Etc", "file 0644 usr/share/zoneinfo/Etc/UTC", "link 0777 usr/share/zoneinfo/UTC -> Etc/UTC",
		"dir 0755 var", "dir 0755 var/lib", "dir 0755 var/lib/dpkg", "dir 0755 var/lib/dpkg/status.d",
		"file 0644 var/lib/dpkg/status.d/ca-certificates", "file 0644 var/lib/dpkg/status.d/ca-certificates.md5sums",
		"file 0644 var/lib/dpkg/status.d/git", "file 0644 var/lib/dpkg/status.d/git.md5sums",
		"file 0644 var/lib/dpkg/status.d/libc6", "file 0644 var/lib/dpkg/status.d/libc6.md5sums",
		"file 0644 var/lib/dpkg/status.d/tzdata", "file 0644 var/lib/dpkg/status.d/tzdata.md5sums",
	}
	if diff := cmp.Diff(wantOS, describe(tree.Of(OS))); diff != "" {
		t.Error(diff)
	}
	wantPython := []string{
		"dir 0755 usr", "dir 0755 usr/bin", "link 0777 usr/bin/python3 -> python3.13", "file 0755 usr/bin/python3.13",
		"dir 0755 usr/lib", "dir 0755 usr/lib/python3.13", "file 0644 usr/lib/python3.13/pdb.py",
		"dir 0755 var", "dir 0755 var/lib", "dir 0755 var/lib/dpkg", "dir 0755 var/lib/dpkg/status.d",
		"file 0644 var/lib/dpkg/status.d/libpython3.13-stdlib", "file 0644 var/lib/dpkg/status.d/libpython3.13-stdlib.md5sums",
		"file 0644 var/lib/dpkg/status.d/python3.13-minimal", "file 0644 var/lib/dpkg/status.d/python3.13-minimal.md5sums",
	}
	if diff := cmp.Diff(wantPython, describe(tree.Of(Python))); diff != "" {
		t.Error(diff)
	}
	content := map[string]string{}
	for _, e := range tree.Entries {
		content[e.Path] = e.Content
	}
	wantContent := map[string]string{
		"etc/ssl/certs/ca-certificates.crt":    "first\nsecond\n",
		"etc/group":                            "root:x:0:\ndatahub:x:1000:\nnogroup:x:65534:\n",
		"var/lib/dpkg/status.d/libc6":          "Package: libc6\nStatus: install ok installed\nSource: glibc\nVersion: 2.41\nArchitecture: amd64\n",
		"var/lib/dpkg/status.d/libc6.md5sums":  "11111111111111111111111111111111  usr/lib/x86_64-linux-gnu/libc.so.6\n",
		"var/lib/dpkg/status.d/tzdata.md5sums": "",
		"usr/share/doc/libc6/copyright":        "licence",
		"usr/lib/x86_64-linux-gnu/libc.so.6":   string(elfFile(elfOptions{soname: "libc.so.6"})),
		"var/lib/dpkg/status.d/git":            "Package: git\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nDescription: made for a test\n of several lines\n",
	}
	for name, want := range wantContent {
		if diff := cmp.Diff(want, content[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	var dropped []string
	reasons := map[string]string{}
	for _, r := range Rules() {
		reasons[r.ID] = r.Reason
	}
	for _, d := range tree.Dropped {
		dropped = append(dropped, d.Rule+" "+d.Package+" "+d.Path)
		if reasons[d.Rule] == "" {
			t.Errorf("rule %s has no reason", d.Rule)
		}
	}
	wantDropped := []string{
		"programs git usr/bin/git", "programs libc6 usr/bin/ldd", "programs python3.13-minimal usr/bin/pdb3.13",
		"programs git usr/lib/git-core/git-submodule", "start-up libpython3.13-stdlib usr/lib/python3.13/EXTERNALLY-MANAGED",
		"installer-modules libpython3.13-stdlib usr/lib/python3.13/ensurepip/__init__.py",
		"absent-libraries libpython3.13-stdlib usr/lib/python3.13/lib-dynload/_dbm.cpython-313-x86_64-linux-gnu.so",
		"start-up libpython3.13-stdlib usr/lib/python3.13/sitecustomize.py", "test-modules libpython3.13-stdlib usr/lib/python3.13/test/test_x.py",
		"installer-modules libpython3.13-stdlib usr/lib/python3.13/venv/__init__.py", "gconv libc6 usr/lib/x86_64-linux-gnu/gconv/ISO8859-1.so",
		"programs libc6 usr/sbin/ldconfig", "programs ca-certificates usr/sbin/update-ca-certificates",
		"merged ca-certificates usr/share/ca-certificates/mozilla/A.crt", "merged ca-certificates usr/share/ca-certificates/mozilla/B.crt",
		"documentation libc6 usr/share/doc/libc6/changelog.gz", "documentation libc6 usr/share/doc/libgone",
		"dangling tzdata usr/share/zoneinfo/gone", "zones tzdata usr/share/zoneinfo/right/UTC",
	}
	if diff := cmp.Diff(wantDropped, dropped); diff != "" {
		t.Error(diff)
	}
}

// TestOrder builds from the same packages in another order.
func TestOrder(t *testing.T) {
	packages := small(t)
	first, err := Build(spec, packages)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(packages)
	second, err := Build(spec, packages)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestPrograms(t *testing.T) {
	allowed := spec
	allowed.Programs = []string{"git"}
	tree, err := Build(allowed, small(t))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, line := range describe(tree.Of(OS)) {
		if strings.Contains(line, "git") && !strings.Contains(line, "status.d") {
			found = append(found, line)
		}
	}
	if diff := cmp.Diff([]string{"file 0755 usr/bin/git"}, found); diff != "" {
		t.Error(diff)
	}
}

func TestBuildRefuses(t *testing.T) {
	change := func(f func(*Spec)) Spec { s := spec; f(&s); return s }
	cases := map[string]struct {
		spec     Spec
		packages []*deb.Archive
		kind     fault.Kind
	}{
		"unknown suite":        {change(func(s *Spec) { s.Suite = "sarge" }), nil, fault.Usage},
		"unknown architecture": {change(func(s *Spec) { s.Arch = "m68k" }), nil, fault.Usage},
		"unknown program":      {change(func(s *Spec) { s.Programs = []string{"bash"} }), nil, fault.Usage},
		"wrong architecture":   {change(func(s *Spec) { s.Arch = "arm64" }), small(t), fault.Integrity},
		"package twice":        {spec, []*deb.Archive{pack(t, "a1"), pack(t, "a1")}, fault.Integrity},
		"package name":         {spec, []*deb.Archive{pack(t, "../a")}, fault.Integrity},
		"file differs": {spec, []*deb.Archive{
			pack(t, "a1", debtest.File("./usr/lib/x", "1")), pack(t, "a2", debtest.File("./lib/x", "2"))}, fault.Integrity},
		"link and file": {spec, []*deb.Archive{
			pack(t, "a1", debtest.Link("./usr/lib/x", "os-release")), pack(t, "a2", debtest.File("./usr/lib/x", "2"))}, fault.Integrity},
		"below another package's link": {spec, []*deb.Archive{
			pack(t, "a1", debtest.Link("./opt/x", "/etc")), pack(t, "a2", debtest.File("./opt/x/passwd", "2"))}, fault.Integrity},
		"below another package's file": {spec, []*deb.Archive{
			pack(t, "a1", debtest.File("./opt/x", "1")), pack(t, "a2", debtest.File("./opt/x/y", "2"))}, fault.Integrity},
		"missing library": {spec, []*deb.Archive{
			pack(t, "a1", debtest.File("./usr/lib/x86_64-linux-gnu/liba.so.1", string(elfFile(elfOptions{needed: []string{"libgone.so.1"}}))))}, fault.Integrity},
		"damaged ELF file":     {spec, []*deb.Archive{pack(t, "a1", debtest.File("./usr/lib/liba.so.1", "\x7fELF\x02\x01\x01 and no more"))}, fault.Integrity},
		"ELF of another arch":  {spec, []*deb.Archive{pack(t, "a1", debtest.File("./usr/lib/liba.so.1", string(elfFile(elfOptions{machine: 183}))))}, fault.Integrity},
		"hostile entry inside": {spec, []*deb.Archive{pack(t, "a1", debtest.File("./../x", "1"))}, fault.Integrity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Build(c.spec, c.packages); fault.KindOf(err) != c.kind {
				t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
			}
		})
	}
}

// TestSharedFile has two packages with the same file, as Multi-Arch allows.
func TestSharedFile(t *testing.T) {
	packages := []*deb.Archive{pack(t, "a1", debtest.File("./usr/lib/x", "1")), pack(t, "a2", debtest.File("./usr/lib/x", "1"))}
	if _, err := Build(spec, packages); err != nil {
		t.Error(err)
	}
}
