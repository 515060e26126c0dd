package manifest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

const (
	evilDir  = "../../testdata/evil/manifests"
	goodDir  = "../../manifests"
	digest64 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// full sets every key of the YAML form.
const full = `version: 1
name: my-image
cli: {version: v1.7.0.17, slim: true, constraints: constraints.txt}
plugins:
  - mysql
  - {name: mssql, extras: [MSSQL_odbc]}
  - file
  - demo-data
groups:
  common: {plugins: [file, demo-data], primary: file}
custom:
  - {name: acme-crm, requirements: ["acryl-datahub[datahub-rest]", "acme-datahub-source==2.1"], source: "acme_source.crm:CrmSource"}
indexes:
  default: {url: "https://user:secret@mirror.example/simple", mirrors: ["https://second.example/simple"]}
  extra: [{name: acme, url: "https://pkgs.example/simple", packages: ["Acme_*"], mirrors: []}]
resolve: {cooldown: 7d}
wheels: [{path: wheels/acme_crm-2.1-py3-none-any.whl, sha256: ` + digest64 + `}]
reviewed: [{file: distutils-precedence.pth, sha256: ` + digest64 + `, reason: read it}]
allow: [{program: git, reason: lookml clones}]
base: {debian: {suite: bookworm, mirrors: ["http://os.example/debian"], securityMirrors: ["http://os.example/debian-security"]}}
runtime: {executor: false, user: 1001}
venvPath: /srv/venvs
layers: {budget: 30, compression: gzip}
platforms: [linux/arm64, linux/amd64]
`

func fullManifest() *manifest.Manifest {
	return &manifest.Manifest{
		Version: 1,
		Name:    "my-image",
		CLI: manifest.CLI{
			Version: "1.7.0.17", Slim: true, Constraints: "constraints.txt",
			ConstraintLines: []manifest.Constraint{{Requirement: "urllib3>=2.5"}, {Requirement: `numpy<3; python_version < "3.14"`}},
		},
		Plugins: []manifest.Plugin{{Name: "mysql"}, {Name: "mssql", Extras: []string{"mssql-odbc"}}, {Name: "file"}, {Name: "demo-data"}},
		Groups:  []manifest.Group{{Label: "common", Plugins: []string{"file", "demo-data"}, Primary: "file"}},
		Custom: []manifest.Custom{{
			Name: "acme-crm", Requirements: []string{"acryl-datahub[datahub-rest]", "acme-datahub-source==2.1"}, Source: "acme_source.crm:CrmSource",
		}},
		Indexes: manifest.Indexes{
			Default: &manifest.Index{Name: "default", URL: "https://user:secret@mirror.example/simple", Mirrors: []string{"https://second.example/simple"}},
			Extra:   []manifest.Index{{Name: "acme", URL: "https://pkgs.example/simple", Packages: []string{"acme-*"}}},
		},
		Resolve:   manifest.Resolve{CooldownDays: 7},
		Wheels:    []manifest.Wheel{{Path: "wheels/acme_crm-2.1-py3-none-any.whl", SHA256: digest64}},
		Reviewed:  []manifest.Review{{File: "distutils-precedence.pth", SHA256: digest64, Reason: "read it"}},
		Allow:     []manifest.Allow{{Program: "git", Reason: "lookml clones"}},
		Base:      manifest.Base{Debian: &manifest.Debian{Suite: "bookworm", Mirrors: []string{"http://os.example/debian"}, SecurityMirrors: []string{"http://os.example/debian-security"}}},
		Runtime:   manifest.Runtime{Executor: false, User: 1001},
		VenvPath:  "/srv/venvs",
		Layers:    manifest.Layers{Budget: 30, Compression: "gzip"},
		Platforms: []string{"linux/amd64", "linux/arm64"},
		Path:      "dir/m.yaml",
	}
}

const constraintsText = "# floors\n\nurllib3>=2.5   # CVE\n  numpy<3; python_version < \"3.14\"\n"

var ignorePlaces = cmp.Options{
	cmpopts.IgnoreUnexported(manifest.Manifest{}),
	cmpopts.IgnoreFields(manifest.Constraint{}, "Pos"),
	// An Index hides its credentials from String, which cmp would use in reports only.
}

func load(text string) (*manifest.Manifest, error) {
	return manifest.Load(files(text), "dir/m.yaml")
}

func files(text string) fs.FS {
	return fstest.MapFS{"dir/m.yaml": {Data: []byte(text)}, "dir/constraints.txt": {Data: []byte(constraintsText)}}
}

func TestLoadReadsEveryKey(t *testing.T) {
	m, err := load(full)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullManifest(), m, ignorePlaces); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	places := map[string]fault.Pos{
		"plugins[1]":            {File: "dir/m.yaml", Line: 6, Column: 5},
		"plugins[1].name":       {File: "dir/m.yaml", Line: 6, Column: 12},
		"groups.common":         {File: "dir/m.yaml", Line: 10, Column: 3},
		"groups.common[1]":      {File: "dir/m.yaml", Line: 10, Column: 28},
		"indexes.default.url":   {File: "dir/m.yaml", Line: 14, Column: 18},
		"indexes.default.other": {File: "dir/m.yaml", Line: 14, Column: 3},
		"nothing":               {File: "dir/m.yaml", Line: 1, Column: 1},
	}
	for path, want := range places {
		if got := m.Pos(path); got != want {
			t.Errorf("Pos(%q) = %v, want %v", path, got, want)
		}
	}
	if want := (fault.Pos{File: "dir/constraints.txt", Line: 4, Column: 3}); m.CLI.ConstraintLines[1].Pos != want {
		t.Errorf("second constraint is at %v, want %v", m.CLI.ConstraintLines[1].Pos, want)
	}
}

