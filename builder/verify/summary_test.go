package verify_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/probe"
)

// summary is the predicate, as far as it is looked at.
type summary struct {
	Time   string `json:"timeVerified"`
	Policy struct {
		Digest map[string]string `json:"digest"`
	} `json:"policy"`
	Inputs []json.RawMessage `json:"inputAttestations"`
	Result string            `json:"verificationResult"`
	Levels []string          `json:"verifiedLevels"`
}

func TestSummaryOfAVerification(t *testing.T) {
	at := time.Unix(1700000000, 0)
	good := newFixture(t)
	for name, tt := range map[string]struct {
		spoil   func(x *fixture)
		refused bool
		result  string
		levels  []string
	}{
		"verified": {func(*fixture) {}, false, "PASSED", []string{"SLSA_BUILD_LEVEL_1", "LOCKFORGE_PROBES_X"}},
		"refused":  {func(x *fixture) { x.set(0, "probe E20-attack", attest.TestFailed, "") }, true, "FAILED", []string{"FAILED"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := good.clone(t)
			x.require = []probe.Tier{probe.Executor}
			tt.spoil(x)
			x.sign(t, "oci:"+x.dir)
			report, err := x.run(t, "oci:"+x.dir)
			if fault.Is(err, fault.Denied) != tt.refused || report.Verified == tt.refused {
				t.Fatalf("error = %v", err)
			}
			s, err := report.Summary(at, "0.1.0")
			must(t, err)
			if s.PredicateType != attest.TypeVSA || !s.About(x.build.Digest) {
				t.Errorf("%+v", s)
			}
			var specified vsa.VerificationSummary
			must(t, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(s.Predicate, &specified)) // it is behind the specification
			if specified.GetVerifier().GetId() != attest.VerifierID || specified.GetTimeVerified().AsTime().Unix() != at.Unix() {
				t.Errorf("verified by %q at %v", specified.GetVerifier().GetId(), specified.GetTimeVerified())
			}
			var got summary
			must(t, json.Unmarshal(s.Predicate, &got))
			if got.Result != tt.result || got.Time != "2023-11-14T22:13:20Z" || "sha256:"+got.Policy.Digest["sha256"] != x.rules.Digest() || len(got.Inputs) != 5 {
				t.Errorf("%s", s.Predicate)
			}
			if diff := cmp.Diff(tt.levels, got.Levels); diff != "" {
				t.Errorf("levels (-want +got):\n%s", diff)
			}
		})
	}
}

// Of an image that nobody trusted signed there is a summary, too, and it passes nothing.
func TestSummaryOfAnImageThatNobodySigned(t *testing.T) {
	x := newFixture(t)
	report, err := x.run(t, "oci:"+x.dir)
	if !fault.Is(err, fault.Signature) {
		t.Fatal(err)
	}
	s, err := report.Summary(time.Unix(0, 0), "0.1.0")
	must(t, err)
	var got summary
	must(t, json.Unmarshal(s.Predicate, &got))
	if got.Result != "FAILED" || len(got.Inputs) != 0 {
		t.Errorf("%s", s.Predicate)
	}
}

// A signed summary joins what is there, and changes no later verification.
func TestSummaryIsAttached(t *testing.T) {
	x := newFixture(t)
	x.sign(t, "oci:"+x.dir)
	for _, signer := range []*attest.Signer{x.signer, stranger(t)} {
		report, err := x.run(t, "oci:"+x.dir)
		must(t, err)
		s, err := report.Summary(time.Unix(1700000000, 0), "0.1.0")
		must(t, err)
		text, err := s.Marshal()
		must(t, err)
		read, err := attest.ParseStatements(append(text, '\n'))
		must(t, err)
		x.attach(t, signer, read[0])
	}
	report, err := x.run(t, "oci:"+x.dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, table(t, report))
	}
}
