package attest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// Statements and the provenance predicate are what in-toto's own library takes.
func TestStatementsFollowTheSpecification(t *testing.T) {
	b := build("sha256:" + hex64("1"))
	b.Started, b.Finished = time.Unix(1700000000, 0), time.Unix(1700000060, 0)
	all, err := attest.Make(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{attest.TypeProvenance, attest.TypeSPDX, attest.TypeCycloneDX, attest.TypeTestResult, attest.TypeVSA}
	if diff := cmp.Diff(want, typesOf(all)); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	for _, s := range all {
		text, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var statement intoto.Statement
		if err := protojson.Unmarshal(text, &statement); err != nil {
			t.Fatal(err)
		}
		if err := statement.Validate(); err != nil {
			t.Errorf("%s: %v", s.PredicateType, err)
		}
	}
	var provenance slsa.Provenance
	if err := protojson.Unmarshal(all[0].Predicate, &provenance); err != nil {
		t.Fatal(err)
	}
	if err := provenance.Validate(); err != nil {
		t.Error(err)
	}
}

func TestStatementsAreDeterministic(t *testing.T) {
	for _, s := range statements(t, "sha256:"+hex64("1")) {
		for _, again := range statements(t, "sha256:"+hex64("1")) {
			if again.PredicateType == s.PredicateType && string(again.Predicate) != string(s.Predicate) {
				t.Errorf("%s differs", s.PredicateType)
			}
		}
		if s.PredicateType == attest.TypeProvenance && strings.Contains(string(s.Predicate), "startedOn") {
			t.Error("the provenance holds a time that nobody gave")
		}
	}
}

func TestResultsNeverHideATest(t *testing.T) {
	for status, want := range map[attest.TestStatus]string{
		attest.TestPassed: `"result":"PASSED"`, attest.TestFailed: `"result":"FAILED"`, attest.TestNotRun: `"result":"WARNED"`,
	} {
		b := build("sha256:" + hex64("1"))
		b.Platforms[0].Tests = append(b.Platforms[0].Tests, attest.Test{Name: "probe", Status: status})
		all, err := attest.Make(b)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(all[3].Predicate), want) {
			t.Errorf("%s: %s, want %s", status, all[3].Predicate, want)
		}
	}
}

func TestNothingIsSaidAboutADeniedImage(t *testing.T) {
	b := build("sha256:" + hex64("1"))
	b.Platforms[0].Verdict.Denied = true
	if _, err := attest.Make(b); !fault.Is(err, fault.Denied) {
		t.Errorf("error = %v, want denied", err)
	}
	b.Platforms[0].Verdict = nil
	if _, err := attest.Make(b); !fault.Is(err, fault.Denied) {
		t.Errorf("without a verdict: %v, want denied", err)
	}
}
