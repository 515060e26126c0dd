package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/internal/testenv"
)

// world is an Env of two maps.
func world(vars, files map[string]string) Env {
	return Env{
		Getenv: func(name string) string { return vars[name] },
		Home:   "/home/u",
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}

func withDefault(address string) *manifest.Manifest {
	return &manifest.Manifest{Indexes: manifest.Indexes{Default: &manifest.Index{URL: address}}}
}

// TestDiscoverOrder takes the winner away again and again: the next place of
// the documented order must be found each time.
func TestDiscoverOrder(t *testing.T) {
	vars := map[string]string{
		"UV_DEFAULT_INDEX": "corp=https://v1.example/simple/",
		"UV_INDEX_URL":     "https://v2.example/simple",
		"PIP_INDEX_URL":    "https://v3.example/simple",
		"PIP_CONFIG_FILE":  "/pip-explicit.conf",
		"VIRTUAL_ENV":      "/venv",
		"XDG_CONFIG_DIRS":  "/xdg:relative",
	}
	files := map[string]string{
		"/home/u/.config/uv/uv.toml":   "[[index]]\nname='x'\nurl='https://no.example'\n[[index]]\nname='corp'\nurl='https://u1.example'\ndefault=true\n",
		"/xdg/uv/uv.toml":              "index-url = 'https://u2.example'",
		"/etc/uv/uv.toml":              "[pip]\nindex-url = 'https://u3.example'",
		"/pip-explicit.conf":           "[global]\nindex-url = https://p1.example",
		"/venv/pip.conf":               "[install]\nindex_url: https://p2.example\n[global]\nindex-url=https://no.example",
		"/home/u/.config/pip/pip.conf": "[GLOBAL]\nx=y\n[global]\n; c\nindex-url =\n   https://p3.example",
		"/home/u/.pip/pip.conf":        "[global]\ntimeout=3\n--index-url = https://p4.example",
		"/etc/pip.conf":                "[global]\nindex-url = https://p5.example",
		"/xdg/pip/pip.conf":            "[global]\nindex-url = https://p6.example",
	}
	env := world(vars, files)
	env.DefaultIndex = "https://flag.example/simple"
	env.UV = fakeUV(t, "Options:\n      --default-index <DEFAULT_INDEX>\n  The default package\n  index (by default:\n  <https://uv.example/simple>) [env: UV_DEFAULT_INDEX]")
	m := withDefault("https://manifest.example/simple")

	steps := []struct {
		host, from string
		drop       func()
	}{
		{"flag.example/simple", "--default-index", func() { env.DefaultIndex = "" }},
		{"manifest.example/simple", "manifest", func() { m = nil }},
		{"v1.example/simple", "UV_DEFAULT_INDEX", func() { delete(vars, "UV_DEFAULT_INDEX") }},
		{"v2.example/simple", "UV_INDEX_URL", func() { delete(vars, "UV_INDEX_URL") }},
		{"v3.example/simple", "PIP_INDEX_URL", func() { delete(vars, "PIP_INDEX_URL") }},
		{"u1.example", "/home/u/.config/uv/uv.toml", func() { delete(files, "/home/u/.config/uv/uv.toml") }},
		{"u2.example", "/xdg/uv/uv.toml", func() { delete(files, "/xdg/uv/uv.toml") }},
		{"u3.example", "/etc/uv/uv.toml", func() { vars["UV_NO_CONFIG"] = "1" }},
		{"p1.example", "/pip-explicit.conf", func() { delete(vars, "PIP_CONFIG_FILE") }},
		{"p2.example", "/venv/pip.conf", func() { delete(vars, "VIRTUAL_ENV") }},
		{"p3.example", "/home/u/.config/pip/pip.conf", func() { vars["XDG_CONFIG_HOME"] = "/nowhere" }},
		{"p4.example", "/home/u/.pip/pip.conf", func() { env.Home = "" }},
		{"p5.example", "/etc/pip.conf", func() { delete(files, "/etc/pip.conf") }},
		{"p6.example", "/xdg/pip/pip.conf", func() { vars["PIP_CONFIG_FILE"] = "/dev/null" }},
		{"uv.example/simple", "uv's default", func() { env.UV = fakeUV(t, "--default-index of a uv that says no more") }},
	}
	for _, step := range steps {
		s, err := Discover(m, env)
		if err != nil {
			t.Fatalf("%s: %v", step.from, err)
		}
		want := []plan.Index{{Name: "default", URL: "https://" + step.host, From: step.from}}
		if diff := cmp.Diff(want, s.Describe()); diff != "" {
			t.Error(diff)
		}
		step.drop()
	}
	if _, err := Discover(m, env); fault.KindOf(err) != fault.Network || len(fault.Hints(err)) != 1 {
		t.Errorf("nothing configured: %v", err)
	}
}

// fakeUV is a program that prints a help text, and fails when it is shown any
// variable.
func fakeUV(t *testing.T, help string) string {
	t.Helper()
	path := t.TempDir() + "/uv"
	script := "#!/bin/sh\n[ -z \"$HOME$UV_INDEX_URL\" ] || exit 1\ncat <<'END'\n" + help + "\nEND\n"
	script = strings.Replace(script, "cat ", "/bin/cat ", 1)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRealUV asks the uv that lockforge would use.
func TestRealUV(t *testing.T) {
	path := os.Getenv("LOCKFORGE_UV")
	if path == "" {
		found, err := exec.LookPath("uv")
		if err != nil {
			testenv.Missing(t, "no uv: neither LOCKFORGE_UV nor on PATH")
		}
		path = found
	}
	f, err := fromUV(Env{UV: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := parseAddress(f.address); err != nil {
		t.Errorf("uv's answer is no index address: %v", err)
	}
}

func TestBrokenUV(t *testing.T) {
	if _, err := Discover(nil, Env{UV: "/nowhere/uv"}); fault.KindOf(err) != fault.Network || len(fault.Hints(err)) != 1 {
		t.Errorf("%v", err)
	}
}

func TestFor(t *testing.T) {
	m := withDefault("https://d.example")
	m.Indexes.Extra = []manifest.Index{
		{Name: "acme", URL: "https://a.example/simple", Packages: []string{"Acme_*", "tool"}},
		{Name: "core", URL: "https://c.example", Packages: []string{"acme-core-*", "acme-one", "*-internal"}},
	}
	s, err := Discover(m, Env{})
	if err != nil {
		t.Fatal(err)
	}
	for project, want := range map[string]string{
		"requests": "default", "acme": "default", "acme-x": "acme", "ACME.x": "acme", "acme__x": "acme",
		"acme-core-x": "core", "acme-core": "acme", "acme-one": "core", "Acme.One": "core", "acme-one-two": "acme",
		"tool": "acme", "toolbox": "default", "my_internal": "core", "acme-internal": "core",
	} {
		if got := s.For(project).Name; got != want {
			t.Errorf("%s comes from %s, want %s", project, got, want)
		}
	}
	if x, ok := s.Named("core"); !ok || x.URL != "https://c.example" {
		t.Errorf("core: %+v", x)
	}
	if _, ok := s.Named("other"); ok {
		t.Error("an index of another name is found")
	}
	if got := len(s.All()); got != 3 {
		t.Errorf("%d indexes", got)
	}
}

func TestDiscoverReportsEveryFault(t *testing.T) {
	m := &manifest.Manifest{Path: "m.yaml", Indexes: manifest.Indexes{
		Default: &manifest.Index{Name: "local", URL: "ftp://d.example", Packages: []string{"x"}},
		Extra: []manifest.Index{
			{Name: "a b", URL: "https://a.example", Packages: []string{"a", "b c"}},
			{Name: "two", URL: "https://b.example?token=1", Packages: []string{"A", "x?"}},
			{Name: "two", URL: "https://u:s3cret@:99999x", Packages: nil, Mirrors: []string{"s3cret"}},
		},
	}}
	_, err := Discover(m, Env{})
	all := fault.All(err)
	for _, e := range all {
		if e.Kind() != fault.Manifest || e.Pos().File != "m.yaml" || strings.Contains(e.Error(), "s3cret") {
			t.Errorf("%v %v", e.Kind(), e)
		}
	}
	// name, URL and packages of the default; name and pattern of the first;
	// two patterns and the URL of the second; name, packages and URL of the third.
	if len(all) != 11 {
		t.Errorf("%d problems: %v", len(all), err)
	}
}

func TestMirrors(t *testing.T) {
	m := withDefault("https://d.example/simple/")
	m.Indexes.Default.Name = "corp"
	m.Indexes.Default.Mirrors = []string{"https://u:p@m1.example/simple", "http://M2.example"}
	s, err := Discover(m, Env{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Index{{Name: "corp", URL: "https://d.example/simple", From: "manifest", Mirrors: []string{"https://m1.example/simple", "http://m2.example"}}}
	if diff := cmp.Diff(want, s.All()); diff != "" {
		t.Error(diff)
	}
	// A flag replaces the manifest's address, and what mirrors it.
	s, err = Discover(m, Env{DefaultIndex: "https://other.example"})
	if err != nil || len(s.All()[0].Mirrors) != 0 || s.All()[0].Name != "corp" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestBadSettings(t *testing.T) {
	tests := map[string]struct{ vars, files map[string]string }{
		"variable":       {map[string]string{"PIP_INDEX_URL": "u:s3cret@x"}, nil},
		"uv.toml form":   {nil, map[string]string{"/etc/uv/uv.toml": "index-url = 'https://u:s3cret@x"}},
		"uv.toml type":   {nil, map[string]string{"/etc/uv/uv.toml": "index-url = ['s3cret']"}},
		"pip.conf":       {nil, map[string]string{"/etc/pip.conf": "[global]\ns3cret"}},
		"pip.conf start": {nil, map[string]string{"/etc/pip.conf": "index-url = s3cret"}},
		"pip.conf end":   {nil, map[string]string{"/etc/pip.conf": "[s3cret"}},
		"netrc":          {nil, map[string]string{"/home/u/.netrc": "machine x login u s3cret"}},
		"netrc named":    {map[string]string{"NETRC": "/nowhere"}, nil},
		"certificates":   {map[string]string{"SSL_CERT_FILE": "/nowhere"}, nil},
		"certificates 2": {map[string]string{"SSL_CERT_FILE": "/c"}, map[string]string{"/c": "s3cret"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Discover(nil, world(test.vars, test.files))
			if fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v: %v", fault.KindOf(err), err)
			}
		})
	}
	env := world(nil, nil)
	env.ReadFile = func(string) ([]byte, error) { return nil, fs.ErrPermission }
	if _, err := Discover(nil, env); fault.KindOf(err) != fault.Usage || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("unreadable file: %v", err)
	}
}

func TestIgnoredSettingsAreNamed(t *testing.T) {
	s, err := Discover(withDefault("https://d.example"), world(map[string]string{
		"UV_EXTRA_INDEX_URL": "https://u:s3cret@e.example", "PIP_EXTRA_INDEX_URL": "https://e.example",
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(s.Ignored(), "\n")
	if len(s.Ignored()) != 2 || !strings.Contains(lines, "UV_EXTRA_INDEX_URL") || strings.Contains(lines, "s3cret") {
		t.Errorf("%q", lines)
	}
}

// TestNoFormOfASetShowsSecrets prints it in every way there is.
func TestNoFormOfASetShowsSecrets(t *testing.T) {
	m := withDefault("https://user:s3cret@d.example")
	m.Indexes.Default.Mirrors = []string{"https://user:s3cret@m.example"}
	s, err := Discover(m, world(nil, map[string]string{"/home/u/.netrc": "machine x login user password s3cret"}))
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(s, Options{})
	asJSON, err := json.Marshal([]any{s, s.All(), s.Describe()})
	if err != nil {
		t.Fatal(err)
	}
	text := string(asJSON)
	for _, value := range []any{s, s.All(), s.Describe(), s.For("x"), c, s.keys} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			text += fmt.Sprintf(verb+"\n", value)
		}
	}
	if strings.Contains(text, "s3cret") {
		t.Errorf("a secret shows in:\n%s", text)
	}
}
