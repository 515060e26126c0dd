package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/verify"
)

// Statements about one platform name its manifest and the index, the others
// the index, so that each is found by the digest that somebody pulled.
func TestImageOfTwoPlatforms(t *testing.T) {
	x := newFixture(t, "arm64")
	x.sign(t, "oci:"+x.dir)
	report, err := x.run(t, "oci:"+x.dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, table(t, report))
	}
	want := []string{"signature ", "provenance "}
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		for _, check := range []string{"content", "sbom spdx", "sbom cyclonedx", "tests", "policy"} {
			want = append(want, check+" "+p)
		}
	}
	var got []string
	for _, c := range report.Checks {
		got = append(got, c.Check+" "+c.Platform)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(report.Verdicts) != 2 {
		t.Errorf("%d verdicts, checks (-want +got):\n%s", len(report.Verdicts), diff)
	}

	statements, err := attest.Make(x.build)
	must(t, err)
	for _, s := range statements {
		if !s.About(x.build.Digest) {
			t.Errorf("statement %s is not about the index", s.PredicateType)
		}
	}
	for _, p := range x.build.Platforms {
		var types []string
		for _, s := range statements {
			if s.About(p.Digest) {
				types = append(types, s.PredicateType)
			}
		}
		for _, want := range []string{attest.TypeSPDX, attest.TypeCycloneDX, attest.TypeTestResult, attest.TypeVSA} {
			if !slices.Contains(types, want) {
				t.Errorf("no statement %s is about the manifest of %s: %v", want, p.Name, types)
			}
		}
	}
}

// One bad platform is enough, and the answer says which.
func TestImageWithOneBadPlatform(t *testing.T) {
	good := newFixture(t, "arm64")
	for name, tt := range map[string]struct {
		spoil  func(t *testing.T, x *fixture)
		want   fault.Kind
		failed string
	}{
		"file that is not locked": {func(t *testing.T, x *fixture) {
			x.more[0].Add(factstest.OS, imagetest.File("usr/lib/extra.py", "evil"))
			x.write(t)
		}, fault.Integrity, "content"},
		"SBOM of the other platform": {func(_ *testing.T, x *fixture) {
			x.build.Platforms[1].SPDX = x.build.Platforms[0].SPDX
		}, fault.Integrity, "sbom spdx"},
		"tests that failed": {func(_ *testing.T, x *fixture) {
			x.build.Platforms[1].Tests = []attest.Test{{Name: "import mysql", Status: attest.TestFailed}}
		}, fault.Denied, "tests"},
		"nothing signed about it": {func(_ *testing.T, x *fixture) { x.build.Platforms = x.build.Platforms[:1] }, fault.Signature, "sbom spdx"},
	} {
		t.Run(name, func(t *testing.T) {
			x := good.clone(t)
			tt.spoil(t, x)
			x.sign(t, "oci:"+x.dir)
			report, err := x.run(t, "oci:"+x.dir)
			if fault.KindOf(err) != tt.want {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			for _, c := range report.Checks {
				if c.Platform == "linux/amd64" && c.Status != verify.OK {
					t.Errorf("%+v: this platform is good", c)
				}
				if c.Platform == "linux/arm64" && c.Check == tt.failed && c.Status != verify.Failed {
					t.Errorf("%+v, want it to fail", c)
				}
			}
			if !strings.Contains(err.Error(), "linux/arm64") {
				t.Errorf("the error does not name the platform: %v", err)
			}
		})
	}
}
