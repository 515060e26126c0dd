package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/store"
)

// content is what the test files hold: long enough for several reads.
var content = bytes.Repeat([]byte("0123456789abcde\n"), 1<<14) // 256 kB

// mirror is an index whose file answers a test can spoil.
type mirror struct {
	*httptest.Server

	mu    sync.Mutex
	files map[string][]byte // what the project pages announce, by file name
	// spoil answers request number n (from 0) for a file in the mirror's place;
	// it reports false to let the mirror answer.
	spoil    func(w http.ResponseWriter, r *http.Request, n int) bool
	requests map[string][]string // Range headers, by file name
}

func newMirror(t testing.TB) *mirror {
	m := &mirror{files: map[string][]byte{}, requests: map[string][]string{}}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if project, ok := strings.CutPrefix(r.URL.Path, "/simple/"); ok {
		m.page(w, strings.TrimSuffix(project, "/"))
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/files/")
	m.mu.Lock()
	n := len(m.requests[name])
	m.requests[name] = append(m.requests[name], r.Header.Get("Range"))
	spoil, file := m.spoil, m.files[name]
	m.mu.Unlock()
	if spoil != nil && spoil(w, r, n) {
		return
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file))
}

func (m *mirror) page(w http.ResponseWriter, project string) {
	w.Header().Set("Content-Type", "text/html")
	found := false
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, b := range m.files {
		if strings.HasPrefix(name, project+"-") {
			found = true
			fmt.Fprintf(w, "<a href=\"/files/%s#sha256=%s\">%s</a>\n", name, hashOf(b), name)
		}
	}
	if !found {
		w.WriteHeader(http.StatusNotFound)
	}
}

// seen returns the Range headers of the requests for a file.
func (m *mirror) seen(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[name]
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// locked is the lock's entry for a wheel of that content.
func locked(project string, b []byte) lock.File {
	return lock.File{Name: project + "-1.0-py3-none-any.whl", Size: int64(len(b)), SHA256: hashOf(b), Origin: "default", Path: project}
}

// offer puts the file of a lock entry on a mirror.
func (m *mirror) offer(f lock.File, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[f.Name] = b
}

// sources is a real client for an index at the first mirror, the others being
// its mirrors, with pauses short enough for tests.
func sources(t testing.TB, mirrors ...*mirror) map[string]Source {
	t.Helper()
	def := &manifest.Index{URL: mirrors[0].URL + "/simple"}
	for _, m := range mirrors[1:] {
		def.Mirrors = append(def.Mirrors, m.URL+"/simple")
	}
	set, err := index.Discover(&manifest.Manifest{Indexes: manifest.Indexes{Default: def}}, index.Env{})
	if err != nil {
		t.Fatal(err)
	}
	c := index.NewClient(set, index.Options{Backoff: time.Millisecond, Timeout: 2 * time.Second})
	t.Cleanup(c.Close)
	return map[string]Source{"index": c}
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	return openStore(t, t.TempDir())
}

func openStore(t testing.TB, root string) *store.Store {
	t.Helper()
	s, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantStored fails unless the store holds the content.
func wantStored(t *testing.T, s *store.Store, b []byte) {
	t.Helper()
	blob, err := s.Open(hashOf(b))
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	got := make([]byte, len(b))
	if _, err := blob.ReadAt(got, 0); err != nil || !bytes.Equal(got, b) {
		t.Errorf("stored content differs (%v)", err)
	}
}

// events is a Sink that remembers what it was told.
type events struct {
	mu    sync.Mutex
	steps []*event
}

type event struct {
	sink        *events
	name        string
	done, total int64
	log         []string
	cached      bool
	ended       int
	err         error
}

func (s *events) Begin(name string) progress.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &event{sink: s, name: name}
	s.steps = append(s.steps, e)
	return e
}

func (e *event) change(f func()) {
	e.sink.mu.Lock()
	defer e.sink.mu.Unlock()
	f()
}

func (e *event) Advance(done, total int64) { e.change(func() { e.done, e.total = done, total }) }
func (e *event) Log(line string)           { e.change(func() { e.log = append(e.log, line) }) }
func (e *event) Cached()                   { e.change(func() { e.cached = true }) }
func (e *event) End(err error)             { e.change(func() { e.ended++; e.err = err }) }
