package gmstest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// version is one state of an aspect.
type version struct {
	value    json.RawMessage
	number   int
	observed int64 // Unix milliseconds, as the writer said
	metadata json.RawMessage
	at       time.Time
	listed   map[string]json.RawMessage // the fields that lists show, as search keeps them
}

// Change is a change of an aspect, as the log of changes tells it.
type Change struct {
	URN, EntityType, ChangeType, Aspect string
	Key                                 json.RawMessage // nil where the writer named the urn
	Value                               json.RawMessage
	Previous                            json.RawMessage // nil for the first
	Metadata                            json.RawMessage // system metadata; nil for none
	At                                  time.Time
}

// latest returns the newest version; s.mu is held.
func (s *Server) latest(urn, aspect string) (version, bool) {
	versions := s.entities[urn][aspect]
	if len(versions) == 0 {
		return version{}, false
	}
	return versions[len(versions)-1], true
}

// put stores a version; s.mu is held. An equal value is no new version, but
// the time of observation moves.
func (s *Server) put(urn, aspect string, value, metadata json.RawMessage, observed int64) {
	now := s.o.Now()
	if s.entities[urn] == nil {
		s.entities[urn] = map[string][]version{}
		s.firstSeen[urn] = now
		s.order = append(s.order, urn)
	}
	next := version{value: value, number: 1, observed: observed, metadata: metadata, at: now}
	if names := listed[aspect]; names != nil {
		next.listed = only(value, names)
	}
	if previous, ok := s.latest(urn, aspect); ok {
		next.number = previous.number + 1
		if bytes.Equal(previous.value, value) {
			next.number = previous.number
			s.entities[urn][aspect][len(s.entities[urn][aspect])-1] = next
			return
		}
	}
	s.entities[urn][aspect] = append(s.entities[urn][aspect], next)
}

// item is an aspect in the form of the newer API.
func (v version) item(withMetadata bool) map[string]any {
	item := map[string]any{"value": v.value}
	if !withMetadata {
		return item
	}
	metadata := map[string]any{}
	_ = json.Unmarshal(v.metadata, &metadata) // it was read before
	metadata["lastObserved"] = v.observed
	metadata["version"] = strconv.Itoa(v.number)
	item["systemMetadata"] = metadata
	item["auditStamp"] = map[string]any{"time": v.at.UnixMilli(), "actor": "urn:li:corpuser:__datahub_system"}
	return item
}
