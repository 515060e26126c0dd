package gmstest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is one way to break. The first that applies to a request is used.
type Fault struct {
	// Path and Body restrict it to requests with these parts in the address
	// with its query, and in the body.
	Path, Body string
	After      int // lets that many requests pass first
	Times      int // applies that often; 0 is until it is removed

	Delay time.Duration // before anything else
	Hang  bool          // no answer until the caller gives up
	Drop  bool          // cuts the connection, nothing is stored
	// DropAfter cuts the connection after the request has been served: what it
	// wrote is stored, and its caller does not know.
	DropAfter bool
	Status    int         // answers with that
	Header    http.Header // with Status
	Text      string      // with Status
}

type fault struct {
	Fault
	seen, used int
}

// Fail adds a fault and returns what removes it.
func (s *Server) Fail(f Fault) (remove func()) {
	added := &fault{Fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(f *fault) bool { return f == added })
	}
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault finds the one for a request, or nil.
func (s *Server) fault(r *http.Request, body []byte) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !strings.Contains(r.URL.RequestURI(), f.Path) || !strings.Contains(string(body), f.Body) {
			continue
		}
		f.seen++
		if f.seen <= f.After || f.Times > 0 && f.used >= f.Times {
			continue
		}
		f.used++
		return f
	}
	return nil
}

// before does what happens instead of serving; it reports whether that was all.
func (f *fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return true
		}
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Drop:
		cut(w)
	case f.Status != 0:
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Text)) // the caller may have gone
	default:
		return false
	}
	return true
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if conn, _, err := hijacker.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler) // how a handler of HTTP/2 does it
}
