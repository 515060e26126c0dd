package attest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// Statements and the provenance predicate are what in-toto's own library takes.
func TestStatementsFollowTheSpecification(t *testing.T) {
	b := build("sha256:" + hex64("1"))
	b.Started, b.Finished, b.Verified = time.Unix(1700000000, 0), time.Unix(1700000060, 0), time.Unix(1700000060, 0)
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
	lenient := protojson.UnmarshalOptions{DiscardUnknown: true} // both predicates have extensions
	var results testresult.TestResult
	if err := lenient.Unmarshal(all[3].Predicate, &results); err != nil {
		t.Fatal(err)
	}
	if results.GetResult() != "PASSED" || len(results.GetPassedTests()) != 1 || len(results.GetConfiguration()) == 0 {
		t.Errorf("results are %v", &results)
	}
	var summary vsa.VerificationSummary
	if err := lenient.Unmarshal(all[4].Predicate, &summary); err != nil {
		t.Fatal(err)
	}
	if summary.GetTimeVerified() == nil || summary.GetResourceUri() == "" || summary.GetPolicy().GetUri() == "" || summary.GetVerificationResult() != "PASSED" {
		t.Errorf("the summary lacks what the specification requires: %s", all[4].Predicate)
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

// What did not run is told from what passed with warnings, with its reason.
func TestResultsSayWhyATestDidNotRun(t *testing.T) {
	s, err := attest.Results{Suite: "sha256:" + hex64("5"), Tests: []attest.Test{
		{Name: attest.ProbeTest("E20-b"), Status: attest.TestNotRun, Reason: "no root"},
		{Name: attest.ProbeTest("E20-a"), Status: attest.TestPassed},
	}}.Statement([]attest.Subject{{Name: "image", Digest: "sha256:" + hex64("1")}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"result":"WARNED","configuration":[{"name":"probes","digest":{"sha256":"` + hex64("5") + `"}}],"passedTests":["probe E20-a"],` +
		`"warnedTests":["probe E20-b"],"failedTests":[],"lockforge_notRun":[{"name":"probe E20-b","reason":"no root"}]}`
	if diff := cmp.Diff(want, string(s.Predicate)); diff != "" {
		t.Errorf("predicate (-want +got):\n%s", diff)
	}
}

func TestStatementsAreReadBack(t *testing.T) {
	var text []byte
	made := statements(t, "sha256:"+hex64("1"))
	for _, s := range made {
		line, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	read, err := attest.ParseStatements(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, read); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "{", "[]", `{"_type":"https://in-toto.io/Statement/v1"}`, string(text) + "x", `{"_type":"other","subject":[{}],"predicateType":"x","predicate":{}}`} {
		if _, err := attest.ParseStatements([]byte(bad)); fault.KindOf(err) != fault.Usage {
			t.Errorf("%.20q: error = %v, want a usage fault", bad, err)
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
