// Package integration_test drives the whole program as its users do: commands
// in, files and exit codes out, with the real index, BuildKit, registry, runc
// and clients that share no code with it. It takes minutes and some gigabytes,
// so it has to be asked for, by LOCKFORGE_LIVE=1 or REQUIRE_ALL=1.
package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// root is the repository, seen from this package.
const root = "../.."

// deadEnd is an address on which nothing listens.
const deadEnd = "http://127.0.0.1:1"

// offline lets a command reach nothing but loopback, and find no runc: what
// works with it needs neither index nor mirror nor build engine.
var offline = []string{
	"PATH=/nonexistent", "LOCKFORGE_UV=/nonexistent", "UV_DEFAULT_INDEX=" + deadEnd + "/simple",
	"HTTP_PROXY=" + deadEnd, "HTTPS_PROXY=" + deadEnd, "http_proxy=" + deadEnd, "https_proxy=" + deadEnd,
	"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
}

// sharedCache is a cache directory that tests of this package share, so that
// files are fetched once. Tests about caches have their own.
var sharedCache string

func TestMain(m *testing.M) {
	code := 1
	dir, err := os.MkdirTemp("", "lockforge-integration-")
	if err == nil {
		sharedCache = filepath.Join(dir, "cache")
		code = m.Run()
		err = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

// workplace is a directory with a manifest, the cache that commands use there,
// and what is added to their environment.
type workplace struct {
	dir   string
	cache string
	env   []string
}

// newWorkplace makes a directory that holds the files, and that ends with the
// test.
func newWorkplace(t *testing.T, cache string, files map[string]string) workplace {
	t.Helper()
	w := workplace{dir: t.TempDir(), cache: cache}
	for name, content := range files {
		w.write(t, name, content)
	}
	return w
}

func (w workplace) path(name string) string { return filepath.Join(w.dir, name) }

func (w workplace) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w workplace) with(env ...string) workplace {
	w.env = append(slices.Clone(w.env), env...)
	return w
}

// said is what a command left behind.
type said struct {
	code           int
	stdout, stderr string
}

// run calls lockforge and returns what came of it.
func (w workplace) run(t *testing.T, args ...string) said {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program(t), append([]string{"--cache-dir", w.cache, "--progress", "plain"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &stdout, &stderr
	cmd.Env = append(append(os.Environ(), "COSIGN_PASSWORD=integration"), w.env...)
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("lockforge %s: exit code %d after %.1f s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), time.Since(start).Seconds())
	return said{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must calls lockforge, which has to succeed, and returns its standard output.
func (w workplace) must(t *testing.T, args ...string) string {
	t.Helper()
	s := w.run(t, args...)
	if s.code != 0 {
		t.Fatalf("lockforge %s: exit code %d\n%s%s", strings.Join(args, " "), s.code, s.stdout, tail(s.stderr))
	}
	return s.stdout
}

// exits calls lockforge, which has to end with that code.
func (w workplace) exits(t *testing.T, code int, args ...string) said {
	t.Helper()
	s := w.run(t, args...)
	if s.code != code {
		t.Errorf("lockforge %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), s.code, code, s.stdout, tail(s.stderr))
	}
	return s
}

// tail is the last part of a log, which says what went wrong.
func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// program is the lockforge under test: $LOCKFORGE_PROGRAM, or one that is
// built here.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LOCKFORGE_PROGRAM"); path != "" {
		return path, nil
	}
	out, err := exec.Command("make", "--silent", "-C", root, "build").CombinedOutput()
	if err != nil {
		return "", errors.New("building lockforge: " + err.Error() + "\n" + string(out))
	}
	return filepath.Abs(filepath.Join(root, "bin/lockforge"))
})

// require ends the test where it was not asked for, or cannot run.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv("LOCKFORGE_LIVE") == "" && os.Getenv("REQUIRE_ALL") != "1" {
		testenv.Missing(t, "LOCKFORGE_LIVE is not set: nothing is locked and built")
	}
	if os.Geteuid() != 0 {
		testenv.Missing(t, "building and running images needs root")
	}
	for _, name := range []string{"runc", "skopeo", "docker-registry"} {
		tool(t, name)
	}
}

// tool finds a program that the test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		testenv.Missing(t, "%s is not installed", name)
	}
	return path
}

// client runs a program of others, which has to succeed.
func client(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, args[0]), args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// decode reads JSON into a value.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	return value
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