func TestLoadFillsDefaults(t *testing.T) {
	m, err := load("version: 1\ncli: {version: 1.10}\nplugins: [mysql]\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &manifest.Manifest{
		Version: 1, Name: "datahub-executor-locked", CLI: manifest.CLI{Version: "1.10"}, // not 1.1, as a number would be
		Plugins: []manifest.Plugin{{Name: "mysql"}},
		Base:    manifest.Base{Debian: &manifest.Debian{Suite: "trixie"}}, Runtime: manifest.Runtime{Executor: true, User: 1000},
		VenvPath: "/opt/datahub/venvs", Layers: manifest.Layers{Budget: 48, Compression: "zstd"},
		Platforms: []string{"linux/amd64"}, Path: "dir/m.yaml",
	}
	if diff := cmp.Diff(want, m, ignorePlaces); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}

func TestCLIVersions(t *testing.T) {
	for given, want := range map[string]string{
		"1.7.0.17": "1.7.0.17", "v1.7.0.17": "1.7.0.17", "1!2.0": "1!2.0", "1.7.0.17RC1": "1.7.0.17rc1", "1.0-alpha1": "1.0a1",
		"1.0.post2": "1.0.post2", "1.0.dev3": "1.0.dev3", "1.0+Local-1": "1.0+local.1",
	} {
		m, err := load("version: 1\ncli: {version: \"" + given + "\"}\nplugins: [mysql]\n")
		if err != nil {
			t.Errorf("%s: %v", given, err)
		} else if m.CLI.Version != want {
			t.Errorf("%s is read as %s, want %s", given, m.CLI.Version, want)
		}
	}
}

var (
	wantLine   = regexp.MustCompile(`(?m)^# want: (.*)$`)
	schemaLine = regexp.MustCompile(`(?m)^# schema: (.*)$`)
)

