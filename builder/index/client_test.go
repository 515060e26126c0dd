package index

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// quick is Options with pauses and timeouts short enough for tests.
func quick() Options {
	return Options{Backoff: time.Millisecond, Timeout: 300 * time.Millisecond}
}

func client(t *testing.T, m *manifest.Manifest, env Env) *Client {
	t.Helper()
	return clientWith(t, m, env, quick())
}

func clientWith(t *testing.T, m *manifest.Manifest, env Env, o Options) *Client {
	t.Helper()
	s, err := Discover(m, env)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(s, o)
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, c *Client, address string, offset int64) (string, int64) {
	t.Helper()
	body, size, err := c.Get(t.Context(), address, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), size
}

const digits = "0123456789"

// ranged serves digits with ranges, rangeless without.
func ranged(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "x.whl", time.Time{}, strings.NewReader(digits))
}

func rangeless(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, digits) }

func TestGetHeadRange(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{"ranged": ranged, "rangeless": rangeless} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			c := client(t, withDefault(s.URL), Env{})
			for offset := range int64(10) {
				text, size := get(t, c, s.URL+"/x.whl", offset)
				if text != digits[offset:] || size != 10 {
					t.Errorf("from %d: %q of %d", offset, text, size)
				}
			}
			if size, err := c.Head(t.Context(), s.URL); size != 10 || err != nil {
				t.Errorf("head: %d, %v", size, err)
			}
			for _, want := range []string{digits[2:5], digits[7:10], digits} {
				offset := int64(strings.Index(digits, want))
				if b, err := c.Range(t.Context(), s.URL, offset, int64(len(want))); string(b) != want || err != nil {
					t.Errorf("range %d: %q, %v", offset, b, err)
				}
			}
			if b, err := c.Range(t.Context(), s.URL, 8, 100); string(b) != "89" || err != nil {
				t.Errorf("range over the end: %q, %v", b, err)
			}
		})
	}
	c := client(t, withDefault("https://x.example"), Env{})
	for _, r := range [][2]int64{{-1, 5}, {0, 0}, {0, maxRange + 1}} {
		if _, err := c.Range(t.Context(), "https://x.example", r[0], r[1]); fault.KindOf(err) != fault.Internal {
			t.Errorf("range %v: %v", r, err)
		}
	}
}

func TestNoIndexes(t *testing.T) {
	s := serve(t, ranged)
	set, err := NoIndexes(Env{})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(set, quick())
	defer c.Close()
	if text, _ := get(t, c, s.URL, 6); text != digits[6:] {
		t.Errorf("%q", text)
	}
	if _, err := c.Files(t.Context(), "acme"); fault.KindOf(err) != fault.Network {
		t.Errorf("%v", err)
	}
	if _, err := c.URLs(t.Context(), lock.File{Origin: DefaultName}); fault.KindOf(err) != fault.Manifest {
		t.Errorf("%v", err)
	}
}

func TestWrongRanges(t *testing.T) {
	for _, header := range []string{"", "bytes 4-9/10", "bytes 5-9/7", "bytes 9-5/10", "bytes x", "bytes 5-9/x"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", header)
			w.WriteHeader(http.StatusPartialContent)
		})
		_, _, err := client(t, withDefault(s.URL), Env{}).Get(t.Context(), s.URL, 5)
		if !errors.Is(err, ErrRange) || fault.KindOf(err) != fault.Network {
			t.Errorf("%q: %v", header, err)
		}
	}
	s := serve(t, ranged)
	if _, _, err := client(t, withDefault(s.URL), Env{}).Get(t.Context(), s.URL, 11); !errors.Is(err, ErrRange) {
		t.Errorf("an offset after the end: %v", err)
	}
}

