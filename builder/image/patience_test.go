package image_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/internal/testenv"
)

// outage answers everything with a status until it is over.
type outage struct {
	http.Handler
	status     int
	retryAfter string

	mu    sync.Mutex
	until time.Time
	early int // requests while it lasted
}

func (o *outage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	lasts := time.Now().Before(o.until)
	if lasts {
		o.early++
	}
	o.mu.Unlock()
	if !lasts {
		o.Handler.ServeHTTP(w, r)
		return
	}
	if o.retryAfter != "" {
		w.Header().Set("Retry-After", o.retryAfter)
	}
	w.WriteHeader(o.status)
}

func begin(t *testing.T, o *outage, lasts time.Duration) (ref string) {
	t.Helper()
	o.Handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.until = time.Now().Add(lasts)
	return strings.TrimPrefix(server.URL, "http://") + "/a:v1"
}

// A registry that cannot serve for a while is waited for: four seconds, or
// with all rounds of faults two minutes.
func TestPushOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	lasts := 4 * time.Second
	if testenv.AllFaults() {
		lasts = 2 * time.Minute
	}
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			ref := begin(t, &outage{status: status}, lasts)
			start := time.Now()
			if _, err := image.Push(t.Context(), composed(t), ref, image.Options{Attempts: 1}); err != nil {
				t.Fatal(err)
			}
			if extra := time.Since(start) - lasts; extra < 0 || extra > 15*time.Second {
				t.Errorf("it took %s longer than the outage", extra)
			}
		})
	}
}

// Nobody is asked again before the time that they named.
func TestPushHeedsRetryAfter(t *testing.T) {
	t.Parallel()
	o := &outage{status: http.StatusTooManyRequests, retryAfter: "3"}
	ref := begin(t, o, 3*time.Second)
	if _, err := image.Push(t.Context(), composed(t), ref, image.Options{}); err != nil {
		t.Fatal(err)
	}
	if o.early != 1 { // the others wait for what the first is told
		t.Errorf("%d requests before the time that was asked for", o.early)
	}
}

// Patience ends, and what no waiting mends has none.
func TestPushGivesUp(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		cancel time.Duration
	}{
		"a long outage": {status: http.StatusServiceUnavailable},
		"forbidden":     {status: http.StatusForbidden},
		"cancelled":     {status: http.StatusServiceUnavailable, cancel: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref := begin(t, &outage{status: tt.status}, time.Hour)
			options := image.Options{Attempts: 1, Patience: time.Second}
			ctx := t.Context()
			if tt.cancel > 0 {
				options.Patience = time.Hour
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, tt.cancel)
				defer stop()
			}
			start := time.Now()
			_, err := image.Push(ctx, composed(t), ref, options)
			if !fault.Is(err, fault.Network) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v, want a network fault", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
