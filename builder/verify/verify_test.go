package verify_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/verify"
	"github.com/lockforge/lockforge/internal/testenv"
)

func TestSignedImageIsVerified(t *testing.T) {
	x := newFixture(t)
	registry := testenv.Registry(t)
	img, err := image.Open(t.Context(), "oci:"+x.dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pushed := registry + "/team/locked:v1"
	if _, err := image.Push(t.Context(), img, pushed, image.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]string{"layout": "oci:" + x.dir, "registry": pushed} {
		t.Run(name, func(t *testing.T) {
			x.sign(t, ref)
			report, err := x.run(t, ref)
			if err != nil {
				t.Fatalf("%v\n%s", err, table(t, report))
			}
			want := []string{"signature", "provenance", "content", "sbom spdx", "sbom cyclonedx", "tests", "policy"}
			var got []string
			for _, c := range report.Checks {
				got = append(got, c.Check)
				if c.Status != verify.OK {
					t.Errorf("%+v", c)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || !report.Verified {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			if !json.Valid(marshal(t, report)) || !strings.Contains(table(t, report), "sbom spdx") {
				t.Error("the report cannot be printed")
			}
		})
	}
}

func TestBadImagesAreRefused(t *testing.T) {
	other := newFixture(t)
	tests := map[string]struct {
		before func(t *testing.T, x *fixture) // it is signed
		after  func(t *testing.T, x *fixture)
		want   fault.Kind
		failed string
	}{
		"not signed": {
			after: func(t *testing.T, x *fixture) { x.write(t) },
			want:  fault.Signature, failed: "signature",
		},
		"another key": {
			after: func(t *testing.T, x *fixture) {
				var err error
				_, x.trust.Key, err = attest.Keygen(filepath.Join(t.TempDir(), "second"), nil)
				must(t, err)
			},
			want: fault.Signature, failed: "signature",
		},
		"tampered layer": {
			after: func(t *testing.T, x *fixture) { corruptLargestBlob(t, x.dir) },
			want:  fault.Integrity, failed: "content",
		},
		"file that is not locked": {
			before: func(t *testing.T, x *fixture) {
				x.locked.Add(factstest.OS, imagetest.File("usr/lib/extra.py", "evil"))
				x.write(t)
			},
			want: fault.Integrity, failed: "content",
		},
		"other SBOM": {
			before: func(t *testing.T, x *fixture) {
				p := &x.build.Platforms[0]
				p.SPDX = bytes.Replace(p.SPDX, []byte("google-one"), []byte("google-two"), 1)
			},
			want: fault.Integrity, failed: "sbom spdx",
		},
		"no SBOM of this platform": {
			before: func(t *testing.T, x *fixture) { x.build.Platforms = nil },
			want:   fault.Signature, failed: "sbom spdx",
		},
		"not hermetic": {
			before: func(t *testing.T, x *fixture) { x.build.BuildKit.Hermetic = false },
			want:   fault.Integrity, failed: "provenance",
		},
		"other manifest": {
			before: func(t *testing.T, x *fixture) { x.build.Manifest.Content = `{"version":1,"name":"other"}` },
			want:   fault.Integrity, failed: "provenance",
		},
		"edited lock": {
			before: func(t *testing.T, x *fixture) { x.build.Lock.Content += "\n" },
			want:   fault.Integrity, failed: "provenance",
		},
		"undeclared dependency": {
			before: func(t *testing.T, x *fixture) { x.build.Materials = x.build.Materials[1:] },
			want:   fault.Integrity, failed: "provenance",
		},
		"failed tests": {
			before: func(t *testing.T, x *fixture) { x.build.Platforms[0].Tests[0].Status = attest.TestFailed },
			want:   fault.Denied, failed: "tests",
		},
		"against the policy": {
			before: func(t *testing.T, x *fixture) {
				x.locked.Image.Config["User"] = "0"
				x.write(t)
			},
			want: fault.Denied, failed: "policy",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			x := other.clone(t)
			if tt.before != nil {
				tt.before(t, x)
			}
			x.sign(t, "oci:"+x.dir)
			if tt.after != nil {
				tt.after(t, x)
			}
			report, err := x.run(t, "oci:"+x.dir)
			if fault.KindOf(err) != tt.want {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			if report.Verified || !hasFailed(report, tt.failed) {
				t.Errorf("the check %s did not fail:\n%s", tt.failed, table(t, report))
			}
		})
	}
}

// A rule that cannot be evaluated is no verdict: neither a pass nor a denial.
func TestBrokenRuleIsNoVerdict(t *testing.T) {
	good := newFixture(t)
	good.sign(t, "oci:"+good.dir)
	for name, body := range map[string]string{
		"division by zero": `deny contains {"msg": "x"} if count(input.entries) / 0 > 1`,
		"missing facts":    "ready if input.nothing\ndeny contains {\"msg\": \"x\"} if false",
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(body, "ready") {
				body = "ready if true\n" + body
			}
			set, err := policy.Load(fstest.MapFS{"acme.rego": {Data: []byte(acmeHead + body)}})
			must(t, err)
			x := *good
			x.rules = set.Without(func(r policy.Rule) bool { return r.ID == "LF012-elf" })
			report, err := x.run(t, "oci:"+x.dir)
			if fault.KindOf(err) != fault.Policy || fault.KindOf(err).ExitCode() != 33 {
				t.Fatalf("error = %v, want a policy fault", err)
			}
			if report.Verified || !hasFailed(report, "policy") || !report.Verdicts[0].Denied {
				t.Errorf("a broken rule is taken for a pass:\n%s", table(t, report))
			}
		})
	}
}

const acmeHead = `# METADATA
# title: Acme
# description: A rule of the user's own.
# custom:
#   id: ACME-1
#   severity: low
#   fix: ask the platform team
package acme.images
`

func hasFailed(r *verify.Report, check string) bool {
	for _, c := range r.Checks {
		if c.Check == check && c.Status == verify.Failed {
			return true
		}
	}
	return false
}

func corruptLargestBlob(t *testing.T, dir string) {
	t.Helper()
	blobs := filepath.Join(dir, "blobs", "sha256")
	entries, err := os.ReadDir(blobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(blobs, e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(content, []byte("\x28\xb5\x2f\xfd")) { // a layer, compressed with zstd
			continue
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the layout has no layer")
}

func table(t *testing.T, r *verify.Report) string {
	t.Helper()
	var b bytes.Buffer
	if r == nil {
		return "no report"
	}
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
