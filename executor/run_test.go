package executor_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor"
)

// fakePython stands for a venv's interpreter: it prints how it was called and
// what it was given.
const fakePython = `#!/bin/sh
echo "args: $*"
cat
env | grep -c s3cret
exit 4
`

func image(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	bin := filepath.Join(root, "mysql-bundled", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "python"), fakePython, 0o755)
	write(t, filepath.Join(bin, "datahub"), "", 0o755)
	write(t, filepath.Join(root, "metadata.json"), `{"bundled_plugins":["file","mysql"]}`, 0o644)
	return root
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

type result struct {
	Code           int
	Stdout, Stderr string
}

func run(t *testing.T, root, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := executor.Run(t.Context(), executor.Process{
		Args:   args,
		Env:    []string{"DATAHUB_BUNDLED_VENV_PATH=" + root, "DB_PASSWORD=s3cret", "PATH=/usr/bin:/bin"},
		Stdin:  strings.NewReader(stdin),
		Stdout: &out,
		Stderr: &errs,
	})
	return result{code, out.String(), errs.String()}
}

const withSecret = `source: {type: mysql, config: {password: "${DB_PASSWORD}"}}`

func TestRunGivesTheRecipeOverStdinAndPassesOnTheCode(t *testing.T) {
	root := image(t)
	got := run(t, root, withSecret, "executor", "run", "--plugin", "mysql", "--secret-env", "DB_PASSWORD")
	if got.Code != 4 {
		t.Errorf("exit code %d, want the child's 4; stderr %s", got.Code, got.Stderr)
	}
	// The child got the value, and what it said of it is masked.
	want := "args: -I " + root + `/mysql-bundled/bin/datahub ingest run -c -
{"__recipe_yaml__":"{\"source\": {\"type\": \"mysql\", \"config\": {\"password\": \"${DB_PASSWORD}\"}}}","__secrets__":{"DB_PASSWORD":"***REDACTED:DB_PASSWORD***"}}0
`
	if diff := cmp.Diff(want, got.Stdout); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	var record struct {
		Phase, Plugin string
		Code          int
	}
	if err := json.Unmarshal([]byte(got.Stderr), &record); err != nil {
		t.Fatalf("end record %q: %v", got.Stderr, err)
	}
	if record.Phase != "exited" || record.Plugin != "mysql" || record.Code != 4 {
		t.Errorf("end record %+v", record)
	}
}

func TestSecretFilesOverruleVariables(t *testing.T) {
	secrets, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	write(t, filepath.Join(secrets, "DB_PASSWORD"), "from-a-file\n", 0o600)
	got := run(t, image(t), withSecret, "executor", "run", "--plugin", "mysql", "--secret-env", "DB_PASSWORD", "--secret-dir", secrets, "--log-file", log)
	if got.Code != 4 {
		t.Fatalf("%+v", got)
	}
	kept, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{got.Stdout, got.Stderr, string(kept)} {
		if strings.Contains(text, "from-a-file") || strings.Contains(text, "s3cret") {
			t.Errorf("a secret got out:\n%s", text)
		}
	}
	if !strings.Contains(string(kept), "ingest run") {
		t.Errorf("the log file does not hold the output: %q", kept)
	}
}

func TestRecipeWithoutASinkGetsTheServerOfTheEnvironment(t *testing.T) {
	var out, errs bytes.Buffer
	executor.Run(t.Context(), executor.Process{
		Args: []string{"executor", "run", "--plugin", "mysql"},
		Env: []string{"DATAHUB_BUNDLED_VENV_PATH=" + image(t), "DATAHUB_GMS_URL=https://gms.example/gms",
			"DATAHUB_SYSTEM_CLIENT_ID=client", "DATAHUB_SYSTEM_CLIENT_SECRET=s3cret-of-it"},
		Stdin: strings.NewReader("source: {type: mysql, config: {url: '${DATAHUB_GMS_URL}'}}"), Stdout: &out, Stderr: &errs,
	})
	for _, want := range []string{`\"server\": \"https://gms.example/gms\"`, `"EXECUTOR_OWN_GMS_TOKEN":"***REDACTED`, "}0\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s%s", want, out.String(), errs.String())
		}
	}
	if strings.Contains(out.String(), "s3cret-of-it") {
		t.Errorf("the secret got out:\n%s", out.String())
	}
}

func TestEndRecordGoesToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "end.json")
	got := run(t, image(t), "source: {type: mysql}", "executor", "run", "--plugin=mysql", "--end-record", file)
	if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), `"code":4`) || got.Stderr != "" {
		t.Errorf("record %q, %v; stderr %q", content, err, got.Stderr)
	}
}

func TestBadInputStartsNothing(t *testing.T) {
	root := image(t)
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		says  string
	}{
		"no command":       {args: []string{"executor"}, says: "executor run"},
		"unknown command":  {args: []string{"executor", "install"}, says: "install"},
		"no plugin":        {args: []string{"executor", "run"}, says: "--plugin"},
		"not bundled":      {stdin: "{}", args: []string{"executor", "run", "--plugin", "snowflake"}, says: "bundled are: file, mysql"},
		"path as plugin":   {stdin: "{}", args: []string{"executor", "run", "--plugin", "../mysql"}, says: "../mysql"},
		"empty recipe":     {stdin: " \n", args: []string{"executor", "run", "--plugin", "mysql"}, says: "empty"},
		"huge recipe":      {stdin: strings.Repeat("a", 11<<20), args: []string{"executor", "run", "--plugin", "mysql"}, says: "10"},
		"missing recipe":   {args: []string{"executor", "run", "--plugin", "mysql", "--config", "/nonexistent"}, says: "/nonexistent"},
		"unknown secret":   {stdin: "source: {type: mysql, config: {password: \"${NOPE}\"}}", args: []string{"executor", "run", "--plugin", "mysql"}, says: "NOPE"},
		"unnamed secret":   {stdin: withSecret, args: []string{"executor", "run", "--plugin", "mysql"}, says: "DB_PASSWORD"},
		"another source":   {stdin: "source: {type: postgres}", args: []string{"executor", "run", "--plugin", "mysql"}, says: "RP003"},
		"a class":          {stdin: "source: {type: evil.Source}", args: []string{"executor", "run", "--plugin", "mysql"}, says: "RP004"},
		"duplicate key":    {stdin: "source: {type: mysql, type: evil}", args: []string{"executor", "run", "--plugin", "mysql"}, says: "type"},
		"bad sandbox":      {stdin: "{}", args: []string{"executor", "run", "--plugin", "mysql", "--sandbox", "no"}, says: "--sandbox"},
		"bad memory":       {stdin: "{}", args: []string{"executor", "run", "--plugin", "mysql", "--memory", "lots"}, says: "memory"},
		"stray argument":   {stdin: "{}", args: []string{"executor", "run", "--plugin", "mysql", "x"}, says: "x"},
		"negative timeout": {stdin: "{}", args: []string{"executor", "run", "--plugin", "mysql", "--timeout", "-1s"}, says: "--timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, root, tc.stdin, tc.args...)
			if got.Code != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, tc.says) {
				t.Errorf("got %+v; want code 2 and a word about %q", got, tc.says)
			}
		})
	}
}

func TestOtherCommands(t *testing.T) {
	root := image(t)
	if got := run(t, root, "", "executor", "plugins"); got.Code != 0 || got.Stdout != "file\nmysql\n" {
		t.Errorf("plugins: %+v", got)
	}
	if got := run(t, root, "", "executor", "--help"); got.Code != 0 || !strings.Contains(got.Stdout, "executor run") {
		t.Errorf("help: %+v", got)
	}
	heartbeat := filepath.Join(t.TempDir(), "beat")
	if got := run(t, root, "", "/health_status", heartbeat); got.Code != 1 || !strings.HasPrefix(got.Stdout, "FAIL") {
		t.Errorf("health of a dead worker: %+v", got)
	}
	write(t, heartbeat, "", 0o600)
	if got := run(t, root, "", "executor", "health", heartbeat); got.Code != 0 || got.Stdout != "OK\n" {
		t.Errorf("health: %+v", got)
	}
}
