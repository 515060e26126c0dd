package gmstest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Control returns the server together with what scripts use instead of the
// methods, below /gmstest:
//
//	PUT    /gmstest/requests/{id}   the input as JSON
//	PUT    /gmstest/signals/{id}    the signal's name
//	GET    /gmstest/results/{id}    the state of a run; 404 without one
//	GET    /gmstest/history/{id}    all its states
//	PUT    /gmstest/aspects/{urn}/{aspect}, GET
//	PUT    /gmstest/secrets/{name}  the value
//	PUT    /gmstest/guard           true or false
//	PUT    /gmstest/staleness       "5s"
//	POST   /gmstest/faults          a Fault as JSON, durations in nanoseconds
//	DELETE /gmstest/faults          all of them
//	GET    /gmstest/exchanges, /gmstest/problems
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s)
	put := func(pattern string, do func(r *http.Request, body []byte) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err == nil {
				err = do(r, body)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	put("PUT /gmstest/requests/{id}", func(r *http.Request, body []byte) error {
		var input map[string]any
		if err := json.Unmarshal(body, &input); err != nil {
			return err
		}
		s.AddRequest(r.PathValue("id"), input)
		return nil
	})
	put("PUT /gmstest/signals/{id}", func(r *http.Request, body []byte) error {
		s.Signal(r.PathValue("id"), string(body), r.URL.Query().Get("pool"))
		return nil
	})
	put("PUT /gmstest/aspects/{urn}/{aspect}", func(r *http.Request, body []byte) error {
		var value json.RawMessage
		if err := json.Unmarshal(body, &value); err != nil {
			return err
		}
		s.Put(r.PathValue("urn"), r.PathValue("aspect"), value)
		return nil
	})
	put("PUT /gmstest/secrets/{name}", func(r *http.Request, body []byte) error {
		s.SetSecret(r.PathValue("name"), string(body))
		return nil
	})
	put("PUT /gmstest/guard", func(_ *http.Request, body []byte) error {
		var on bool
		if err := json.Unmarshal(body, &on); err != nil {
			return err
		}
		s.Guard(on)
		return nil
	})
	put("PUT /gmstest/staleness", func(_ *http.Request, body []byte) error {
		d, err := time.ParseDuration(string(body))
		s.SetStaleness(d)
		return err
	})
	put("POST /gmstest/faults", func(_ *http.Request, body []byte) error {
		var f Fault
		if err := json.Unmarshal(body, &f); err != nil {
			return err
		}
		s.Fail(f)
		return nil
	})
	put("DELETE /gmstest/faults", func(*http.Request, []byte) error { s.Heal(); return nil })
	s.controlReads(mux)
	return mux
}

func (s *Server) controlReads(mux *http.ServeMux) {
	get := func(pattern string, value func(r *http.Request) (any, bool)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, ok := value(r)
			if !ok {
				http.NotFound(w, r)
				return
			}
			reply(w, v)
		})
	}
	get("GET /gmstest/results/{id}", func(r *http.Request) (any, bool) { return s.Aspect(URN(r.PathValue("id")), resultAspect) })
	get("GET /gmstest/history/{id}", func(r *http.Request) (any, bool) {
		states := []json.RawMessage{}
		for _, state := range s.History(r.PathValue("id")) {
			states = append(states, state.Raw)
		}
		return states, true
	})
	get("GET /gmstest/aspects/{urn}/{aspect}", func(r *http.Request) (any, bool) {
		return s.Aspect(r.PathValue("urn"), r.PathValue("aspect"))
	})
	get("GET /gmstest/exchanges", func(*http.Request) (any, bool) { return s.Exchanges(), true })
	get("GET /gmstest/problems", func(*http.Request) (any, bool) { return s.Problems(), true })
}
