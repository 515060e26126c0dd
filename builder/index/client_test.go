package index

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
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

// ranged serves digits with ranges, rangeless without.

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

// TestSilentHostIsLeftAlone: a host that takes no connections is asked again

// only every few seconds.

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

// listing serves one wheel of project acme and counts the requests.

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
