package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

const envText = "\ufeff# upstream's variables\r\n" +
	"export BUNDLED_CLI_VERSION=v1.7.0.17\r\n" +
	"BUNDLED_VENV_PLUGINS=\"s3, demo-data ,file,,datahub-gc,mysql\"\n" +
	"BUNDLED_VENV_PLUGINS_GC_DOCS=datahub-gc\n" +
	"BUNDLED_VENV_PLUGINS_COMMON=demo-data,file\n" +
	"BUNDLED_VENV_AUX_PRIMARY_COMMON=file\n" +
	"BUNDLED_VENV_SLIM_MODE=Yes\n" +
	"BUILD_BUNDLED_VENVS=true\n" +
	"DATAHUB_BUNDLED_VENV_PATH=/srv/venvs\n" +
	"UV_PROFILE=custom\n" +
	"DEFAULT_INDEX_URL=https://mirror.example/simple\n" +
	"EXTRA_INDEX_URLS=https://pkgs.example/simple https://b.example/simple\n" +
	"LOCKFORGE_EXTRA_INDEX_PACKAGES=acme-*,Acme2 b\n"

// sameAsEnv is the YAML form of envText.
const sameAsEnv = `venvPath: /srv/venvs
plugins: [s3, demo-data, file, datahub-gc, mysql]
groups:   # in another order
  gc_docs: [datahub-gc]
  common: {primary: file, plugins: [demo-data, file]}
cli: {slim: true, version: 1.7.0.17}
indexes: {default: {url: "https://other.example/simple"}}
version: 1
`

func TestEnvFile(t *testing.T) {
	m, err := load(envText)
	if err != nil {
		t.Fatal(err)
	}
	want := &manifest.Manifest{
		Version: 1, Name: "datahub-executor-locked", CLI: manifest.CLI{Version: "1.7.0.17", Slim: true},
		Plugins: []manifest.Plugin{{Name: "s3"}, {Name: "demo-data"}, {Name: "file"}, {Name: "datahub-gc"}, {Name: "mysql"}},
		Groups: []manifest.Group{
			{Label: "common", Plugins: []string{"demo-data", "file"}, Primary: "file"},
			{Label: "gc_docs", Plugins: []string{"datahub-gc"}},
		},
		Indexes: manifest.Indexes{
			Default: &manifest.Index{Name: "default", URL: "https://mirror.example/simple"},
			Extra: []manifest.Index{
				{Name: "extra-1", URL: "https://pkgs.example/simple", Packages: []string{"acme-*", "acme2"}},
				{Name: "extra-2", URL: "https://b.example/simple", Packages: []string{"b"}},
			},
		},
		Base: manifest.Base{Debian: &manifest.Debian{Suite: "trixie"}}, Runtime: manifest.Runtime{Executor: true, User: 1000},
		VenvPath: "/srv/venvs", Layers: manifest.Layers{Budget: 48, Compression: "zstd"},
		Platforms: []string{"linux/amd64"}, Path: "dir/m.yaml",
	}
	if diff := cmp.Diff(want, m, ignorePlaces); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	for path, want := range map[string]fault.Pos{
		"cli.version": {File: "dir/m.yaml", Line: 2, Column: 28},
		"plugins[1]":  {File: "dir/m.yaml", Line: 3, Column: 27},
		"plugins[3]":  {File: "dir/m.yaml", Line: 3, Column: 44},
	} {
		if got := m.Pos(path); got != want {
			t.Errorf("Pos(%q) = %v, want %v", path, got, want)
		}
	}
	if got := m.Key("plugins"); got != "BUNDLED_VENV_PLUGINS" {
		t.Errorf("Key(plugins) = %q", got)
	}
	yamlForm, err := load(sameAsEnv)
	if err != nil {
		t.Fatal(err)
	}
	if m.Digest() != yamlForm.Digest() {
		t.Error("the two forms of one manifest have different digests")
	}
}

