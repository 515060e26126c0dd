// Package builds_test builds one small real image in every way that must come
// to the same: from other beginnings, for more platforms, side by side, and
// after being killed. It takes minutes, so it has to be asked for, by
// LOCKFORGE_LIVE=1 or REQUIRE_ALL=1.
package builds_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// small is the smallest image there is: the CLI and one source of its own.
const small = `version: 1
name: small
cli: {version: 1.7.0.17}
plugins: [file]
`

// workplace is a directory with manifests and locks, and a cache of its own.
type workplace struct{ dir, cache string }

func (w workplace) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// command prepares a run of lockforge.
func (w workplace) command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	program, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append([]string{"--cache-dir", w.cache, "--progress", "plain"}, args...)...)
	cmd.Dir, cmd.Stderr = w.dir, &said
	return cmd, &said
}

// run calls lockforge and returns its exit code and what it said.
func (w workplace) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, said := w.command(t, args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out)), said.String()
}

func (w workplace) must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := w.run(t, args...)
	if code != 0 {
		t.Fatalf("lockforge %s: exit code %d\n%s", strings.Join(args, " "), code, tail(stderr))
	}
	return stdout
}

// build builds a manifest into the layout "image" and returns its digest.
func (w workplace) build(t *testing.T, manifest string) string {
	t.Helper()
	return w.must(t, "build", manifest, "-o", "oci:image", "--metadata-file", "metadata.json")
}

func (w workplace) readJSON(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// builtProgram is $LOCKFORGE_PROGRAM, or a lockforge that is built here.
var builtProgram = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("LOCKFORGE_PROGRAM"); path != "" {
		return path, nil
	}
	const root = "../../.."
	if out, err := exec.Command("make", "--silent", "-C", root, "build").CombinedOutput(); err != nil {
		return "", errors.New("building lockforge: " + err.Error() + "\n" + string(out))
	}
	return filepath.Abs(filepath.Join(root, "bin/lockforge"))
})

var shared struct {
	sync.Mutex
	dir   string
	built *builtImage
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" && os.RemoveAll(shared.dir) != nil {
		code = 1
	}
	os.Exit(code)
}

// require ends the test where it was not asked for, or cannot run.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv("LOCKFORGE_LIVE") == "" && os.Getenv("REQUIRE_ALL") != "1" {
		testenv.Missing(t, "LOCKFORGE_LIVE is not set: nothing is locked and built")
	}
	if os.Geteuid() != 0 {
		testenv.Missing(t, "building needs root")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		testenv.Missing(t, "runc is not installed")
	}
}

// sharedCache is where all tests lock and fetch. It is gone when they end.
func sharedCache(t *testing.T) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "lockforge-builds-")
		if err != nil {
			t.Fatal(err)
		}
		shared.dir = dir
	}
	return shared.dir
}

// builtImage is an image that several tests begin with: its layout is "image".
type builtImage struct {
	workplace
	digest string
	took   time.Duration
}

// reference builds the small image, once for all tests.
func reference(t *testing.T) *builtImage {
	t.Helper()
	w := locked(t, small)
	shared.Lock()
	defer shared.Unlock()
	if shared.built != nil {
		return shared.built
	}
	kept, err := os.MkdirTemp(shared.dir, "reference-")
	if err != nil {
		t.Fatal(err)
	}
	built := &builtImage{workplace: workplace{dir: filepath.Join(kept, "work"), cache: filepath.Join(kept, "cache")}}
	for from, to := range map[string]string{w.dir: built.dir, w.cache: built.cache} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	built.digest = built.build(t, "m.yaml")
	built.took = time.Since(start)
	shared.built = built
	return built
}

// locked makes a workplace in which a manifest is locked and its files are
// fetched, with nothing built.
func locked(t *testing.T, manifest string, prepare ...func(dir string)) workplace {
	t.Helper()
	require(t)
	w := workplace{dir: t.TempDir(), cache: sharedCache(t)}
	w.write(t, "m.yaml", manifest)
	for _, f := range prepare {
		f(w.dir)
	}
	w.must(t, "lock", "m.yaml")
	w.must(t, "fetch", "m.yaml")
	return w.fresh(t)
}

// fresh is the same workplace with a cache that holds fetched files and no
// trace of a build.
func (w workplace) fresh(t *testing.T) workplace {
	t.Helper()
	next := workplace{dir: w.dir, cache: t.TempDir()}
	const blobs = "blobs/sha256"
	if err := os.MkdirAll(filepath.Join(next.cache, blobs), 0o755); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(os.DirFS(w.cache), blobs, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Link(filepath.Join(w.cache, name), filepath.Join(next.cache, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	return next
}
