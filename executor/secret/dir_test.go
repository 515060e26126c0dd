package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/secret"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// mount lays out a directory as the kubelet does.
func mount(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/..2026_01/DB_PASSWORD", "first\n")
	link(t, "..2026_01", dir+"/..data")
	link(t, "..data/DB_PASSWORD", dir+"/DB_PASSWORD")
	return dir
}

func values(t *testing.T, d secret.Dir, names ...string) map[string]string {
	t.Helper()
	got, err := d.Values(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDirSeesARotation(t *testing.T) {
	dir := mount(t)
	d := secret.Dir{Path: dir}
	if diff := cmp.Diff(map[string]string{"DB_PASSWORD": "first"}, values(t, d, "DB_PASSWORD", "ABSENT")); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	write(t, dir+"/..2026_02/DB_PASSWORD", "second")
	link(t, "..2026_02", dir+"/..data_tmp")
	if err := os.Rename(dir+"/..data_tmp", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"DB_PASSWORD": "second"}, values(t, d, "DB_PASSWORD")); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func TestDirTrimsTheEnd(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"": "", "x": "x", "x\n": "x", " x \r\n\n\t": " x", "a\nb\n": "a\nb", "\n": "",
	} {
		write(t, dir+"/A", content)
		if got := values(t, secret.Dir{Path: dir}, "A")["A"]; got != want {
			t.Errorf("%q gives %q, want %q", content, got, want)
		}
	}
}

func TestDirRefusesWhatIsNoSecret(t *testing.T) {
	outside := t.TempDir() + "/outside"
	write(t, outside, "not yours")
	for name, plant := range map[string]func(path string) error{
		"link to outside":          func(path string) error { return os.Symlink(outside, path) },
		"relative link to outside": func(path string) error { return os.Symlink("../../../../../../../../../../../../etc/passwd", path) },
		"link to itself":           func(path string) error { return os.Symlink("A", path) },
		"directory":                func(path string) error { return os.Mkdir(path, 0o755) },
		"pipe":                     func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link to a device":         func(path string) error { return os.Symlink("/dev/zero", path) },
		"large":                    func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 101)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := plant(dir + "/A"); err != nil {
				t.Fatal(err)
			}
			write(t, dir+"/B", "good")
			got, err := secret.Dir{Path: dir, MaxBytes: 100}.Values(t.Context(), []string{"A", "B"})
			if err == nil || got["A"] != "" || got["B"] != "good" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestDirTakesNoPathForAName(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/sub/A", "x")
	write(t, dir+"/.hidden", "x")
	got := values(t, secret.Dir{Path: dir}, "sub/A", "../A", ".hidden", "..data", "", "A\x00", dir+"/sub/A")
	if len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestDirThatIsAbsent(t *testing.T) {
	d := secret.Dir{Path: t.TempDir() + "/absent"}
	if got := values(t, d, "A"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if err := d.Check(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check = %v", err)
	}
	d.Path = filepath.Dir(d.Path)
	if err := d.Check(); err != nil {
		t.Errorf("check = %v", err)
	}
}
