package attest

import (
	"encoding/json"
	"net/url"
	"slices"
)

// testResultPredicate is in-toto's test-result v0.1. What did not run is a
// warning there: the predicate knows no other place for it.
type testResultPredicate struct {
	Result        string       `json:"result"` // PASSED, WARNED or FAILED
	Configuration []descriptor `json:"configuration"`
	PassedTests   []string     `json:"passedTests"`
	WarnedTests   []string     `json:"warnedTests"`
	FailedTests   []string     `json:"failedTests"`
}

func testResult(b Build, p Platform) (json.RawMessage, error) {
	r := testResultPredicate{
		Configuration: []descriptor{{Name: "lock", Digest: sha256Of(b.Lock.Digest)}},
		PassedTests:   []string{}, WarnedTests: []string{}, FailedTests: []string{},
	}
	for _, t := range p.Tests {
		switch t.Status {
		case TestPassed:
			r.PassedTests = append(r.PassedTests, t.Name)
		case TestFailed:
			r.FailedTests = append(r.FailedTests, t.Name)
		default:
			r.WarnedTests = append(r.WarnedTests, t.Name)
		}
	}
	for _, names := range [][]string{r.PassedTests, r.WarnedTests, r.FailedTests} {
		slices.Sort(names)
	}
	switch {
	case len(r.FailedTests) > 0:
		r.Result = "FAILED"
	case len(r.WarnedTests) > 0 || len(r.PassedTests) == 0:
		r.Result = "WARNED"
	default:
		r.Result = "PASSED"
	}
	return encode(r)
}

// summaryPredicate is SLSA's verification summary v1.
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

// verificationSummary claims SLSA Build L1 and no more: provenance exists,
// and a tool on someone's machine cannot vouch for the machine.
func verificationSummary(b Build, p Platform) (json.RawMessage, error) {
	return encode(summaryPredicate{
		Verifier:           verifier{ID: BuilderID, Version: map[string]string{"lockforge": b.Tool}},
		TimeVerified:       timestamp(b.Finished),
		ResourceURI:        "pkg:oci/" + url.PathEscape(b.Name) + "@" + url.QueryEscape(b.Digest),
		Policy:             descriptor{URI: "urn:lockforge:policy:v1", Digest: sha256Of(p.Verdict.PolicyDigest)},
		VerificationResult: "PASSED",
		VerifiedLevels:     []string{"SLSA_BUILD_LEVEL_1"},
		SLSAVersion:        "1.0",
	})
}
