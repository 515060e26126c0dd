package lock

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	m := func() *manifest.Manifest {
		return &manifest.Manifest{
			Version: 1, Path: "m.yaml", CLI: manifest.CLI{Version: "1.7.0.17"},
			Plugins: []manifest.Plugin{{Name: "mysql"}}, Platforms: []string{"linux/amd64"},
		}
	}
	l := sample()
	l.Manifest = m().Digest()
	if err := Check(m(), l); err != nil {
		t.Errorf("its own manifest: %v", err)
	}
	tests := map[string]struct {
		change func(*manifest.Manifest)
		says   string
	}{
		"another plugin":   {func(m *manifest.Manifest) { m.Plugins[0].Name = "postgres" }, "has changed"},
		"another version":  {func(m *manifest.Manifest) { m.CLI.Version = "1.8.0" }, "CLI version 1.7.0.17"},
		"another platform": {func(m *manifest.Manifest) { m.Platforms = append(m.Platforms, "linux/arm64") }, "linux/amd64, linux/arm64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := m()
			test.change(changed)
			err := Check(changed, l)
			if fault.KindOf(fault.All(err)[0]) != fault.LockDrift || !strings.Contains(err.Error(), test.says) || len(fault.Hints(err)) == 0 {
				t.Errorf("got %v, hints %v", err, fault.Hints(err))
			}
		})
	}
	moved := m()
	moved.Indexes.Default = &manifest.Index{URL: "https://mirror.example/simple"}
	if err := Check(moved, l); err != nil {
		t.Errorf("another mirror: %v", err)
	}
}
