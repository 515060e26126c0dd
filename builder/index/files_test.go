package index

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

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
