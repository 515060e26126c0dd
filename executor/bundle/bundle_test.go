package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/executor/bundle"
)

func TestFind(t *testing.T) {
	outside := t.TempDir()
	root := t.TempDir()
	mkVenv(t, filepath.Join(outside, "evil-bundled"))
	mkVenv(t, filepath.Join(root, "mysql-bundled"))
	mkVenv(t, filepath.Join(root, "common-venv"))
	symlink(t, "common-venv", filepath.Join(root, "file-bundled"))
	symlink(t, filepath.Join(outside, "evil-bundled"), filepath.Join(root, "absolute-bundled"))
	symlink(t, "../"+filepath.Base(outside)+"/evil-bundled", filepath.Join(root, "dotdot-bundled"))
	if err := os.MkdirAll(filepath.Join(root, "empty-bundled", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		plugin    string
		ok        bool
		notBundle bool
	}{
		{plugin: "mysql", ok: true},
		{plugin: "file", ok: true},
		{plugin: "snowflake", notBundle: true},
		{plugin: "empty"},
		{plugin: "absolute"},
		{plugin: "dotdot"},
		{plugin: "../" + filepath.Base(outside) + "/evil"},
		{plugin: ""},
		{plugin: "MySQL"},
		{plugin: "a/b"},
		{plugin: "a\x00b"},
	} {
		t.Run(tc.plugin, func(t *testing.T) {
			venv, err := bundle.Find(root, tc.plugin)
			if (err == nil) != tc.ok {
				t.Fatalf("Find(%q) = %v, %v; want success: %v", tc.plugin, venv, err, tc.ok)
			}
			if errors.Is(err, bundle.ErrNotBundled) != tc.notBundle {
				t.Errorf("Find(%q): error %v, want not bundled: %v", tc.plugin, err, tc.notBundle)
			}
			if want := filepath.Join(root, tc.plugin+"-bundled", "bin", "python"); tc.ok && venv.Python != want {
				t.Errorf("python = %s, want %s", venv.Python, want)
			}
		})
	}
}

func TestMetadataIsBounded(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "metadata.json")
	write := func(content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bundle.Metadata(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	write([]byte(`{"bundled_plugins":["mysql"],"cli_version":"1.7.0.17"}`))
	m, err := bundle.Metadata(root)
	if err != nil || len(m.BundledPlugins) != 1 || m.CLIVersion != "1.7.0.17" {
		t.Errorf("Metadata = %+v, %v", m, err)
	}
	write(make([]byte, 2<<20))
	if _, err := bundle.Metadata(root); err == nil {
		t.Error("an oversize metadata.json was read")
	}
}

func mkVenv(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	symlink(t, "/bin/true", filepath.Join(dir, "bin", "python"))
	symlink(t, "/bin/true", filepath.Join(dir, "bin", "datahub"))
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
