package attest

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Predicate types of the statements that Make returns.
const (
	TypeProvenance = "https://slsa.dev/provenance/v1"
	TypeSPDX       = "https://spdx.dev/Document"
	TypeCycloneDX  = "https://cyclonedx.org/bom"
	TypeTestResult = "https://in-toto.io/attestation/test-result/v0.1"
	TypeVSA        = "https://slsa.dev/verification_summary/v1"

	statementType = "https://in-toto.io/Statement/v1"
)

// Subject is something that a statement is about: the image index, and for
// statements about one platform its manifest as well.
type Subject struct {
	Name   string // no host: the image's name, or a platform
	Digest string // "sha256:<hex>"
}

// Statement is one in-toto statement. Predicate is JSON.
type Statement struct {
	PredicateType string
	Subjects      []Subject
	Predicate     json.RawMessage
}

// About reports whether the statement names digest as a subject.
func (s Statement) About(digest string) bool {
	return slices.ContainsFunc(s.Subjects, func(sub Subject) bool { return sub.Digest == digest })
}

// identity tells apart statements that may stand side by side: one of each
// type for each set of subjects, and of test results one for what was tested.
func (s Statement) identity() string {
	parts := []string{s.PredicateType}
	for _, sub := range s.Subjects {
		parts = append(parts, sub.Digest)
	}
	slices.Sort(parts[1:])
	if s.PredicateType == TypeTestResult {
		parts = append(parts, tested(s.Predicate))
	}
	return strings.Join(parts, " ")
}

// wireStatement is the JSON form, in-toto attestation spec v1.
type wireStatement struct {
	Type          string          `json:"_type"`
	Subject       []descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// descriptor is in-toto's ResourceDescriptor, as far as it is used here.
type descriptor struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	MediaType   string            `json:"mediaType,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Marshal gives the statement's JSON. The same statement has the same bytes.
func (s Statement) Marshal() ([]byte, error) {
	if s.PredicateType == "" || len(s.Subjects) == 0 || !json.Valid(s.Predicate) {
		return nil, fault.New(fault.Internal, "writing a statement of type %q with %d subjects", s.PredicateType, len(s.Subjects))
	}
	wire := wireStatement{Type: statementType, PredicateType: s.PredicateType, Predicate: s.Predicate}
	for _, sub := range s.Subjects {
		wire.Subject = append(wire.Subject, descriptor{Name: sub.Name, Digest: sha256Of(sub.Digest)})
	}
	return encode(wire)
}

// ParseStatements reads statements that are not signed yet, one JSON object
// after the other. Anything else, or none, is fault.Usage.
func ParseStatements(text []byte) ([]Statement, error) {
	var all []Statement
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF && len(all) > 0 {
			return all, nil
		} else if err != nil {
			return nil, fault.Wrap(fault.Usage, err, "reading statement %d", len(all)+1).Hint("a file of statements holds in-toto statements as JSON")
		}
		s, err := parseStatement(raw)
		if err != nil {
			return nil, fault.New(fault.Usage, "reading statement %d: %v", len(all)+1, err).Hint("see %s", statementType)
		}
		all = append(all, s)
	}
}

// parseStatement reads the payload of a verified envelope.
func parseStatement(payload []byte) (Statement, error) {
	var wire wireStatement
	if err := json.Unmarshal(payload, &wire); err != nil {
		return Statement{}, err
	}
	// Version 0.1 is what older cosign releases write; subject and predicate are the same.
	if wire.Type != statementType && wire.Type != "https://in-toto.io/Statement/v0.1" {
		return Statement{}, fault.New(fault.Signature, "statement of type %q", wire.Type)
	}
	if wire.PredicateType == "" || len(wire.Subject) == 0 || len(wire.Predicate) == 0 {
		return Statement{}, fault.New(fault.Signature, "statement without subject or predicate")
	}
	s := Statement{PredicateType: wire.PredicateType, Predicate: wire.Predicate}
	for _, sub := range wire.Subject {
		s.Subjects = append(s.Subjects, Subject{Name: sub.Name, Digest: "sha256:" + sub.Digest["sha256"]})
	}
	return s, nil
}

func sha256Of(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}
}

// encode gives compact JSON without HTML escapes, the same for the same value.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding JSON")
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
