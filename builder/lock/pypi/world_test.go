package pypi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/store"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// now is the date of every resolution in these tests.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fakeIndex is a package index with the files that a test adds.
type fakeIndex struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]*fakeFile // by project
	asked []string               // projects
	user  string                 // basic authentication is required where set
	hits  atomic.Int64
}

// fakeFile is one file; the fields a test doesn't set are not announced.
type fakeFile struct {
	name     string
	content  []byte
	yanked   string
	uploaded time.Time
	requires string // requires-python
	metadata string // served apart from the wheel, PEP 658
	sha256   string // announced; that of the content where empty
}

func newFakeIndex(t testing.TB) *fakeIndex {
	t.Helper()
	f := &fakeIndex{files: map[string][]*fakeFile{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeIndex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.hits.Add(1)
	if user, password, ok := r.BasicAuth(); f.user != "" && (!ok || user != f.user || password != "hunter2") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "simple":
		f.asked = append(f.asked, parts[1])
		f.page(w, parts[1])
	case len(parts) == 3 && parts[0] == "files":
		for _, file := range f.files[parts[1]] {
			if file.name == parts[2] {
				http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(file.content)))
				return
			}
			if file.metadata != "" && file.name+".metadata" == parts[2] {
				w.Write([]byte(file.metadata)) //nolint:errcheck // a test server
				return
			}
		}
		http.NotFound(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeIndex) page(w http.ResponseWriter, project string) {
	if len(f.files[project]) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var files []map[string]any
	for _, file := range f.files[project] {
		sum := sha256.Sum256(file.content)
		entry := map[string]any{
			"filename": file.name, "url": "../../files/" + project + "/" + file.name,
			"hashes": map[string]string{"sha256": hex.EncodeToString(sum[:])},
		}
		if file.sha256 != "" {
			entry["hashes"] = map[string]string{"sha256": file.sha256}
		}
		if file.yanked != "" {
			entry["yanked"] = file.yanked
		}
		if !file.uploaded.IsZero() {
			entry["upload-time"] = file.uploaded.Format(time.RFC3339)
		}
		if file.requires != "" {
			entry["requires-python"] = file.requires
		}
		if file.metadata != "" {
			entry["core-metadata"] = true
		}
		files = append(files, entry)
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	json.NewEncoder(w).Encode(map[string]any{"meta": map[string]any{"api-version": "1.1"}, "name": project, "files": files}) //nolint:errcheck // a test server
}

// add puts a wheel on the index.
func (f *fakeIndex) add(t testing.TB, b *wheeltest.Builder) *fakeFile {
	t.Helper()
	file := &fakeFile{name: b.Filename(), content: b.Bytes(t)}
	f.put(file)
	return file
}

func (f *fakeIndex) put(file *fakeFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, _, _ := strings.Cut(file.name, "-")
	project := normalise(name)
	f.files[project] = append(f.files[project], file)
}

// wheelOf makes a tiny wheel with one module.
func wheelOf(name, version string, requires ...string) *wheeltest.Builder {
	return wheeltest.New(name, version).Requires(requires...).File(strings.ReplaceAll(name, "-", "_")+"/__init__.py", "# "+version+"\n")
}

// world is a manifest with its plan, indexes, store and cache.
type world struct {
	t        testing.TB
	index    *fakeIndex
	acme     *fakeIndex // serves acme-*
	manifest *manifest.Manifest
	plan     *plan.Plan
	store    *store.Store
	builder  SdistBuilder
	getenv   func(string) string
	request  Request // fields of a test's own
	ctx      context.Context
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), index: newFakeIndex(t), acme: newFakeIndex(t)}
	w.manifest = &manifest.Manifest{
		Version: 1, CLI: manifest.CLI{Version: "1.7.0"}, Base: manifest.Base{Debian: &manifest.Debian{Suite: "trixie"}},
		Indexes: manifest.Indexes{
			Default: &manifest.Index{URL: w.index.URL + "/simple"},
			Extra:   []manifest.Index{{Name: "acme", URL: w.acme.URL + "/simple", Packages: []string{"acme-*"}}},
		},
		Platforms: []string{"linux/amd64"}, Path: "m.yaml",
	}
	w.plan = &plan.Plan{CLIVersion: "1.7.0", Platforms: []string{"linux/amd64"}, Python: "3.13", Manifest: w.manifest}
	var err error
	if w.store, err = store.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.request = Request{CacheDir: t.TempDir(), Dir: t.TempDir(), Jobs: 2}
	uv := testUV(t)
	w.getenv = func(name string) string {
		if name == "LOCKFORGE_UV" {
			return uv
		}
		return os.Getenv(name)
	}
	return w
}

// testUV finds the uv to test with.
func testUV(t testing.TB) string {
	t.Helper()
	if uv := os.Getenv("LOCKFORGE_UV"); uv != "" {
		return uv
	}
	uv := lookPath("uv", os.Getenv("PATH"))
	if uv == "" {
		testenv.Missing(t, "no uv: neither LOCKFORGE_UV nor on PATH")
	}
	return uv
}

// venv adds a venv to the plan.
func (w *world) venv(dir string, plugins []string, extras []string, requirements ...string) {
	label, _, _ := strings.Cut(dir, "-")
	w.plan.Venvs = append(w.plan.Venvs, plan.Venv{Dir: dir, Label: label, Plugins: plugins, Extras: extras, Requirements: requirements})
}

func (w *world) resolve() (*Result, error) {
	w.t.Helper()
	set, err := index.Discover(w.manifest, index.Env{})
	if err != nil {
		w.t.Fatal(err)
	}
	client := index.NewClient(set, index.Options{Retries: -1})
	defer client.Close()
	req := w.request
	req.Plan, req.Index, req.Store, req.Builder, req.Getenv, req.Now = w.plan, client, w.store, w.builder, w.getenv, now
	return Resolve(w.ctx, req)
}

func (w *world) mustResolve() *Result {
	w.t.Helper()
	result, err := w.resolve()
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// locked completes a result to a lock that Write accepts.
func (w *world) locked(r *Result) *lock.Lock {
	l := &lock.Lock{
		Version: lock.FormatVersion, Manifest: "sha256:" + strings.Repeat("0", 64), Resolved: "2026-11-22", CLIVersion: "1.7.0", Tools: r.Tools,
		Layers: lock.Layers{Budget: 4, Buckets: 2, OwnAbove: 1 << 20, Compression: "zstd"},
	}
	for _, p := range r.Platforms {
		c := *p
		c.Base = lock.Base{Suite: "trixie"}
		l.Platforms = append(l.Platforms, &c)
	}
	return l
}

// wheels lists "index file" of the first platform, sorted.
func wheels(r *Result) []string {
	var list []string
	for _, w := range r.Platforms[0].Wheels {
		list = append(list, w.Index+" "+w.File)
	}
	slices.Sort(list)
	return list
}
