package gmstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// CreateMode is what a server does with the change type CREATE.
type CreateMode int

// The modes: what the sources of 1.x say, and what a server without such a
// validator does.
const (
	CreateOnce     CreateMode = iota // refused with 422 where the aspect is there
	CreateAsUpsert                   // like UPSERT
)

// proposal is a MetadataChangeProposal in the JSON of rest.li.
type proposal struct {
	AuditHeader     json.RawMessage   `json:"auditHeader"`
	EntityType      string            `json:"entityType"`
	EntityURN       string            `json:"entityUrn"`
	EntityKeyAspect *genericAspect    `json:"entityKeyAspect"`
	ChangeType      string            `json:"changeType"`
	AspectName      string            `json:"aspectName"`
	Aspect          *genericAspect    `json:"aspect"`
	SystemMetadata  json.RawMessage   `json:"systemMetadata"`
	Headers         map[string]string `json:"headers"`

	urn      string
	observed int64
}

type genericAspect struct {
	Value       string `json:"value"`
	ContentType string `json:"contentType"`
}

// refusal is why a proposal is not taken.
type refusal struct {
	status  int
	message string
}

// finals are the statuses that GMS lets nobody change.
var finals = map[string]bool{"ABORTED": true, "CANCELLED": true, "SUCCESS": true, "DUPLICATE": true}

// strict decodes as rest.li does: no unknown fields, nothing after the value.
func strict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("unrecognized field found but not allowed, or wrong type: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

// ingest judges all proposals, then stores them together.
func (s *Server) ingest(w http.ResponseWriter, raw []json.RawMessage) {
	proposals := make([]*proposal, len(raw))
	for i := range raw {
		p, refused := s.parse(raw[i])
		if refused != nil {
			s.refuse(w, refused)
			return
		}
		proposals[i] = p
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	changes, refused := s.commit(proposals)
	if refused != nil {
		restliFail(w, refused.status, refused.message)
		return
	}
	if s.o.OnChange != nil {
		for _, change := range changes {
			s.o.OnChange(change)
		}
	}
	reply(w, map[string]string{"value": "success"})
}

// refuse answers a proposal that no server would take, and remembers it.
func (s *Server) refuse(w http.ResponseWriter, refused *refusal) {
	s.mu.Lock()
	s.problems = append(s.problems, refused.message)
	s.mu.Unlock()
	restliFail(w, refused.status, refused.message)
}

// parse reads a proposal and checks what does not depend on the store.
func (s *Server) parse(raw json.RawMessage) (*proposal, *refusal) {
	if raw == nil {
		return nil, &refusal{http.StatusBadRequest, "a proposal is required"}
	}
	p := &proposal{}
	if err := strict(raw, p); err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	if err := p.resolve(); err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	if err := s.checkAspect(p.EntityType, p.AspectName, p.Aspect.Value); err != nil {
		return nil, &refusal{http.StatusUnprocessableEntity, err.Error()}
	}
	return p, nil
}

// resolve checks the envelope and finds the urn.
func (p *proposal) resolve() error {
	if p.EntityType == "" || p.AspectName == "" || p.Aspect == nil {
		return errors.New("entityType, aspectName and aspect are required")
	}
	if p.Aspect.ContentType != "application/json" {
		return fmt.Errorf("content type %q is unknown", p.Aspect.ContentType)
	}
	switch p.ChangeType {
	case "UPSERT", "CREATE", "CREATE_ENTITY", "PATCH", "RESTATE":
	default:
		return fmt.Errorf("change type %q is unknown", p.ChangeType)
	}
	if err := p.readMetadata(); err != nil {
		return err
	}
	if p.EntityURN != "" {
		p.urn = p.EntityURN
		if !strings.HasPrefix(p.urn, "urn:li:"+p.EntityType+":") {
			return fmt.Errorf("urn %s is not one of type %s", p.urn, p.EntityType)
		}
		return nil
	}
	var key struct {
		ID string `json:"id"`
	}
	if p.EntityKeyAspect == nil || json.Unmarshal([]byte(p.EntityKeyAspect.Value), &key) != nil || key.ID == "" {
		return errors.New("neither a urn nor a key with an id")
	}
	p.urn = "urn:li:" + p.EntityType + ":" + key.ID
	return nil
}

func (p *proposal) readMetadata() error {
	if p.SystemMetadata == nil {
		return nil
	}
	var m struct {
		LastObserved  int64             `json:"lastObserved"`
		RunID         string            `json:"runId"`
		LastRunID     string            `json:"lastRunId"`
		PipelineName  string            `json:"pipelineName"`
		Properties    map[string]string `json:"properties"`
		Registry      string            `json:"registryName"`
		Model         string            `json:"registryVersion"`
		Version       string            `json:"version"`
		SchemaVersion int64             `json:"schemaVersion"`
		Created       json.RawMessage   `json:"aspectCreated"`
		Modified      json.RawMessage   `json:"aspectModified"`
	}
	if err := strict(p.SystemMetadata, &m); err != nil {
		return fmt.Errorf("system metadata: %w", err)
	}
	p.observed = m.LastObserved
	return nil
}

// commit stores all of them or none.
func (s *Server) commit(proposals []*proposal) ([]Change, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range proposals {
		if refused := s.conflict(p); refused != nil {
			return nil, refused
		}
	}
	var changes []Change
	for _, p := range proposals {
		change := Change{
			URN: p.urn, EntityType: p.EntityType, ChangeType: p.ChangeType, Aspect: p.AspectName,
			Value: json.RawMessage(p.Aspect.Value), Metadata: p.SystemMetadata, At: s.o.Now(),
		}
		if p.EntityKeyAspect != nil {
			change.Key = json.RawMessage(p.EntityKeyAspect.Value)
		}
		if previous, ok := s.latest(p.urn, p.AspectName); ok {
			change.Previous = previous.value
		}
		if s.schemas.isSeries(p.AspectName) {
			s.series[p.urn+" "+p.AspectName] = append(s.series[p.urn+" "+p.AspectName], change.Value)
		} else {
			s.put(p.urn, p.AspectName, change.Value, change.Metadata, p.observed)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// conflict is what the store has against a proposal; s.mu is held.
func (s *Server) conflict(p *proposal) *refusal {
	previous, exists := s.latest(p.urn, p.AspectName)
	if p.ChangeType == "CREATE" && exists && s.create == CreateOnce {
		return &refusal{http.StatusUnprocessableEntity, "Cannot perform CREATE since the aspect already exists."}
	}
	if want, ok := p.Headers["If-Version-Match"]; ok {
		actual := "-1"
		if exists && p.ChangeType == "UPSERT" {
			actual = strconv.Itoa(previous.number)
		}
		if want != actual {
			return &refusal{http.StatusUnprocessableEntity, "Expected version " + want + ", actual version " + actual}
		}
	}
	if exists && p.AspectName == "dataHubExecutionRequestResult" {
		var old, next struct {
			Status string `json:"status"`
		}
		_ = json.Unmarshal(previous.value, &old)          // both were
		_ = json.Unmarshal([]byte(p.Aspect.Value), &next) // judged before
		if finals[old.Status] {
			return &refusal{http.StatusUnprocessableEntity, fmt.Sprintf(
				"Invalid update to immutable state: urn %s, status %s, denied %s", p.urn, old.Status, next.Status)}
		}
	}
	return nil
}
