package gmstest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
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
	slices.SortStableFunc(urns, func(a, b string) int { return s.requestedAt(b).Compare(s.requestedAt(a)) })
	return urns
}

func (s *Server) requestedAt(urn string) time.Time {
	var input struct {
		RequestedAt int64 `json:"requestedAt"`
	}
	v, _ := s.latest(urn, inputAspect)
	_ = json.Unmarshal(v.value, &input) // a test may store what it likes
	return time.UnixMilli(input.RequestedAt)
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
