package gmstest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// indexed returns the urns of a type that search knows by now, those requested
// last first; s.mu is held.
func (s *Server) indexed(kind string) []string {
	var urns []string
	now := s.o.Now()
	for _, urn := range s.order {
		if typeOf(urn) == kind && !now.Before(s.firstSeen[urn].Add(s.stale)) {
			urns = append(urns, urn)
		}
	}
	slices.SortStableFunc(urns, func(a, b string) int { return cmp.Compare(s.requestedAt(b), s.requestedAt(a)) })
	return urns
}

func (s *Server) requestedAt(urn string) int64 {
	v, _ := s.latest(urn, inputAspect)
	at, _ := strconv.ParseInt(string(v.listed["requestedAt"]), 10, 64) // a test may store what it likes
	return at
}

// listed are the fields of aspects that a list of execution requests has: those
// that executors ask for, so neither recipes nor reports.
var listed = map[string][]string{
	inputAspect:  {"task", "executorId", "requestedAt"},
	resultAspect: {"status"},
}

// only picks fields of an aspect.
func only(aspect json.RawMessage, names []string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(aspect, &fields) // a test may store what it likes
	maps.DeleteFunc(fields, func(name string, _ json.RawMessage) bool { return !slices.Contains(names, name) })
	return fields
}

// page serves GET /openapi/v3/entity/{type}, newest requests first.
func (s *Server) page(w http.ResponseWriter, r *http.Request, kind string) {
	q := r.URL.Query()
	count, err := strconv.Atoi(q.Get("count"))
	if err != nil || count < 1 {
		count = 10
	}
	start, _ := strconv.Atoi(strings.TrimPrefix(q.Get("scrollId"), "at-")) // 0 for the first page
	wanted := map[string]json.RawMessage{}
	for _, aspect := range q["aspects"] {
		wanted[aspect] = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	urns := s.indexed(kind)
	end := min(start+count, len(urns))
	page := map[string]any{"entities": []any{}}
	entities := []map[string]any{}
	for _, urn := range urns[min(start, end):end] {
		entities = append(entities, s.entity(urn, wanted, q.Get("systemMetadata") == "true"))
	}
	page["entities"] = entities
	if end < len(urns) {
		page["scrollId"] = "at-" + strconv.Itoa(end)
	}
	reply(w, page)
}
