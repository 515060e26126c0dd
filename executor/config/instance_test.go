package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/executor/config"
)

func instance(t *testing.T, dir, host string) string {
	t.Helper()
	name, err := config.InstanceID(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInstanceID(t *testing.T) {
	dir := t.TempDir()
	first := instance(t, dir, "host-1")
	if !strings.HasPrefix(first, "host-1.") || len(first) < len("host-1.")+8 {
		t.Errorf("the name is %q", first)
	}
	if again := instance(t, dir, "another-host"); again != first {
		t.Errorf("after a restart it is %q, was %q", again, first)
	}
	if other := instance(t, t.TempDir(), "host-1"); other == first {
		t.Errorf("two executors of one host are both %q", other)
	}
	for _, host := range []string{"", "a\nb", "-", "ü", strings.Repeat("a", 1000)} {
		if name := instance(t, t.TempDir(), host); strings.ContainsAny(name, "\n ü") || len(name) > 256 {
			t.Errorf("host %q gives %q", host, name)
		}
	}
}

func TestInstanceIDOfDamagedFile(t *testing.T) {
	for _, content := range []string{"", "\n", "a\nb\n", "two words", strings.Repeat("a", 300), "\x00"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "instance"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if name, err := config.InstanceID(dir, "host"); err == nil {
			t.Errorf("%q gives %q", content, name)
		}
	}
	if _, err := config.InstanceID(filepath.Join(t.TempDir(), "none"), "host"); err == nil {
		t.Error("a directory that is not there keeps a name")
	}
}

func TestInstanceIDOnce(t *testing.T) {
	dir := t.TempDir()
	names := make([]string, 8)
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() { names[i], _ = config.InstanceID(dir, "host") })
	}
	all.Wait()
	for _, name := range names {
		if name == "" || name != names[0] {
			t.Fatalf("names are %q", names)
		}
	}
}
