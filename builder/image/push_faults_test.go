package image_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// many is an image of so many layers of a size that no compression makes
// smaller.
func many(t *testing.T, layers, size int) *image.Image {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	var i imagetest.Image
	for n := range layers {
		body := make([]byte, size)
		_, _ = random.Read(body)
		i.Layers = append(i.Layers, imagetest.Layer{Entries: []imagetest.Entry{imagetest.File(fmt.Sprint(n), string(body))}})
	}
	dir := filepath.Join(t.TempDir(), "image")
	imagetest.Layout(t, dir, i)
	return open(t, "oci:"+dir)
}

// spoil is what happens to an upload on its way; until says when who stalls
// may stop, since a server learns of a client that left by reading only.
func spoil(how string, until context.Context, next http.Handler, w http.ResponseWriter, r *http.Request) {
	half, _ := io.ReadAll(io.LimitReader(r.Body, r.ContentLength/2))
	switch how {
	case "cut":
		panic(http.ErrAbortHandler)
	case "stalled":
		<-until.Done()
	case "unanswered":
		_, _ = io.Copy(io.Discard, r.Body)
		<-until.Done()
	case "truncated": // passed on as if it were all
		_, _ = io.Copy(io.Discard, r.Body)
		short := r.Clone(r.Context())
		short.Body, short.ContentLength = io.NopCloser(bytes.NewReader(half)), int64(len(half))
		next.ServeHTTP(w, short)
	}
}

func isUpload(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/blobs/uploads/") && (r.Method == http.MethodPatch || r.Method == http.MethodPut)
}

// TestPushOverABadLine spoils every tenth request that uploads a blob, in each
// way, in front of a real registry: the image arrives, whole.
func TestPushOverABadLine(t *testing.T) {
	t.Parallel()
	const layers = 24
	img := many(t, layers, 1<<19)
	for _, name := range []string{"cut", "stalled", "unanswered", "truncated"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.Registry(t)
			random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
			var mu sync.Mutex
			requests, spoiled := 0, 0
			proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					bad := false
					if isUpload(r) {
						requests++
						// The first is always spoiled: no run is without.
						if bad = requests == 1 || random.IntN(10) == 0; bad {
							spoiled++
						}
					}
					mu.Unlock()
					if bad {
						spoil(name, t.Context(), next, w, r)
					} else {
						next.ServeHTTP(w, r)
					}
				})
			})
			ref, err := image.Push(t.Context(), img, proxy+"/a:v1", image.Options{Stall: time.Second, Patience: 30 * time.Second})
			if err != nil {
				t.Fatalf("%d of %d requests spoiled: %v", spoiled, requests, err)
			}
			if want := img.Digest(); !strings.HasSuffix(ref, "@"+want) {
				t.Errorf("pushed %s, want %s", ref, want)
			}
			stored := open(t, server+"/a:v1")
			if stored.Digest() != img.Digest() {
				t.Errorf("the tag is %s, want %s", stored.Digest(), img.Digest())
			}
			if got, err := collect(stored); err != nil || len(got) == 0 {
				t.Errorf("reading it back: %v", err) // each blob by its hash
			}
			t.Logf("%d of %d requests spoiled", spoiled, requests)
		})
	}
}

// timed measures the longest upload of a blob, answered or not.
type timed struct{ took atomic.Int64 }

func (m *timed) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := http.DefaultTransport.RoundTrip(r)
	if isUpload(r) {
		m.took.Store(max(m.took.Load(), int64(time.Since(start))))
	}
	return response, err
}

// TestPushNoticesAStall measures how soon, by the defaults.
func TestPushNoticesAStall(t *testing.T) {
	t.Parallel()
	img := many(t, 1, 32<<20) // more than connections hold
	server := testenv.Registry(t)
	var stalled atomic.Bool
	proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isUpload(r) && stalled.CompareAndSwap(false, true) {
				spoil("stalled", t.Context(), next, w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	var line timed
	if _, err := image.Push(t.Context(), img, proxy+"/a:v1", image.Options{Transport: &line}); err != nil {
		t.Fatal(err)
	}
	if took := time.Duration(line.took.Load()); took < 10*time.Second || took > 30*time.Second {
		t.Errorf("the stall was noticed after %s, want 30 s at most", took)
	}
}

// TestPushMistrustsDigests has a registry say that it stored something else.
func TestPushMistrustsDigests(t *testing.T) {
	t.Parallel()
	img := many(t, 2, 1<<10)
	server := testenv.Registry(t)
	for name, about := range map[string]func(*http.Request) bool{
		"a blob": isUpload,
		"a manifest": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:")
		},
		"a tag": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/v1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			lies := 0
			proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(&liar{ResponseWriter: w, lie: about(r), lies: &lies}, r)
				})
			})
			_, err := image.Push(t.Context(), img, proxy+"/"+strings.ReplaceAll(name, " ", "")+":v1", image.Options{})
			if !fault.Is(err, fault.Integrity) || fault.KindOf(err) != fault.Integrity {
				t.Errorf("got %v, want an integrity fault", err)
			}
			if lies == 0 {
				t.Error("the registry never lied")
			}
		})
	}
}

// liar puts another digest into an answer.
type liar struct {
	http.ResponseWriter
	lie  bool
	lies *int
}

func (l *liar) WriteHeader(status int) {
	const header = "Docker-Content-Digest"
	if l.lie && l.Header().Get(header) != "" {
		l.Header().Set(header, "sha256:"+strings.Repeat("0", 64))
		*l.lies++
	}
	l.ResponseWriter.WriteHeader(status)
}

// tokens lets a request pass that carries a token which was not used too often.
type tokens struct {
	next http.Handler
	uses int  // that a token is good for
	last bool // the first token is the last one
	late bool // a request is read before it is refused

	mu   sync.Mutex
	left []int // uses of each token that was issued
}

func (k *tokens) issued() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.left)
}

// take uses a token.
func (k *tokens) take(authorization string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := range k.left {
		if authorization == fmt.Sprintf("Bearer t%d", n) && k.left[n] > 0 {
			k.left[n]--
			return true
		}
	}
	return false
}

func (k *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		if k.last && k.issued() > 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		fmt.Fprintf(w, `{"token": "t%d"}`, len(k.left))
		k.left = append(k.left, k.uses)
		return
	}
	if k.take(r.Header.Get("Authorization")) {
		r.Header.Del("Authorization")
		k.next.ServeHTTP(w, r)
		return
	}
	if k.late {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="s"`, r.Host))
	w.WriteHeader(http.StatusUnauthorized)
}

// TestPushWithTokensThatExpire has a token end in the middle of a push, also
// when a blob has been sent already.
func TestPushWithTokensThatExpire(t *testing.T) {
	t.Parallel()
	img := many(t, 6, 1<<19)
	server := testenv.Registry(t)
	for name, k := range map[string]*tokens{
		"renewed":      {uses: 10},
		"renewed late": {uses: 10, late: true},
		"no other":     {uses: 10, last: true},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler { k.next = next; return k })
			ref := "/" + strings.ReplaceAll(name, " ", "")
			_, err := image.Push(t.Context(), img, proxy+ref+":v1", image.Options{})
			if k.last {
				if fault.KindOf(err) != fault.Network {
					t.Errorf("got %v, want a network fault", err)
				}
				if _, err := image.Open(t.Context(), server+ref+":v1", image.Options{}); err == nil {
					t.Error("the tag is there")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := open(t, server+ref+":v1").Digest(); got != img.Digest() || k.issued() < 2 {
				t.Errorf("%s by %d tokens, want %s by several", got, k.issued(), img.Digest())
			}
		})
	}
}
