package gmstest

import (
	"encoding/json"
	"maps"
	"strings"
	"time"
)

const (
	requestType  = "dataHubExecutionRequest"
	inputAspect  = "dataHubExecutionRequestInput"
	signalAspect = "dataHubExecutionRequestSignal"
	resultAspect = "dataHubExecutionRequestResult"
	actor        = "urn:li:corpuser:datahub"
)

// URN is that of an execution request.
func URN(id string) string { return "urn:li:" + requestType + ":" + id }

// Result is a state of a run.
type Result struct {
	Status           string `json:"status"`
	Report           string `json:"report"`
	StartTimeMS      int64  `json:"startTimeMs"`
	DurationMS       int64  `json:"durationMs"`
	StructuredReport *struct {
		Type            string `json:"type"`
		SerializedValue string `json:"serializedValue"`
		ContentType     string `json:"contentType"`
	} `json:"structuredReport"`

	Raw json.RawMessage `json:"-"`
	At  time.Time       `json:"-"`
}

// AddRequest does what the UI does when somebody starts a run. The input
// replaces fields of a manual ingestion in the pool "default"; a nil value
// removes one.
func (s *Server) AddRequest(id string, input map[string]any) {
	full := map[string]any{
		"task": "RUN_INGEST", "args": map[string]string{}, "executorId": "default",
		"source":      map[string]any{"type": "MANUAL_INGESTION_SOURCE", "ingestionSource": "urn:li:dataHubIngestionSource:test"},
		"requestedAt": s.o.Now().UnixMilli(), "actorUrn": actor,
	}
	maps.Copy(full, input)
	maps.DeleteFunc(full, func(_ string, value any) bool { return value == nil })
	s.Put(URN(id), inputAspect, full)
}

// Signal asks for a run to be ended: name is "KILL".
func (s *Server) Signal(id, name, pool string) {
	signal := map[string]any{"signal": name, "createdAt": map[string]any{"time": s.o.Now().UnixMilli(), "actor": actor}}
	if pool != "" {
		signal["executorId"] = pool
	}
	s.Put(URN(id), signalAspect, signal)
}

// SetResult writes a status as another party would, without any judgement.
func (s *Server) SetResult(id string, result map[string]any) { s.Put(URN(id), resultAspect, result) }

// Put stores an aspect without any judgement and tells it as a change.
func (s *Server) Put(urn, aspect string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // a mistake in a test
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	s.mu.Lock()
	now := s.o.Now()
	change := Change{URN: urn, EntityType: typeOf(urn), ChangeType: "UPSERT", Aspect: aspect, Value: raw, At: now}
	if previous, ok := s.latest(urn, aspect); ok {
		change.Previous = previous.value
	}
	s.put(urn, aspect, raw, nil, now.UnixMilli())
	s.mu.Unlock()
	if s.o.OnChange != nil {
		s.o.OnChange(change)
	}
}

func typeOf(urn string) string {
	parts := strings.SplitN(urn, ":", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[2]
}

// Aspect returns the newest value.
func (s *Server) Aspect(urn, aspect string) (json.RawMessage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.latest(urn, aspect)
	return v.value, ok
}

// Series returns the values of an aspect that is a time series, the oldest first.
func (s *Server) Series(urn, aspect string) []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]json.RawMessage(nil), s.series[urn+" "+aspect]...)
}

// Result returns the state of a run; ok is false where there is none yet.
func (s *Server) Result(id string) (Result, bool) {
	history := s.History(id)
	if len(history) == 0 {
		return Result{}, false
	}
	return history[len(history)-1], true
}

// History returns the states of a run, the oldest first; equal ones that
// follow each other are one.
func (s *Server) History(id string) []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	var history []Result
	for _, v := range s.entities[URN(id)][resultAspect] {
		r := Result{Raw: v.value, At: v.at}
		_ = json.Unmarshal(v.value, &r) // a test may store what it likes
		history = append(history, r)
	}
	return history
}

// SetSecret stores a secret of the UI.
func (s *Server) SetSecret(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[name] = value
}

// Guard switches on that only system accounts read secrets, which is the
// default of real servers since 1.7.
func (s *Server) Guard(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guard = on
}

// SetStaleness sets how long after its first write search learns of an entity.
func (s *Server) SetStaleness(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = d
}

// SetCreate chooses what CREATE means.
func (s *Server) SetCreate(mode CreateMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.create = mode
}

// Generation is what a server can do.
type Generation int

// The generations, the newest first.
const (
	Current      Generation = iota
	WithoutLists            // has no query that lists execution requests
	WithoutV3               // nor the API of version 3
)

// SetGeneration makes the server an older one.
func (s *Server) SetGeneration(g Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation = g
}

// lacks reports whether the server is of the generation g or older.
func (s *Server) lacks(g Generation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation >= g
}

// Problems returns what was wrong with proposals that were refused for their
// form; a client under test must cause none.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.problems...)
}
