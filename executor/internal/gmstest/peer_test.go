package gmstest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// upstream makes a venv with acryl-datahub, without any index.
func upstream(t *testing.T) (bin string) {
	t.Helper()
	uv := os.Getenv("LOCKFORGE_UV")
	if uv == "" {
		var err error
		if uv, err = exec.LookPath("uv"); err != nil {
			testenv.Missing(t, "uv is neither on PATH nor named by LOCKFORGE_UV")
		}
	}
	wheels, python := testenv.Wheels(t)
	interpreter, err := exec.LookPath("python" + python)
	if err != nil {
		testenv.Missing(t, "the wheels are for Python %s, which is not on PATH", python)
	}
	venv := filepath.Join(t.TempDir(), "venv")
	must(t, exec.Command(uv, "venv", "--quiet", "--offline", "--no-config", "--python", interpreter, venv))
	bin = filepath.Join(venv, "bin")
	args := []string{"pip", "install", "--quiet", "--offline", "--no-config", "--no-deps", "--no-index", "--python", filepath.Join(bin, "python")}
	must(t, exec.Command(uv, append(args, wheels...)...))
	return bin
}

func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var complaints []byte
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		complaints = exit.Stderr
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, complaints)
	}
	return string(out)
}

// DataHub's own clients talk to the stand-in as to the real one: emitter,
// reads of both APIs, secrets, and the CLI with its sink.
func TestUpstreamIsServed(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: installs acryl-datahub")
	}
	bin := upstream(t)
	server := gmstest.Start(t, gmstest.Options{Wheel: wheel(t), Base: "/gms", Credentials: []string{"Bearer peer"}})
	server.SetSecret("A", "va\"lue")
	home := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "DATAHUB_TELEMETRY_ENABLED=false", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "NO_PROXY=*"}
		return must(t, cmd)
	}
	script, err := filepath.Abs("testdata/peer.py")
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, []byte(run("python", script, server.URL(), "peer")))
	want := map[string]any{
		"after the end": 422.0,
		"one aspect":    []any{"SUCCESS", "ü ✅ 𝄞 \"q\" \\"},
		"no aspect":     nil,
		"batch":         map[string]any{gmstest.URN("py"): "2"},
		"secrets":       map[string]any{"A": "va\"lue"},
		"schema":        "MySqlDDLClass",
		"series":        []any{2001.0},
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}

	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("metadata.json", `[{"entityType":"corpuser","entityUrn":"urn:li:corpuser:x","changeType":"UPSERT",
		"aspectName":"corpUserInfo","aspect":{"json":{"active":true,"displayName":"X"}}}]`)
	write("recipe.yml", `source: {type: file, config: {path: metadata.json}}
sink: {type: datahub-rest, config: {server: "`+server.URL()+`", token: peer}}
`)
	run("datahub", "ingest", "run", "-c", "recipe.yml")
	info, found := server.Aspect("urn:li:corpuser:x", "corpUserInfo")
	if !found || decode(t, info).(map[string]any)["displayName"] != "X" {
		t.Errorf("stored %s", info)
	}
}
