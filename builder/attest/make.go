package attest

import (
	"encoding/json"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
)

// Build is what Make describes: one finished, accepted build.
type Build struct {
	Name   string // the image's name, without a host
	Digest string // of the image index, "sha256:<hex>"

	Manifest  Source
	Lock      Source
	Materials []Material // every lock entry and tool input, in the lock's order
	Drops     []string   // rules by which files of packages and wheels were left out
	BuildKit  BuildKit
	Tool      string // version of lockforge
	// Started and Finished are left out of the provenance when zero, so that
	// the same build makes the same statement.
	Started, Finished time.Time
	Verified          time.Time // when the policy accepted the image
	Suite             string    // digest of the escape suite whose probes are among the tests, "" for none

	Platforms []Platform
}

// Source is an input of the build by content. Content is UTF-8 text.
type Source struct {
	Digest  string // "sha256:<hex>" as lockforge defines it for this input
	Content string
}

// Material is one resolved dependency. URI is a package URL without a host.
type Material struct {
	Name   string
	URI    string
	SHA256 string // hex
}

// BuildKit summarises BuildKit's own provenance of the solve.
type BuildKit struct {
	Version      string `json:"version"`
	Hermetic     bool   `json:"buildkit_hermetic"`
	Dependencies int    `json:"resolvedDependencies"` // how many blobs it consumed
}

// Platform is what was found out about one platform's image.
type Platform struct {
	Name      string // "linux/amd64"
	Digest    string // of the platform's manifest
	SPDX      []byte // JSON document
	CycloneDX []byte // JSON document
	Tests     []Test
	Verdict   *policy.Verdict
}

// Test is one check that ran, or could not run, in the built image.
type Test struct {
	Name   string     `json:"name"`
	Status TestStatus `json:"status"`
	Reason string     `json:"reason,omitempty"` // why it did not run
}

// TestStatus is the outcome of a Test. A test that did not run is never
// reported as passed.
type TestStatus string

const (
	TestPassed TestStatus = "passed"
	TestFailed TestStatus = "failed"
	TestNotRun TestStatus = "not run"
)

// Make returns the statements about a build: its provenance, and for each
// platform both SBOMs, the test results and the verification summary. The
// same build gives the same bytes. A denied verdict is fault.Denied: nothing
// is said about an image that may not leave.
func Make(b Build) ([]Statement, error) {
	index := Subject{Name: b.Name, Digest: b.Digest}
	predicate, err := provenance(b)
	if err != nil {
		return nil, err
	}
	all := []Statement{{PredicateType: TypeProvenance, Subjects: []Subject{index}, Predicate: predicate}}
	for _, p := range b.Platforms {
		if p.Verdict == nil || p.Verdict.Denied {
			return nil, fault.New(fault.Denied, "making statements for %s: the policy did not accept it", p.Name)
		}
		subjects := []Subject{index, {Name: p.Name, Digest: p.Digest}}
		statements, err := platformStatements(b, p, subjects)
		if err != nil {
			return nil, err
		}
		all = append(all, statements...)
	}
	return all, nil
}

func platformStatements(b Build, p Platform, subjects []Subject) ([]Statement, error) {
	results, err := Results{Lock: b.Lock.Digest, Suite: b.Suite, Tests: p.Tests}.predicate()
	if err != nil {
		return nil, err
	}
	summary, err := Summary{
		Verifier: BuilderID, Tool: b.Tool, Name: b.Name, Digest: b.Digest,
		At: b.Verified, Policy: p.Verdict.PolicyDigest, Passed: true,
	}.predicate()
	if err != nil {
		return nil, err
	}
	statements := []Statement{
		{PredicateType: TypeSPDX, Predicate: p.SPDX},
		{PredicateType: TypeCycloneDX, Predicate: p.CycloneDX},
		{PredicateType: TypeTestResult, Predicate: results},
		{PredicateType: TypeVSA, Predicate: summary},
	}
	for i := range statements {
		if !json.Valid(statements[i].Predicate) {
			return nil, fault.New(fault.Internal, "making statement %s for %s: the document is no JSON", statements[i].PredicateType, p.Name)
		}
		statements[i].Subjects = subjects
	}
	return statements, nil
}
