package check_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/check"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
)

// server answers as it is told.
type server struct {
	config                   gms.ServerConfig
	reached, checked, writes error
}

func (s *server) Config(context.Context) (gms.ServerConfig, error) { return s.config, s.reached }
func (s *server) Check(context.Context) (gms.ServerConfig, error)  { return s.config, s.checked }
func (s *server) Propose(context.Context, gms.Proposal) error      { return s.writes }

// source is a queue that answers as it is told.
type source struct {
	name string
	err  error
}

func (s source) Name() string                { return s.name }
func (s source) Check(context.Context) error { return s.err }

// noting is a source with settings that have no effect.
type noting struct {
	source
	notes []string
}

func (n noting) Notes() []string { return n.notes }

// store is one without a check of its own.
type store struct {
	id  string
	err error
}

func (s store) ID() string { return s.id }
func (s store) Values(context.Context, []string) (map[string]string, error) {
	return nil, s.err
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(text), 0o644)
}

// bundled makes a directory of venvs with one plugin, and the build info.
func bundled(t *testing.T) (venvs, info string) {
	t.Helper()
	venvs = t.TempDir()
	writeJSON(t, filepath.Join(venvs, contract.MetadataFile), contract.Metadata{
		BundledPlugins: []string{"mysql"}, CLIVersion: "1.7.0.17",
		Venvs: []contract.Venv{{Dir: "mysql-bundled", Plugins: []string{"mysql"}}},
	})
	bin := filepath.Join(venvs, "mysql-bundled", "bin")
	writeFile(t, filepath.Join(bin, "datahub"), "#!python\n", 0o755)
	if err := os.Symlink("/proc/self/exe", filepath.Join(bin, "python")); err != nil { // out of the root, as in an image
		t.Fatal(err)
	}
	info = filepath.Join(t.TempDir(), "build_info.json")
	writeJSON(t, info, contract.BuildInfo{CLIVersion: "1.7.0.17"})
	return venvs, info
}

// working returns inputs with which nothing is wrong.
func working(t *testing.T, environ ...string) check.Inputs {
	t.Helper()
	venvs, info := bundled(t)
	state := t.TempDir()
	environ = append([]string{
		"DATAHUB_GMS_TOKEN=hidden-value", "DATAHUB_BUNDLED_VENV_PATH=" + venvs,
		"LOCKFORGE_EXECUTOR_STATE_DIR=" + state, "LOCKFORGE_EXECUTOR_AUDIT_DIR=" + filepath.Join(state, "audit"),
		"DATAHUB_EXECUTOR_LOG_DIR=" + filepath.Join(state, "logs"), "LOCKFORGE_EXECUTOR_WORK_DIR=" + filepath.Join(state, "work"),
		"LOCKFORGE_EXECUTOR_METRICS_LISTEN=127.0.0.1:0", "LOCKFORGE_EXECUTOR_SECRET_ENV=A_SECRET", "A_SECRET=x",
	}, environ...)
	in := check.Inputs{
		Environ: environ, BuildInfo: info,
		Server: &server{
			config: gms.ServerConfig{Version: "v1.7.0", DefaultCLIVersion: "1.7.0.17"},
			writes: &gms.Error{Kind: gms.Rejected},
		},
		Sources: []check.Source{source{name: "kafka"}},
		Stores:  []secret.Store{store{id: "env"}},
		Sandbox: &sandbox.Policy{Modes: map[sandbox.Control]sandbox.Mode{}},
	}
	for _, control := range sandbox.Controls() {
		in.Sandbox.Modes[control] = sandbox.Off // kernels differ; the controls have their own test
	}
	in.Config, in.Warnings, in.Err = config.Load(environ, "")
	if in.Err != nil {
		t.Fatal(in.Err)
	}
	return in
}

func run(in check.Inputs) check.Report {
	return check.Run(context.Background(), check.List(in), time.Now)
}

func result(t *testing.T, r check.Report, name string) check.Result {
	t.Helper()
	for _, result := range r.Results {
		if result.Name == name {
			return result
		}
	}
	t.Fatalf("there is no check %q", name)
	return check.Result{}
}

func text(t *testing.T, r check.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