func TestStatuses(t *testing.T) {
	tests := []struct {
		code     int
		header   string // Retry-After
		requests int32  // with 4 retries
		is       error
	}{
		{code: 404, requests: 1, is: ErrNotFound},
		{code: 410, requests: 1, is: ErrNotFound},
		{code: 401, requests: 1, is: ErrDenied},
		{code: 403, requests: 1, is: ErrDenied},
		{code: 400, requests: 1},
		{code: 501, requests: 1},
		{code: 304, requests: 1},
		{code: 204, requests: 1},
		{code: 302, requests: 1}, // without Location
		{code: 408, requests: 5},
		{code: 429, requests: 5},
		{code: 500, requests: 5},
		{code: 503, requests: 5},
		{code: 503, header: "3600", requests: 1},
		{code: 503, header: "Wed, 01 Jan 2200 00:00:00 GMT", requests: 1},
		{code: 503, header: "Wed, 01 Jan 2020 00:00:00 GMT", requests: 5},
		{code: 503, header: "soon", requests: 5},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.code, test.header), func(t *testing.T) {
			var requests atomic.Int32
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(test.code)
			})
			_, err := client(t, withDefault(s.URL), Env{}).Files(t.Context(), "acme")
			if fault.KindOf(err) != fault.Network || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v", err)
			}
			if got := requests.Load(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			if test.is == ErrDenied && (len(fault.Hints(err)) != 1 || !strings.Contains(err.Error(), `"default"`)) {
				t.Errorf("the index is not named, or no hint: %v", err)
			}
		})
	}
}

func TestRetryUntilWell(t *testing.T) {
	var requests atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			panic(http.ErrAbortHandler)
		case 3: // truncated page
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "<a href=")
		case 4: // silence in the middle
			_, _ = io.WriteString(w, "<html>")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<a href="a.whl#sha256=%s">`, hashA)
		}
	})
	files, err := client(t, withDefault(s.URL), Env{}).Files(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := []File{{Name: "a.whl", URL: s.URL + "/acme/a.whl", SHA256: hashA, Size: -1, Index: "default"}}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
}

// TestOverloadedHostGetsLessPatience: once the retries of a request were in
// vain, the next ones get a single retry, until the host answers again.
func TestOverloadedHostGetsLessPatience(t *testing.T) {
	var requests, well atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if well.Load() == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c := client(t, withDefault(s.URL), Env{})
	for _, want := range []int32{5, 7, 9} {
		if _, err := c.Head(t.Context(), s.URL); err == nil || requests.Load() != want {
			t.Errorf("%d requests, want %d (%v)", requests.Load(), want, err)
		}
	}
	well.Store(1)
	if _, err := c.Head(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
	well.Store(0)
	if _, err := c.Head(t.Context(), s.URL); err == nil || requests.Load() != 15 {
		t.Errorf("%d requests, want 15 (%v)", requests.Load(), err)
	}
}

// TestSilentHostIsLeftAlone: a host that takes no connections is asked again
// only every few seconds.
func TestSilentHostIsLeftAlone(t *testing.T) {
	s := serve(t, ranged)
	address, handler := s.Listener.Addr().String(), s.Config.Handler
	s.Close()
	c := client(t, withDefault(s.URL), Env{})
	u := &url.URL{Scheme: "http", Host: address}
	for range 3 {
		if _, err := c.Head(t.Context(), s.URL); fault.KindOf(err) != fault.Network {
			t.Errorf("%v", err)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	back := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	back.Start()
	defer back.Close()
	if _, err := c.Head(t.Context(), s.URL); err == nil {
		t.Error("asked again at once")
	}
	c.down[origin(u)].probe = time.Now()
	for range 2 {
		if _, err := c.Head(t.Context(), s.URL); err != nil {
			t.Error(err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := serve(t, ranged)
	s.Close()
	_, err := client(t, withDefault(s.URL), Env{}).Files(t.Context(), "acme")
	if fault.KindOf(err) != fault.Network {
		t.Errorf("%v", err)
	}
}

func TestCancel(t *testing.T) {
	reached := make(chan struct{}, 9)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		<-r.Context().Done()
	})
	o := quick()
	o.Timeout = time.Minute
	c := clientWith(t, withDefault(s.URL), Env{}, o)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	if _, err := c.Files(ctx, "acme"); fault.KindOf(err) != fault.Cancelled {
		t.Errorf("%v", err)
	}
}

func TestSlowPageOfAnotherCallerCanBeLeft(t *testing.T) {
	reached := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	})
	o := quick()
	o.Timeout = time.Minute
	c := clientWith(t, withDefault(s.URL), Env{}, o)
	slow, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Files(slow, "acme")
	}()
	<-reached
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Files(ctx, "acme"); fault.KindOf(err) != fault.Cancelled {
		t.Errorf("%v", err)
	}
	stop()
	<-done
}

func TestPageTooLarge(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		chunk := []byte(strings.Repeat("<p>", 1<<18))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := client(t, withDefault(s.URL), Env{}).Files(t.Context(), "acme"); fault.KindOf(err) != fault.Network {
		t.Errorf("%v", err)
	}
}

// listing serves one wheel of project acme and counts the requests.
func listing(t *testing.T, requests *atomic.Int32, sha string) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path != "/acme-x/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<a href="acme_x-1.whl#sha256=%s">`, sha)
	})
}

