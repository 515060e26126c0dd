package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Limits of the listener. It answers a scraper every few seconds; who wants
// more of it gets nothing.
const (
	maxConnections = 16
	maxScrapes     = 4       // at once; each may hold a few hundred kilobytes
	maxHeaderBytes = 8 << 10 // of a request
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute // longer than usual intervals of scraping
	gatherTimeout  = 10 * time.Second
)

// Listen opens the port. An empty address is none: a nil listener.
func Listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for metrics: %w", err)
	}
	return listener, nil
}

// Serve answers scrapes, at every path as upstream does, until ctx ends. With
// a nil listener it waits for that.
func (m *Metrics) Serve(ctx context.Context, listener net.Listener) error {
	if listener == nil {
		<-ctx.Done()
		return nil
	}
	server := &http.Server{
		Handler:           m.Handler(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), // what scanners do is no news
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(netutil.LimitListener(listener, maxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving metrics: %w", err)
}

// Handler answers GET and HEAD with the text form. The form OpenMetrics is not
// offered: it adds _total to the names of counters.
func (m *Metrics) Handler() http.Handler {
	scrapes := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             gatherTimeout,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		scrapes.ServeHTTP(w, r)
	})
}
