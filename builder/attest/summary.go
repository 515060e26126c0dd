package attest

import (
	"encoding/json"
	"net/url"
	"time"
)

// Summary is what came of verifying an image: the predicate of TypeVSA, SLSA
// verification summary v1.
type Summary struct {
	Verifier string // BuilderID or VerifierID
	Tool     string // version of lockforge
	Name     string // the image's name, without a host
	Digest   string // of the image, "sha256:<hex>"
	At       time.Time
	Policy   string  // digest of the set of rules, "sha256:<hex>"
	Inputs   []Input // all statements that were used
	Passed   bool
	// Levels are what was verified beyond SLSA's build track. No name may
	// begin with "SLSA_".
	Levels []string
}

// summaryPredicate is the JSON form.
type summaryPredicate struct {
	Verifier           verifier     `json:"verifier"`
	TimeVerified       string       `json:"timeVerified,omitempty"`
	ResourceURI        string       `json:"resourceUri"`
	Policy             descriptor   `json:"policy"`
	InputAttestations  []descriptor `json:"inputAttestations,omitempty"`
	VerificationResult string       `json:"verificationResult"`
	VerifiedLevels     []string     `json:"verifiedLevels"`
	SLSAVersion        string       `json:"slsaVersion"`
}

type verifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// Statement says it about the image as it was named: about its index, where it
// has one.
func (s Summary) Statement() (Statement, error) {
	predicate, err := s.predicate()
	return Statement{PredicateType: TypeVSA, Subjects: []Subject{{Name: s.Name, Digest: s.Digest}}, Predicate: predicate}, err
}

// predicate claims SLSA Build L1 and no more: provenance exists, and a tool on
// someone's machine cannot vouch for the machine.
func (s Summary) predicate() (json.RawMessage, error) {
	p := summaryPredicate{
		Verifier:           verifier{ID: s.Verifier, Version: map[string]string{"lockforge": s.Tool}},
		TimeVerified:       timestamp(s.At),
		ResourceURI:        "pkg:oci/" + url.PathEscape(s.Name) + "@" + url.QueryEscape(s.Digest),
		Policy:             descriptor{URI: "urn:lockforge:policy:v1", Digest: sha256Of(s.Policy)},
		VerificationResult: "FAILED",
		VerifiedLevels:     []string{"FAILED"},
		SLSAVersion:        "1.0",
	}
	if s.Passed {
		p.VerificationResult, p.VerifiedLevels = "PASSED", append([]string{"SLSA_BUILD_LEVEL_1"}, s.Levels...)
	}
	for _, in := range s.Inputs {
		p.InputAttestations = append(p.InputAttestations, descriptor{Name: in.PredicateType, Digest: sha256Of(in.Digest)})
	}
	return encode(p)
}