func TestPagesAreKept(t *testing.T) {
	var requests atomic.Int32
	s := listing(t, &requests, hashA)
	o := quick()
	o.CacheDir = t.TempDir()
	files := func(c *Client, want int32) {
		t.Helper()
		for range 3 {
			f, err := c.Files(t.Context(), "Acme.X")
			if err != nil || len(f) != 1 || f[0].Index != "default" {
				t.Fatalf("%v, %v", f, err)
			}
		}
		if got := requests.Load(); got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	}
	m := withDefault(s.URL)
	files(client(t, m, Env{}), 1)
	files(client(t, m, Env{}), 2) // nothing is kept without a folder
	files(clientWith(t, m, Env{}, o), 3)
	files(clientWith(t, m, Env{}, o), 3)

	cached, err := filepath.Glob(o.CacheDir + "/pages/*")
	if err != nil || len(cached) != 1 {
		t.Fatalf("%q, %v", cached, err)
	}
	info, err := os.Stat(cached[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	old := time.Now().Add(-pageLifetime - time.Second)
	ancient, left := time.Now().Add(-3*pageLifetime), filepath.Dir(cached[0])+"/.page-1"
	if err := errors.Join(os.Chtimes(cached[0], old, old), os.WriteFile(left, nil, 0o600), os.Chtimes(left, ancient, ancient)); err != nil {
		t.Fatal(err)
	}
	files(clientWith(t, m, Env{}, o), 4)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
	if err := os.WriteFile(cached[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	files(clientWith(t, m, Env{}, o), 5)
	o.CacheDir = "/proc/nowhere" // a cache that cannot be written is none
	files(clientWith(t, m, Env{}, o), 6)
}

func TestFilesFromMirror(t *testing.T) {
	var requests atomic.Int32
	good := listing(t, &requests, hashA)
	down := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	m := withDefault(down.URL)
	m.Indexes.Default.Mirrors = []string{good.URL}
	c := client(t, m, Env{})
	if f, err := c.Files(t.Context(), "acme-x"); err != nil || len(f) != 1 || f[0].URL != good.URL+"/acme-x/acme_x-1.whl" {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := c.Files(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestURLs(t *testing.T) {
	var requests atomic.Int32
	first, second, other := listing(t, &requests, hashA), listing(t, &requests, hashA), listing(t, &requests, hashB)
	down := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	file := lock.File{Name: "acme_x-1.whl", SHA256: hashA, Size: 1, Origin: "default", Path: "acme-x"}
	tests := map[string]struct {
		bases []string
		file  func(*lock.File)
		want  []string
		kind  fault.Kind
		is    error
	}{
		"everywhere":         {bases: []string{first.URL, second.URL}, want: []string{first.URL, second.URL}},
		"first one down":     {bases: []string{down.URL, second.URL}, want: []string{second.URL}},
		"mirror down":        {bases: []string{first.URL, down.URL}, want: []string{first.URL}},
		"other hash first":   {bases: []string{other.URL, second.URL}, want: []string{second.URL}},
		"other hash":         {bases: []string{other.URL}, kind: fault.Network, is: ErrNotFound},
		"other project":      {bases: []string{first.URL}, file: func(f *lock.File) { f.Path = "y" }, kind: fault.Network, is: ErrNotFound},
		"other name":         {bases: []string{first.URL}, file: func(f *lock.File) { f.Name = "y" }, kind: fault.Network, is: ErrNotFound},
		"all down":           {bases: []string{down.URL}, kind: fault.Network},
		"no such index here": {bases: []string{first.URL}, file: func(f *lock.File) { f.Origin = "acme" }, kind: fault.Manifest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := withDefault(test.bases[0])
			m.Indexes.Default.Mirrors = test.bases[1:]
			f := file
			if test.file != nil {
				test.file(&f)
			}
			got, err := client(t, m, Env{}).URLs(t.Context(), f)
			if test.want == nil {
				if err == nil || fault.KindOf(err) != test.kind || test.is != nil && !errors.Is(err, test.is) || errors.Is(err, ErrNotFound) && test.is == nil {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			for i := range test.want {
				test.want[i] += "/acme-x/acme_x-1.whl"
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestWheel(t *testing.T) {
	content := "a wheel, more or less"
	sha := "" // of content, once stored
	spoil := ""
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".whl") {
			_, _ = io.WriteString(w, content+spoil)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		for _, name := range []string{"acme_x-1.0.tar.gz", "acme_x-1.0-cp313-cp313-linux_x86_64.whl", "Acme_X-1.0-py2.py3-none-any.whl", "acme_x-2.0-py3-none-any.whl"} {
			fmt.Fprintf(w, `<a href="/%s#sha256=%s">`, name, sha)
		}
	})
	blobs, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if sha, err = blobs.PutBytes([]byte(content)); err != nil {
		t.Fatal(err)
	}
	blobs, err = store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, withDefault(s.URL), Env{})
	spoil = "!"
	if _, _, err := c.Wheel(t.Context(), "acme-x", "1.0", blobs); fault.KindOf(err) != fault.Integrity {
		t.Errorf("other content: %v", err)
	}
	spoil = ""
	for range 2 {
		b, f, err := c.Wheel(t.Context(), "acme.X", "1.0", blobs)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != "Acme_X-1.0-py2.py3-none-any.whl" || b.Size() != int64(len(content)) {
			t.Errorf("%+v, %d bytes", f, b.Size())
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := c.Wheel(t.Context(), "acme-x", "3.0", blobs); fault.KindOf(err) != fault.Resolve || !errors.Is(err, ErrNotFound) {
		t.Errorf("no such version: %v", err)
	}
}

func TestOwnCertificateAuthority(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(ranged))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is to fail
	s.StartTLS()
	defer s.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	with := world(map[string]string{"SSL_CERT_FILE": "/ca.pem"}, map[string]string{"/ca.pem": string(certificate)})
	if text, _ := get(t, client(t, withDefault(s.URL), with), s.URL, 0); text != digits {
		t.Errorf("%q", text)
	}
	_, err := client(t, withDefault(s.URL), Env{}).Head(t.Context(), s.URL)
	if fault.KindOf(err) != fault.Network || Temporary(err) || len(fault.Hints(err)) != 1 {
		t.Errorf("unknown authority: %v", err)
	}
}

func TestProxies(t *testing.T) {
	var proxied atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		_, _ = io.WriteString(w, r.URL.Host)
	})
	direct := serve(t, rangeless)
	env := world(map[string]string{"http_proxy": strings.Replace(proxy.URL, "http://", "http://user:s3cret@", 1), "NO_PROXY": "near.example"}, nil)
	c := client(t, withDefault(direct.URL), env)
	if text, _ := get(t, c, "http://far.example/x", 0); text != "far.example" || proxied.Load() != 1 {
		t.Errorf("%q, %d requests at the proxy", text, proxied.Load())
	}
	for _, address := range []string{direct.URL, strings.Replace(direct.URL, "127.0.0.1", "localhost", 1)} {
		if text, _ := get(t, c, address, 0); text != digits || proxied.Load() != 1 {
			t.Errorf("%s goes through the proxy", address)
		}
	}
	u, err := proxyFrom(env)(&http.Request{URL: &url.URL{Scheme: "http", Host: "near.example"}})
	if u != nil || err != nil {
		t.Errorf("NO_PROXY is not followed: %v, %v", u, err)
	}
}

func TestHTMLInPlaceOfAFile(t *testing.T) {
	page := "<!DOCTYPE html><title>sign in</title>"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/odd.whl" {
			page = "PK\x03\x04 zip of a server with odd types"
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = io.WriteString(w, page)
	})
	c := client(t, withDefault(s.URL), Env{})
	if _, _, err := c.Get(t.Context(), s.URL+"/a.whl", 0); fault.KindOf(err) != fault.Integrity || !errors.Is(err, ErrHTML) {
		t.Errorf("%v", err)
	}
	if text, size := get(t, c, s.URL+"/odd.whl", 3); text != page[3:] || size != int64(len(page)) {
		t.Errorf("%q of %d", text, size)
	}
}

func TestBadAddresses(t *testing.T) {
	c := client(t, withDefault("https://d.example"), Env{})
	for _, address := range []string{"", "x", "file:///etc/passwd", "ftp://x.example/s3cret", "http://u:s3cret@:9999999", "http://%zz"} {
		_, _, err1 := c.Get(t.Context(), address, 0)
		_, err2 := c.Head(t.Context(), address)
		_, err3 := c.Range(t.Context(), address, 0, 1)
		for _, err := range []error{err1, err2, err3} {
			if fault.KindOf(err) != fault.Network || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q: %v", address, err)
			}
		}
	}
}
