package lock

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/internal/testenv"
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

// Whatever byte of a manifest is changed, it is refused, by itself or for not
// being the one that was locked; or it asks for the very same, in other words.
func TestNoByteOfAManifestCanBeChanged(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../manifests/quickstart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	load := func() (*manifest.Manifest, error) {
		return manifest.Load(fstest.MapFS{"m.yaml": {Data: content}}, "m.yaml")
	}
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	l := &Lock{Manifest: m.Digest(), CLIVersion: m.CLI.Version}
	for _, p := range m.Platforms {
		l.Platforms = append(l.Platforms, &Platform{Platform: p})
	}
	if err := Check(m, l); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	refused := 0
	for range 1000 {
		at, undo := testenv.ChangeByte(random, content)
		changed, err := load()
		if err == nil {
			err = Check(changed, l)
		}
		now := content[at]
		undo()
		if err != nil {
			if refused++; !fault.Is(err, fault.LockDrift) && !fault.Is(err, fault.Manifest) {
				t.Fatalf("byte %d (%q) is %q: %v", at, content[at], now, err)
			}
			continue
		}
		changed.Path = m.Path
		if diff := cmp.Diff(m, changed, cmpopts.IgnoreUnexported(manifest.Manifest{})); diff != "" {
			t.Fatalf("byte %d (%q) is %q, and the lock still fits (-want +got):\n%s", at, content[at], now, diff)
		}
	}
	if comments := bytes.Count(content, []byte("#")); refused < 500 {
		t.Errorf("only %d of 1000 changes were refused, with %d comments", refused, comments)
	}
}
