package integration_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockforge/lockforge/builder/image"
)

const (
	user     = "build-robot"
	password = "hush5Gkq2"
)

// guard is an index that demands a password and passes everything on to the
// real one. Pages come back with their links leading through the guard.
type guard struct {
	server  *httptest.Server
	index   string // the real one
	served  atomic.Int64
	refused atomic.Int64
}

var origin = regexp.MustCompile(`https?://[^/"'\s<>]+/`)

func newGuard(t *testing.T, index string) *guard {
	t.Helper()
	g := &guard{index: strings.TrimSuffix(index, "/")}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
		g.refused.Add(1)
		w.Header().Set("WWW-Authenticate", `Basic realm="index"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	g.served.Add(1)
	target := g.index + strings.TrimPrefix(r.URL.Path, "/simple")
	if via, ok := strings.CutPrefix(r.URL.Path, "/via/"); ok {
		target = strings.Replace(via, "/", "://", 1)
	}
	if err := g.pass(w, r, target); err != nil {
		http.Error(w, "the index does not answer", http.StatusBadGateway)
	}
}

func (g *guard) pass(w http.ResponseWriter, r *http.Request, target string) error {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, target, nil)
	if err != nil {
		return err
	}
	for _, name := range []string{"Accept", "Range"} {
		if value := r.Header.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := io.Reader(response.Body)
	kind := response.Header.Get("Content-Type")
	page := strings.HasPrefix(kind, "text/html") || strings.Contains(kind, "json")
	if page {
		content, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		body = bytes.NewReader(origin.ReplaceAllFunc(content, g.through))
	}
	for _, name := range []string{"Content-Type", "Content-Range", "Accept-Ranges"} {
		if value := response.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	if length := response.Header.Get("Content-Length"); length != "" && !page {
		w.Header().Set("Content-Length", length)
	}
	w.WriteHeader(response.StatusCode)
	_, err = io.Copy(w, body)
	return err
}

// through makes "https://host/" one of the guard's own addresses.
func (g *guard) through(address []byte) []byte {
	scheme, rest, _ := strings.Cut(string(address), "://")
	return []byte(g.server.URL + "/via/" + scheme + "/" + rest)
}

// TestSecrets locks and builds with credentials in the index's address and
// looks for them, and for any host's name, in all that comes out.
func TestSecrets(t *testing.T) {
	require(t)
	w := newWorkplace(t, t.TempDir(), map[string]string{"m.yaml": "version: 1\nname: guarded\ncli: {version: 1.7.0.17, slim: true}\nplugins: [file]\n"})
	plan := decode[struct{ Indexes []struct{ URL string } }](t, w.must(t, "plan", "m.yaml", "--format", "json"))
	g := newGuard(t, plan.Indexes[0].URL)
	address, err := url.Parse(g.server.URL + "/simple")
	if err != nil {
		t.Fatal(err)
	}

	// The catalog may be known already; a lock needs the index itself.
	w.with("UV_DEFAULT_INDEX="+address.String()).exits(t, 40, "lock", "m.yaml")
	if g.refused.Load() == 0 {
		t.Error("the guarded index was not asked")
	}
	address.User = url.UserPassword(user, password)
	guarded := w.with("UV_DEFAULT_INDEX=" + address.String())
	var logs strings.Builder
	for _, args := range [][]string{
		{"plan", "m.yaml"}, {"lock", "m.yaml"}, {"keygen"},
		{"build", "m.yaml", "-o", "oci:image", "--sign", "--key", "cosign.key", "--metadata-file", "metadata.json"},
	} {
		s := guarded.exits(t, 0, args...)
		logs.WriteString(s.stdout + s.stderr)
	}
	if g.served.Load() < 50 {
		t.Fatalf("only %d requests came through the guard", g.served.Load())
	}
	upstream, err := url.Parse(plan.Indexes[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{[]byte(password), []byte(user), []byte(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))}
	hosts := [][]byte{[]byte(address.Host), []byte(upstream.Host + "/simple")}

	find(t, "the logs", []byte(logs.String()), secrets)
	for _, name := range []string{"m.yaml.lock", "metadata.json"} {
		find(t, name, []byte(readFile(t, w.path(name))), append(secrets, hosts...))
	}
	searchBlobs(t, w.path("image"), append(secrets, hosts...))
	searchLayers(t, "oci:"+w.path("image"), append(secrets, []byte(address.Host)))
	searchCache(t, w.cache, secrets)
}

func find(t *testing.T, place string, content []byte, words [][]byte) {
	t.Helper()
	for _, word := range words {
		if bytes.Contains(content, word) {
			t.Errorf("%s holds %q", place, word)
		}
	}
}

// searchBlobs reads manifests, configurations and statements of a layout.
func searchBlobs(t *testing.T, dir string, words [][]byte) {
	t.Helper()
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) == 0 {
		t.Fatalf("no blobs in %s: %v", dir, err)
	}
	payload := regexp.MustCompile(`"payload":"([A-Za-z0-9+/=]+)"`)
	statements := 0
	for _, blob := range blobs {
		content := []byte(readFile(t, blob))
		if len(content) == 0 || content[0] != '{' {
			continue
		}
		find(t, filepath.Base(blob), content, words)
		if found := payload.FindSubmatch(content); found != nil {
			statement, err := base64.StdEncoding.DecodeString(string(found[1]))
			if err != nil {
				t.Fatal(err)
			}
			find(t, "statement "+filepath.Base(blob), statement, words)
			statements++
		}
	}
	if statements == 0 {
		t.Error("the layout has no statements")
	}
}

// searchLayers reads every file of the image.
func searchLayers(t *testing.T, ref string, words [][]byte) {
	t.Helper()
	img, err := image.Open(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = img.Platforms()[0].Walk(t.Context(), func(_ image.Layer, e image.Entry, r io.Reader) error {
		if e.Type != image.File {
			return nil
		}
		files++
		content, err := io.ReadAll(r)
		find(t, e.Path, content, words)
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files read: %v", files, err)
	}
}

// searchCache reads the small files of the cache: indexes, records, states.
func searchCache(t *testing.T, dir string, words [][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > 8<<20 {
			return err
		}
		content, err := os.ReadFile(path)
		find(t, path, content, words)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