// TestEvilManifests loads every file that must be refused. Its first line
// says where, as line:column of each problem in order.
func TestEvilManifests(t *testing.T) {
	names, err := filepath.Glob(evilDir + "/*.*")
	if err != nil || len(names) < 100 {
		t.Fatalf("only %d evil manifests: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := wantLine.FindStringSubmatch(string(data))
			if want == nil {
				t.Fatal("the file doesn't say what is wrong with it")
			}
			_, err = manifest.Load(manifest.Disk{}, name)
			var got []string
			for _, e := range fault.All(err) {
				got = append(got, strings.TrimPrefix(e.Pos().String(), name+":"))
				if e.Kind() != fault.Manifest {
					t.Errorf("%v is of kind %v", e, e.Kind())
				}
			}
			if diff := cmp.Diff(strings.Fields(want[1]), got); diff != "" {
				t.Errorf("places (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestSuggestions(t *testing.T) {
	tests := []struct{ text, want string }{
		{"version: 1\ncli: {version: \"1.0\"}\nplugin: [mysql]\n", "did you mean plugins?"},
		{"version: 1\ncli: {version: \"1.0\"}\nplugins: [mysql]\ngroups: {a: [mysq]}\n", "did you mean mysql?"},
		{"version: 1\ncli: {version: \"1.0\"}\nplugins: [MySQL]\n", "did you mean mysql?"},
		{"version: 1\ncli: {version: \"1.0\"}\nplugins: [mysql]\nbase: {debian: {suite: trixi}}\n", "did you mean trixie?"},
		{"BUNDLED_CLI_VERSION=1.0\nBUNDLED_VENV_PLUGINS=mysql\nBUNDLED_VENV_SLIMMODE=1\n", "did you mean BUNDLED_VENV_SLIM_MODE?"},
		{"BUNDLED_CLI_VERSION=1.0\nBUNDLED_VENV_PLUGINS=mysql\nUV_PROFILE=custum\n", "did you mean custom?"},
	}
	for _, tt := range tests {
		_, err := load(tt.text)
		if hints := fault.Hints(err); !slices.Contains(hints, tt.want) {
			t.Errorf("%q: hints %q lack %q", tt.text, hints, tt.want)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	tests := []struct {
		name, text string
		want       fault.Pos
	}{
		{"empty", "", fault.Pos{File: "dir/m.yaml", Line: 1, Column: 1}},
		{"comments only", "# nothing\n", fault.Pos{File: "dir/m.yaml", Line: 1, Column: 1}},
		{"NUL", "version: 1\nname: \x00\n", fault.Pos{File: "dir/m.yaml", Line: 2, Column: 7}},
		{"escape sequence", "é: \x1b[2J", fault.Pos{File: "dir/m.yaml", Line: 1, Column: 4}},
		{"not UTF-8", "version: \xff", fault.Pos{File: "dir/m.yaml", Line: 1, Column: 10}},
		{"too large", "version: 1\n" + strings.Repeat("#", 1<<20), fault.Pos{}},
		{"many aliases", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", fault.Pos{File: "dir/m.yaml", Line: 1, Column: 4}},
		{"unknown alias", "version: 1\nname: *x\n", fault.Pos{File: "dir/m.yaml", Line: 2, Column: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(tt.text)
			if !fault.Is(err, fault.Manifest) {
				t.Fatalf("error = %v", err)
			}
			if got := fault.All(err)[0].Pos(); got != tt.want {
				t.Errorf("place = %v, want %v: %v", got, tt.want, err)
			}
		})
	}
	_, err := manifest.Load(fstest.MapFS{}, "m.yaml")
	if !fault.Is(err, fault.Manifest) || !errors.Is(err, fs.ErrNotExist) || len(fault.Hints(err)) == 0 {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestBadConstraints(t *testing.T) {
	text := "urllib3>=2.5\n-r other.txt\nacme @ https://index.example/a.whl\nacme[x]>1\nacme\n acme==1 --hash=sha256:aa\nacme=1\n"
	fsys := fstest.MapFS{
		"m.yaml": {Data: []byte("version: 1\ncli: {version: \"1.0\", constraints: c.txt}\nplugins: [mysql]\n")},
		"c.txt":  {Data: []byte(text)},
	}
	_, err := manifest.Load(fsys, "m.yaml")
	var got []string
	for _, e := range fault.All(err) {
		got = append(got, e.Pos().String())
	}
	want := []string{"c.txt:2:1", "c.txt:3:1", "c.txt:4:1", "c.txt:5:1", "c.txt:6:2", "c.txt:7:1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s\n%v", diff, err)
	}
}

func TestCanonical(t *testing.T) {
	for plugin, want := range map[string][]string{
		"databricks":     {"unity-catalog", "databricks"},
		"unity-catalog":  {"unity-catalog", "databricks"},
		"presto-on-hive": {"hive-metastore", "presto-on-hive"},
		"mysql":          {"mysql"},
	} {
		if diff := cmp.Diff(want, manifest.Aliases(plugin)); diff != "" {
			t.Errorf("aliases of %s (-want +got):\n%s", plugin, diff)
		}
		if got := manifest.Canonical(plugin); got != want[0] {
			t.Errorf("%s is canonically %s, want %s", plugin, got, want[0])
		}
	}
}
