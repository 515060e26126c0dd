package gmstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// maxBody bounds a request, in bytes, as the web server before GMS does.
const maxBody = 64 << 20

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
	recorder := httptest.NewRecorder()
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.route(recorder, r, body)
	exchange.Status, exchange.Response = recorder.Code, recorder.Body.String()
	if f != nil && f.DropAfter {
		exchange.Status = 0
		s.record(exchange)
		cut(w)
		return
	}
	s.record(exchange)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()) // the caller may have gone
}

func (s *Server) record(e Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exchanges = append(s.exchanges, e)
	if s.o.Journal != nil {
		line, _ := json.Marshal(e)
		_, _ = s.o.Journal.Write(append(line, '\n')) // evidence, not data
	}
}

// Exchanges returns what has been asked and answered so far.
func (s *Server) Exchanges() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Exchange(nil), s.exchanges...)
}
