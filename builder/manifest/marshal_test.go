package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

func TestMarshalRoundTrips(t *testing.T) {
	head := "version: 1\ncli: {version: \"1.0\"}\n"
	for name, text := range map[string]string{
		"full": full, "env": envText, "small": head + "plugins: [mysql]\n",
		"image":        head + "plugins: [mysql]\nbase: {image: \"reg.example/a@sha256:" + digest64 + "\", flatten: true}\n",
		"layout":       head + "plugins: [mysql]\nbase: {layout: \"d@sha256:" + digest64 + "\"}\n",
		"number words": head + "plugins: [\"1\", \"1e3\", \"null\", \"true\", \"on\", \"0x1\"]\n",
		"custom only":  head + "custom: [{name: a, requirements: [\"b: c\", d], source: \"x:Y\"}]\n",
	} {
		if name == "custom only" {
			text = strings.Replace(text, "b: c", "b>=1", 1)
		}
		t.Run(name, func(t *testing.T) { roundTrip(t, text, true) })
	}
}

// roundTrip loads, writes and loads again. It reports whether text is a manifest.
func roundTrip(t *testing.T, text string, mustLoad bool) bool {
	t.Helper()
	first, err := load(text)
	if err != nil {
		if mustLoad {
			t.Fatal(err)
		}
		return false
	}
	data, err := manifest.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := load(string(data))
	if err != nil {
		t.Fatalf("reading back:\n%s\n%v", data, err)
	}
	if first.Digest() != second.Digest() {
		t.Errorf("the digest changes with\n%s", data)
	}
	redact(first)
	if diff := cmp.Diff(first, second, ignorePlaces); diff != "" {
		t.Errorf("manifest (-first +second):\n%s", diff)
	}
	return true
}

// redact takes out of m what Marshal does not write.
func redact(m *manifest.Manifest) {
	if d := m.Indexes.Default; d != nil {
		redactIndex(d)
	}
	for i := range m.Indexes.Extra {
		redactIndex(&m.Indexes.Extra[i])
	}
}

func redactIndex(i *manifest.Index) {
	i.URL = manifest.Redact(i.URL)
	for j, m := range i.Mirrors {
		i.Mirrors[j] = manifest.Redact(m)
	}
}

func TestInit(t *testing.T) {
	data, err := manifest.Init(manifest.Options{
		CLIVersion: "v1.7.0.17", Slim: true, Plugins: []string{"mysql", "file", "demo-data"},
		Groups: map[string][]string{"common": {"file", "demo-data"}}, Schema: "./schema.json",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `# yaml-language-server: $schema=./schema.json
version: 1
# Name of the image, without registry.
name: datahub-executor-locked
# Release of the DataHub CLI, the same for every venv.
cli: {version: 1.7.0.17, slim: true}
# Connectors, as recipes name them. Each gets its own venv, NAME-bundled.
plugins:
  - mysql
  - file
  - demo-data
# Plugins that share one venv, LABEL-venv.
groups:
  common: [file, demo-data]
# The OS under the venvs.
base: {debian: {suite: trixie}}
runtime: {executor: true, user: 1000}
venvPath: /opt/datahub/venvs
layers: {budget: 48, compression: zstd}
platforms: [linux/amd64]
`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if err := validate(compile(t), string(data)); err != nil {
		t.Error(err)
	}
	_, err = manifest.Init(manifest.Options{Plugins: []string{"mysql", "mysql"}, Suite: "sid", Platforms: []string{"linux/arm64"}})
	if got := len(fault.All(err)); got != 3 {
		t.Errorf("%d problems, want 3: %v", got, err)
	}
}
