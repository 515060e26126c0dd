package gmstest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"time"
)

const (
	// maxBody bounds a request, in bytes, as the web server before GMS does.
	maxBody = 64 << 20
	// maxExchanges is how many exchanges are kept: more than a test looks at,
	// less than a long run would fill the memory with.
	maxExchanges = 10_000
)

// Exchange is a request and what became of it.
type Exchange struct {
	At       time.Time   `json:"at"`
	Method   string      `json:"method"`
	Path     string      `json:"path"` // with the query
	Header   http.Header `json:"header"`
	Body     string      `json:"body"`
	Status   int         `json:"status"` // 0: the connection was cut
	Response string      `json:"response"`
}

// ServeHTTP answers a request, or breaks as a fault says.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	exchange := Exchange{At: s.o.Now(), Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: string(body)}
	f := s.fault(r, body)
	if f != nil && f.before(w, r) {
		s.record(exchange)
		return
	}
	held := &heldAnswer{header: http.Header{}, status: http.StatusOK}
	s.route(held, r, body)
	exchange.Status, exchange.Response = held.status, held.body.String()
	if f != nil && f.DropAfter {
		exchange.Status = 0
		s.record(exchange)
		cut(w)
		return
	}
	s.record(exchange)
	maps.Copy(w.Header(), held.header)
	w.WriteHeader(held.status)
	_, _ = w.Write(held.body.Bytes()) // the caller may have gone
}

// heldAnswer keeps an answer until it is known whether it may be given.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

func (s *Server) record(e Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.exchanges) == maxExchanges {
		s.exchanges = append(s.exchanges[:0], s.exchanges[maxExchanges/2:]...)
	}
	s.exchanges = append(s.exchanges, e)
	if s.o.Journal != nil {
		line, _ := json.Marshal(e)
		_, _ = s.o.Journal.Write(append(line, '\n')) // evidence, not data
	}
}

// Exchanges returns what has been asked and answered so far, the newest last;
// after very many the oldest are gone.
func (s *Server) Exchanges() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Exchange(nil), s.exchanges...)
}
