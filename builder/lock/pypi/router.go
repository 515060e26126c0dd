package pypi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

// router is the index that uv sees: on the loopback interface, below a random
// path that only our uv knows. Each run of uv has a path of its own, so that
// what it asked for, and what went wrong meanwhile, can be told apart.
type router struct {
	r      *resolver
	ctx    context.Context // of the whole resolution; a page may outlive a request
	server *http.Server
	base   string // "http://127.0.0.1:1234/<token>"
	prefix string // "/<token>/"

	mu   sync.Mutex
	runs map[string]*run
	next int
}

// run is one run of uv, as the router sees it.
type run struct {
	id     string
	target target
	url    string // of the simple index

	mu       sync.Mutex
	asked    map[string]bool
	failures map[string]error
}

func (n *run) ask(project string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[project] = true
}

func (n *run) fail(project string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failures[project] = err
}

// projects returns the names that uv asked for, sorted.
func (n *run) projects() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.asked))
}

// err joins what went wrong, sorted by project.
func (n *run) err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []error
	for _, project := range slices.Sorted(maps.Keys(n.failures)) {
		all = append(all, n.failures[project])
	}
	return errors.Join(all...)
}

func newRouter(ctx context.Context, r *resolver) (*router, error) {
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting the index router")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting the index router")
	}
	t := &router{r: r, ctx: ctx, prefix: "/" + hex.EncodeToString(token) + "/", runs: map[string]*run{}}
	t.base = "http://" + listener.Addr().String() + t.prefix
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	go t.server.Serve(listener) //nolint:errcheck // ends with Close
	return t, nil
}

func (t *router) close() { t.server.Close() }

// begin opens a path for one run of uv.
func (t *router) begin(target target) *run {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	n := &run{id: fmt.Sprint(t.next), target: target, asked: map[string]bool{}, failures: map[string]error{}}
	n.url = t.base + n.id + "/simple"
	t.runs[n.id] = n
	return n
}

// end closes the path; late requests of the run get 404.
func (t *router) end(n *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.runs, n.id)
}

// ServeHTTP answers <token>/<run>/simple/<project>/,
// <token>/<run>/files/<project>/<file> and the same with ".metadata".
func (t *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	rest, ok := strings.CutPrefix(req.URL.Path, t.prefix)
	id, rest, _ := strings.Cut(rest, "/")
	t.mu.Lock()
	n := t.runs[id]
	t.mu.Unlock()
	if !ok || n == nil || (req.Method != http.MethodGet && req.Method != http.MethodHead) {
		http.NotFound(w, req)
		return
	}
	parts := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "simple":
		t.servePage(w, n, pep508.Normalise(parts[1]))
	case len(parts) == 3 && parts[0] == "files":
		t.serveFile(w, req, n, parts[1], parts[2])
	default:
		http.NotFound(w, req)
	}
}

// simpleFile is one file of a project page, PEP 691 and PEP 714.
type simpleFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Size           int64             `json:"size,omitempty"`
	CoreMetadata   bool              `json:"core-metadata"`
}

func (t *router) servePage(w http.ResponseWriter, n *run, project string) {
	n.ask(project)
	p, err := t.r.page(t.ctx, n.target, project)
	if err != nil {
		n.fail(project, err)
		http.Error(w, "see lockforge", http.StatusInternalServerError)
		return
	}
	if len(p.candidates) == 0 {
		http.Error(w, "no such project", http.StatusNotFound)
		return
	}
	files := make([]simpleFile, 0, len(p.candidates))
	for _, c := range p.candidates {
		files = append(files, simpleFile{
			Filename: c.name, URL: "../../files/" + project + "/" + url.PathEscape(c.name),
			Hashes: map[string]string{"sha256": c.file.SHA256}, RequiresPython: c.file.RequiresPython,
			Size: max(c.file.Size, 0), CoreMetadata: true,
		})
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": project, "files": files}) //nolint:errcheck // uv sees a short body
}

func (t *router) serveFile(w http.ResponseWriter, req *http.Request, n *run, project, name string) {
	name, wantsMetadata := strings.CutSuffix(name, ".metadata")
	p, err := t.r.page(t.ctx, n.target, project)
	if err != nil {
		n.fail(project, err)
		http.Error(w, "see lockforge", http.StatusInternalServerError)
		return
	}
	at := slices.IndexFunc(p.candidates, func(c *candidate) bool { return c.name == name })
	if at < 0 {
		http.NotFound(w, req)
		return
	}
	content, err := t.content(p.candidates[at], wantsMetadata)
	if err != nil {
		n.fail(project, err)
		http.Error(w, "see lockforge", http.StatusInternalServerError)
		return
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	io.Copy(w, content) //nolint:errcheck // uv sees a short body
}

// content opens a candidate's metadata, or the wheel itself: uv asks for the
// latter only where it cannot use the former.
func (t *router) content(c *candidate, metadata bool) (io.ReadCloser, error) {
	if metadata {
		text, err := t.r.metadata(t.ctx, c)
		return io.NopCloser(strings.NewReader(string(text))), err
	}
	w, err := t.r.obtain(t.ctx, c)
	if err != nil {
		return nil, err
	}
	blob, err := t.r.req.Store.Open(w.SHA256)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{blob.Reader(), blob}, nil
}
