package attest_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// outage is a registry that, from the given request on, answers with a status
// for a while.
type outage struct {
	next       http.Handler
	status     int
	retryAfter string
	after      int // requests
	lasts      time.Duration

	mu    sync.Mutex
	seen  int
	until time.Time
	early int // requests while it lasted
}

func (o *outage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.seen++
	if o.seen == o.after {
		o.until = time.Now().Add(o.lasts)
	}
	down := time.Now().Before(o.until)
	if down {
		o.early++
	}
	o.mu.Unlock()
	if !down {
		o.next.ServeHTTP(w, r)
		return
	}
	if o.retryAfter != "" {
		w.Header().Set("Retry-After", o.retryAfter)
	}
	w.WriteHeader(o.status)
}

// TestSigningOutlastsAnOutage has the registry fail when the image is looked
// up, when signatures are uploaded, and when they are listed.
func TestSigningOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	server := testenv.Registry(t)
	private, public := keyPair(t)
	const lasts = 3 * time.Second
	for name, tt := range map[string]struct {
		status     int
		retryAfter string
		after      int
		patience   time.Duration
		want       fault.Kind // where it cannot work
	}{
		"from the beginning":      {status: http.StatusServiceUnavailable, after: 1, patience: 30 * time.Second},
		"in the middle":           {status: http.StatusBadGateway, after: 12, patience: 30 * time.Second},
		"too many requests":       {status: http.StatusTooManyRequests, retryAfter: "3", after: 9, patience: 30 * time.Second},
		"longer than patience":    {status: http.StatusServiceUnavailable, after: 12, patience: 100 * time.Millisecond, want: fault.Network},
		"refused, not waited for": {status: http.StatusForbidden, after: 12, patience: time.Hour, want: fault.Network},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := push(t, server)
			o := &outage{status: tt.status, retryAfter: tt.retryAfter, after: tt.after, lasts: lasts}
			if tt.want != 0 {
				o.lasts = time.Hour
			}
			proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler { o.next = next; return o })
			var target *attest.Target
			sign := func() (err error) {
				target, err = attest.Open(t.Context(), strings.Replace(image, server, proxy, 1), attest.Options{Patience: tt.patience})
				if err != nil {
					return err
				}
				return attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest()))
			}
			start := time.Now()
			err := sign()
			if tt.want != 0 {
				if took := time.Since(start); fault.KindOf(err) != tt.want || took > 15*time.Second {
					t.Errorf("after %s: %v, want kind %v", took, err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); o.early == 0 || took > lasts+15*time.Second {
				t.Errorf("it took %s, with %d requests in %s of outage", took, o.early, lasts)
			}
			if tt.retryAfter != "" && o.early > 2 {
				t.Errorf("%d requests before the time that was asked for", o.early)
			}
			checked, err := attest.Check(t.Context(), target, trust(t, public))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(statements(t, target.Digest()), checked.Statements); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSigningAWrongDigest has a registry answer with another image than the
// one that was asked for, and with a digest that is not that of its bytes.
func TestSigningAWrongDigest(t *testing.T) {
	t.Parallel()
	server := testenv.Registry(t)
	right, wrong := open(t, push(t, server)).Digest(), ""
	other := push(t, server) // takes the tag
	wrong = open(t, other).Digest()
	repository := strings.TrimSuffix(other, ":v1")
	isManifest := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	for name, tt := range map[string]struct {
		ref   string
		spoil func(w http.ResponseWriter, r *http.Request) http.ResponseWriter
	}{
		"another image's bytes": {repository + "@" + right, func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
			r.URL.Path = strings.Replace(r.URL.Path, right, wrong, 1)
			return w
		}},
		"another image's bytes, by its own name": {repository + "@" + right, func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
			r.URL.Path = strings.Replace(r.URL.Path, right, wrong, 1)
			return naming{w, right}
		}},
		"another name": {repository + ":v1", func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
			return naming{w, right}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := testenv.Proxy(t, server, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if isManifest(r) {
						w = tt.spoil(w, r)
					}
					next.ServeHTTP(w, r)
				})
			})
			target, err := attest.Open(t.Context(), strings.Replace(tt.ref, server, proxy, 1), attest.Options{})
			if err != nil {
				return
			}
			// What the tag stands for is what its bytes are, whatever they are called.
			if tt.ref != repository+":v1" || target.Digest() != wrong {
				t.Errorf("%s would be signed for %s", target.Digest(), tt.ref)
			}
		})
	}
}

// naming puts a digest into every answer.
type naming struct {
	http.ResponseWriter
	digest string
}

func (n naming) WriteHeader(status int) {
	n.Header().Set("Docker-Content-Digest", n.digest)
	n.ResponseWriter.WriteHeader(status)
}
