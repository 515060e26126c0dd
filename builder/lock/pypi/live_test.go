package pypi

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/store"
	"github.com/lockforge/lockforge/internal/testenv"
)

// hookBuilder builds sdists with the locked tools by calling the backend's
// hook in the host's Python: what the build step does, without its isolation.
type hookBuilder struct {
	t     *testing.T
	store *store.Store
}

func (b *hookBuilder) BuildWheel(ctx context.Context, s lock.Sdist, tools []lock.Wheel) (sha, file string, size int64, err error) {
	dir, path := b.t.TempDir(), []string{}
	for _, tool := range tools {
		into := filepath.Join(dir, tool.Name)
		r, err := zip.OpenReader(b.store.Path(tool.SHA256))
		if err != nil {
			return "", "", 0, err
		}
		defer r.Close()
		if err := os.CopyFS(into, r); err != nil {
			return "", "", 0, err
		}
		path = append(path, into)
	}
	source, err := b.unpack(s, filepath.Join(dir, "src"))
	if err != nil {
		return "", "", 0, err
	}
	script := "import sys; sys.path[:0] = sys.argv[2:]; import setuptools.build_meta as b; print('\\n' + b.__legacy__.build_wheel(sys.argv[1]))"
	cmd := exec.CommandContext(ctx, "python3", append([]string{"-I", "-c", script, dir}, path...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = source, []string{"PATH=" + os.Getenv("PATH"), "SOURCE_DATE_EPOCH=315532800"}, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", "", 0, err
	}
	lines := strings.Fields(string(out))
	file = lines[len(lines)-1]
	sha, size, err = b.store.PutFile(filepath.Join(dir, file), 1<<30)
	return sha, file, size, err
}

// unpack writes an sdist that scanSdist has accepted, and returns its top folder.
func (b *hookBuilder) unpack(s lock.Sdist, into string) (top string, err error) {
	f, err := os.Open(b.store.Path(s.SHA256))
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	for a := tar.NewReader(z); ; {
		h, err := a.Next()
		if err == io.EOF {
			return top, nil
		}
		if err != nil {
			return "", err
		}
		name := filepath.Join(into, filepath.FromSlash(h.Name))
		first, _, _ := strings.Cut(h.Name, "/")
		top = filepath.Join(into, first)
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(a)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o755)
		}
		if err == nil {
			err = os.WriteFile(name, content, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
}

// TestLive resolves real connectors against the index that this machine is
// configured for. It fetches about 200 MB, so it has to be asked for, by
// LOCKFORGE_LIVE=1 or REQUIRE_ALL=1.
func TestLive(t *testing.T) {
	if os.Getenv("LOCKFORGE_LIVE") == "" && os.Getenv("REQUIRE_ALL") != "1" {
		testenv.Missing(t, "LOCKFORGE_LIVE is not set: no real connectors are fetched")
	}
	const version = "1.7.0.17"
	m := &manifest.Manifest{Version: 1, CLI: manifest.CLI{Version: version, Slim: true}, Base: manifest.Base{Debian: &manifest.Debian{Suite: "trixie"}}, Platforms: []string{"linux/amd64"}}
	p := &plan.Plan{CLIVersion: version, Slim: true, Platforms: m.Platforms, Python: "3.13", Manifest: m}
	for _, extra := range []string{"mysql", "s3-slim", "snowflake"} {
		plugin := strings.TrimSuffix(extra, "-slim")
		extras := []string{"datahub-rest", "datahub-kafka", "file", extra}
		p.Venvs = append(p.Venvs, plan.Venv{Dir: plugin + "-bundled", Label: plugin, Plugins: []string{plugin}, Extras: extras,
			Requirements: []string{"acryl-datahub[" + strings.Join(extras, ",") + "]==" + version}})
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	set, err := index.Discover(m, index.Env{Getenv: os.Getenv, Home: home, ReadFile: os.ReadFile, UV: testUV(t)})
	if err != nil {
		testenv.Missing(t, "no index is configured: %v", err)
	}
	client := index.NewClient(set, index.Options{})
	defer client.Close()
	if _, err := client.Files(t.Context(), cliProject); err != nil {
		testenv.Missing(t, "the index does not answer: %v", err)
	}
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	req := Request{Plan: p, Index: client, Store: s, Builder: &hookBuilder{t, s}, CacheDir: t.TempDir(), Dir: t.TempDir(), Getenv: os.Getenv, Now: time.Now()}
	w := &world{t: t}
	var locks []string
	for range 2 {
		start := time.Now()
		r, err := Resolve(t.Context(), req)
		if err != nil {
			t.Fatalf("%v\n%v", err, fault.Hints(err))
		}
		data, err := lock.Marshal(w.locked(r))
		if err != nil {
			t.Fatal(err)
		}
		locks = append(locks, string(data))
		t.Logf("%d wheels, %d sdists, exceptions %v, in %v", len(r.Platforms[0].Wheels), len(r.Platforms[0].Sdists), r.Platforms[0].Exceptions, time.Since(start))
	}
	if diff := cmp.Diff(locks[0], locks[1]); diff != "" {
		t.Errorf("resolving again differs:\n%s", diff)
	}
	for _, want := range []string{"unicodecsv", "linear-tsv", "snowflake-connector-python", "name: pip,"} {
		if !strings.Contains(locks[0], want) {
			t.Errorf("no %s in the lock", want)
		}
	}
}
