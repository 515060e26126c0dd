package index

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

// TestNoErrorShowsSecrets goes down every way to fail with a login in the URL
// and a signed link in the redirects, and reads what comes out of it: error
// texts, hints, JSON, and the cache folder.
func TestNoErrorShowsSecrets(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"echo of the header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/"+r.Header.Get("Authorization"))
		},
		"page with secrets": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			_, _ = io.WriteString(w, `{"meta":{"api-version":"s3cret"}, s3cret`)
		},
		"no file with hash": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<a href="https://user:s3cret@x.example/a.whl">`)
		},
		"redirect to a signed link that fails": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				http.Redirect(w, r, r.URL.Path+"?signature=s3cret", http.StatusFound)
				return
			}
			w.WriteHeader(http.StatusTeapot)
		},
		"redirect to nowhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://user:s3cret@127.0.0.1:1/?signature=s3cret", http.StatusFound)
		},
		"redirect to no URL": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://user:s3cret@host:port/")
			w.WriteHeader(http.StatusFound)
		},
		"cut":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"wrong content": rangeless,
		"a web page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no such range": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) },
	}
	for _, code := range []int{400, 401, 403, 404, 407, 429, 500, 503} {
		servers[http.StatusText(code)] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, h := range servers {
		t.Run(name, func(t *testing.T) { tryEverything(t, serve(t, h).URL) })
	}
	t.Run("closed", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(rangeless))
		s.Close()
		tryEverything(t, s.URL)
	})
	t.Run("no HTTP, an echo of the request", func(t *testing.T) { tryEverything(t, echo(t)) })
	t.Run("unknown host", func(t *testing.T) { tryEverything(t, "http://unknown.invalid") })
	t.Run("TLS where there is none", func(t *testing.T) {
		tryEverything(t, strings.Replace(serve(t, rangeless).URL, "http:", "https:", 1))
	})
}

// echo is a server that sends back what it is sent, which is no HTTP answer.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request := make([]byte, 4096)
				n, _ := conn.Read(request)
				at := strings.Index(string(request[:n]), "Basic")
				_, _ = conn.Write(append([]byte("HTTP/1.1 "), request[max(at, 0):n]...))
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// tryEverything calls every method with an index at the address.
func tryEverything(t *testing.T, address string) {
	t.Parallel()
	o := quick()
	o.Retries, o.CacheDir = 1, t.TempDir()
	m := withDefault(withLogin(address) + "/simple")
	m.Indexes.Default.Mirrors = []string{withLogin(address) + "/mirror"}
	c := clientWith(t, m, world(nil, map[string]string{"/home/u/.netrc": "default login user password s3cret"}), o)
	var outcomes []any
	_, err := c.Files(t.Context(), "acme")
	outcomes = append(outcomes, err)
	_, err = c.URLs(t.Context(), lock.File{Name: "acme-1.whl", SHA256: hashA, Origin: "default", Path: "acme"})
	outcomes = append(outcomes, err)
	for _, link := range []string{
		address + "/a.whl?signature=s3cret", withLogin(address) + "/a.whl",
		strings.Replace(address, "://", "://user:other-s3cret@", 1) + "/a.whl",
	} {
		_, err = c.Head(t.Context(), link)
		outcomes = append(outcomes, err)
		_, err = c.Range(t.Context(), link, 1, 5)
		outcomes = append(outcomes, err)
		body, _, err := c.Get(t.Context(), link, 3)
		if err == nil {
			_, err = io.ReadAll(body)
			_ = body.Close()
		}
		outcomes = append(outcomes, err)
	}
	text := fmt.Sprintf("%v\n%+v\n%#v\n", outcomes, outcomes, c.set)
	for _, outcome := range outcomes {
		err, _ := outcome.(error)
		text += strings.Join(fault.Hints(err), "\n")
		asJSON, jsonErr := json.Marshal(outcome)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		text += string(asJSON)
	}
	text += contents(t, o.CacheDir)
	for _, secret := range []string{"s3cret", url.QueryEscape("user:s3cret"), strings.TrimPrefix(login{"user", "s3cret"}.header(), "Basic ")} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows in:\n%s", secret, text)
		}
	}
}

// contents joins every file below a folder, names included.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
