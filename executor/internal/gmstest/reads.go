package gmstest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// classes are the names of types that rest.li wraps aspects in.
var classes = map[string]string{
	inputAspect:  "com.linkedin.execution.ExecutionRequestInput",
	signalAspect: "com.linkedin.execution.ExecutionRequestSignal",
	resultAspect: "com.linkedin.execution.ExecutionRequestResult",
}

// class is the name of the type of an aspect.
func (s *Server) class(aspect string) string {
	if name, ok := classes[aspect]; ok {
		return name
	}
	if name := s.schemas.class(aspect); name != "" {
		return name
	}
	return "com.linkedin.common." + strings.ToUpper(aspect[:1]) + aspect[1:]
}

// restliAspect serves GET /aspects/{urn}?aspect=&version=0.
func (s *Server) restliAspect(w http.ResponseWriter, r *http.Request) {
	urn := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, s.o.Base), "/aspects/")
	aspect := r.URL.Query().Get("aspect")
	value, ok := s.Aspect(urn, aspect)
	if !ok {
		restliFail(w, http.StatusNotFound, "")
		return
	}
	w.Header().Set("X-RestLi-Protocol-Version", "2.0.0")
	reply(w, map[string]any{"version": 0, "aspect": map[string]any{s.class(aspect): value}})
}

// openapi serves the reads of version 3: batchGet, one aspect, a page of entities.
func (s *Server) openapi(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	kind, rest, _ := strings.Cut(path, "/")
	switch {
	case rest == "batchGet" && r.Method == http.MethodPost:
		s.batchGet(w, r, body)
	case rest == "" && r.Method == http.MethodGet:
		s.page(w, r, kind)
	case r.Method == http.MethodGet:
		urn, aspect, _ := strings.Cut(rest, "/")
		s.mu.Lock()
		v, ok := s.latest(urn, aspect)
		s.mu.Unlock()
		if !ok {
			w.Header().Set("Not-Found-Reason", "ENTITY")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		reply(w, v.item(r.URL.Query().Get("systemMetadata") == "true"))
	default:
		fail(w, http.StatusMethodNotAllowed, "Method not allowed")
	}
}

// batchGet serves [{"urn": ..., aspect: {}}, ...]; entities without any of
// the aspects are left out.
func (s *Server) batchGet(w http.ResponseWriter, r *http.Request, body []byte) {
	var asked []map[string]json.RawMessage
	if json.Unmarshal(body, &asked) != nil {
		fail(w, http.StatusBadRequest, "a list of entities is required")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []map[string]any{}
	for _, entity := range asked {
		var urn string
		if json.Unmarshal(entity["urn"], &urn) != nil {
			fail(w, http.StatusBadRequest, "Missing `urn` field")
			return
		}
		delete(entity, "urn")
		item := s.entity(urn, entity, r.URL.Query().Get("systemMetadata") == "true")
		if len(item) > 1 {
			found = append(found, item)
		}
	}
	reply(w, found)
}

// entity is one with those of the wanted aspects that it has; s.mu is held.
func (s *Server) entity(urn string, wanted map[string]json.RawMessage, withMetadata bool) map[string]any {
	item := map[string]any{"urn": urn}
	for aspect := range s.entities[urn] {
		if _, ok := wanted[aspect]; !ok && len(wanted) > 0 {
			continue
		}
		v, _ := s.latest(urn, aspect)
		item[aspect] = v.item(withMetadata)
	}
	return item
}

// timeseries serves the action getTimeseriesAspectValues.
func (s *Server) timeseries(w http.ResponseWriter, body []byte) {
	var q struct {
		URN    string          `json:"urn"`
		Entity string          `json:"entity"`
		Aspect string          `json:"aspect"`
		Start  int64           `json:"startTimeMillis"`
		End    int64           `json:"endTimeMillis"`
		Limit  int             `json:"limit"`
		Latest bool            `json:"latestValue"`
		Filter json.RawMessage `json:"filter"`
		Sort   json.RawMessage `json:"sort"`
	}
	if err := strict(body, &q); err != nil {
		restliFail(w, http.StatusBadRequest, err.Error())
		return
	}
	all := s.Series(q.URN, q.Aspect)
	values := []map[string]any{}
	for i := len(all) - 1; i >= 0 && (q.Limit <= 0 || len(values) < q.Limit); i-- {
		var stamp struct {
			At int64 `json:"timestampMillis"`
		}
		_ = json.Unmarshal(all[i], &stamp) // it was judged before
		if stamp.At < q.Start || q.End > 0 && stamp.At > q.End {
			continue
		}
		values = append(values, map[string]any{"aspect": genericAspect{string(all[i]), "application/json"}})
	}
	reply(w, map[string]any{"value": map[string]any{"entityName": q.Entity, "aspectName": q.Aspect, "values": values}})
}
