package attest

import (
	"encoding/json"
	"time"
)

// Identifiers of lockforge's own. They are URNs, since a type needs a name
// and no host that might answer for it one day.
const (
	BuildType = "urn:lockforge:build:v1"
	BuilderID = "urn:lockforge:builder:v1"
	// VerifierID is who verifies an image that somebody else may have built.
	VerifierID = "urn:lockforge:verifier:v1"
)

// Provenance is the predicate of TypeProvenance, SLSA provenance v1. Members
// below BuildDefinition are defined by BuildType.
type Provenance struct {
	BuildDefinition struct {
		BuildType            string             `json:"buildType"`
		ExternalParameters   ExternalParameters `json:"externalParameters"`
		InternalParameters   InternalParameters `json:"internalParameters"`
		ResolvedDependencies []descriptor       `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version"`
		} `json:"builder"`
		Metadata *runMetadata `json:"metadata,omitempty"`
	} `json:"runDetails"`
}

// ExternalParameters is everything a user chose: the manifest and the lock,
// by digest and whole, so that a consumer can repeat the build.
type ExternalParameters struct {
	Manifest Parameter `json:"manifest"`
	Lock     Parameter `json:"lock"`
}

// Parameter is one input text.
type Parameter struct {
	Digest  string `json:"digest"` // "sha256:<hex>"
	Content string `json:"content"`
}

// InternalParameters is what the builder itself decided.
type InternalParameters struct {
	Drops    []string `json:"drops"`
	BuildKit BuildKit `json:"buildkit"`
}

type runMetadata struct {
	StartedOn  string `json:"startedOn,omitempty"`
	FinishedOn string `json:"finishedOn,omitempty"`
}

func provenance(b Build) (json.RawMessage, error) {
	var p Provenance
	d := &p.BuildDefinition
	d.BuildType = BuildType
	d.ExternalParameters = ExternalParameters{Manifest: Parameter(b.Manifest), Lock: Parameter(b.Lock)}
	d.InternalParameters = InternalParameters{Drops: append([]string{}, b.Drops...), BuildKit: b.BuildKit}
	d.ResolvedDependencies = []descriptor{}
	for _, m := range b.Materials {
		d.ResolvedDependencies = append(d.ResolvedDependencies, descriptor{
			Name: m.Name, URI: m.URI, Digest: map[string]string{"sha256": m.SHA256},
		})
	}
	p.RunDetails.Builder.ID = BuilderID
	p.RunDetails.Builder.Version = map[string]string{"lockforge": b.Tool, "buildkit": b.BuildKit.Version}
	if meta := (runMetadata{StartedOn: timestamp(b.Started), FinishedOn: timestamp(b.Finished)}); meta != (runMetadata{}) {
		p.RunDetails.Metadata = &meta
	}
	return encode(p)
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Dependencies returns the resolved dependencies as materials.
func (p *Provenance) Dependencies() []Material {
	var all []Material
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		all = append(all, Material{Name: d.Name, URI: d.URI, SHA256: d.Digest["sha256"]})
	}
	return all
}