func TestEnvironmentIgnoresUnrelatedVariables(t *testing.T) {
	environ := []string{
		"HOME=/root", "PATH=/bin", "UV_INDEX_STRATEGY=unsafe-best-match", "UV_INDEX_ACME_PASSWORD=secret", "PIP_CONSTRAINT=x", "=odd", "empty",
		"BUNDLED_CLI_VERSION=1.7.0.17", "BUNDLED_VENV_PLUGINS=mysql", "PIP_MIRROR_URL=null", "PIP_EXTRA_INDEX_URL=",
		"PIP_INDEX_URL=https://mirror.example/simple", "UV_DEFAULT_INDEX=corp=https://mirror.example/simple/",
	}
	m, err := manifest.FromEnv(environ, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&manifest.Index{Name: "default", URL: "https://mirror.example/simple"}, m.Indexes.Default); diff != "" {
		t.Errorf("default index (-want +got):\n%s", diff)
	}
	if got, want := m.Pos("plugins[0]"), (fault.Pos{File: "$BUNDLED_VENV_PLUGINS"}); got != want {
		t.Errorf("place = %v, want %v", got, want)
	}
	_, err = manifest.FromEnv(append(environ, "BUNDLED_VENV_PLUGIN=s3", "BUNDLED_VENV_PLUGINS_=s3"), "")
	if got := len(fault.All(err)); got != 2 || !fault.Is(err, fault.Manifest) {
		t.Errorf("%d problems with misspelt variables of upstream, want 2: %v", got, err)
	}
}

// Upstream's index variables, one by one: which index they name.
func TestIndexVariables(t *testing.T) {
	base := []string{"BUNDLED_CLI_VERSION=1.0", "BUNDLED_VENV_PLUGINS=mysql", "LOCKFORGE_EXTRA_INDEX_PACKAGES=acme"}
	for _, key := range []string{"PIP_MIRROR_URL", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "DEFAULT_INDEX_URL"} {
		m, err := manifest.FromEnv(append(base[:2:2], key+"=https://mirror.example/simple"), "")
		if err != nil {
			t.Errorf("%s: %v", key, err)
		} else if m.Indexes.Default == nil || m.Indexes.Default.URL != "https://mirror.example/simple" {
			t.Errorf("%s gives %v", key, m.Indexes)
		}
	}
	for _, key := range []string{"PIP_EXTRA_INDEX_URL", "EXTRA_INDEX_URLS", "UV_EXTRA_INDEX_URL", "UV_INDEX"} {
		m, err := manifest.FromEnv(append(base[:3:3], key+"=corp=https://pkgs.example/simple"), "")
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		want := []manifest.Index{{Name: "corp", URL: "https://pkgs.example/simple", Packages: []string{"acme"}}}
		if diff := cmp.Diff(want, m.Indexes.Extra); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

func TestSlimValues(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "TRUE": true, "1": true, "yes": true, "false": false, "0": false, "No": false, "": false} {
		m, err := manifest.FromEnv([]string{"BUNDLED_CLI_VERSION=1.0", "BUNDLED_VENV_PLUGINS=s3", "BUNDLED_VENV_SLIM_MODE=" + value}, "")
		if err != nil {
			t.Errorf("%q: %v", value, err)
		} else if m.CLI.Slim != want {
			t.Errorf("%q is %v, want %v", value, m.CLI.Slim, want)
		}
	}
}

func TestBuildArgsOverrideTheFile(t *testing.T) {
	args, err := manifest.BuildArgs([]string{"BUNDLED_CLI_VERSION=1.8", "BUNDLED_VENV_PLUGINS_COMMON=file,s3", "BUNDLED_VENV_AUX_PRIMARY_COMMON=s3"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Load(files(envText), "dir/m.yaml", args...)
	if err != nil {
		t.Fatal(err)
	}
	want := []manifest.Group{
		{Label: "common", Plugins: []string{"file", "s3"}, Primary: "s3"}, {Label: "gc_docs", Plugins: []string{"datahub-gc"}},
	}
	if diff := cmp.Diff(want, m.Groups, cmpopts.EquateEmpty()); diff != "" || m.CLI.Version != "1.8" {
		t.Errorf("version %s, groups (-want +got):\n%s", m.CLI.Version, diff)
	}

	empty, err := manifest.BuildArgs([]string{"BUNDLED_CLI_VERSION="})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = manifest.Load(files(envText), "dir/m.yaml", empty...); !fault.Is(err, fault.Manifest) {
		t.Errorf("an empty build argument must clear the version: %v", err)
	}
	if _, err = manifest.Load(files(full), "dir/m.yaml", args...); !fault.Is(err, fault.Usage) {
		t.Errorf("build arguments with a YAML manifest give %v", err)
	}
	if _, err = manifest.BuildArgs([]string{"X", "=1", "A B=1"}); len(fault.All(err)) != 3 || !fault.Is(err, fault.Usage) {
		t.Errorf("malformed build arguments give %v", err)
	}
	twice, err := manifest.BuildArgs([]string{"BUNDLED_VENV_PLUGINS=s3", "BUNDLED_VENV_PLUGINS=s3", "BUNDLED_CLI_VERSION=1.0", "FOO=1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = manifest.FromVariables(twice, ""); len(fault.All(err)) != 2 {
		t.Errorf("a repeated and an unknown build argument give %v", err)
	}
}
