package verify_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/internal/testenv"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/sbom"
	"github.com/lockforge/lockforge/builder/verify"
	"github.com/lockforge/lockforge/executor/contract"
)

// fixture is a signed image with the parts it was signed from.
type fixture struct {
	dir             string
	private, public string
	locked          *factstest.Locked
	build           attest.Build
}

// closedEnv is what rules want of the environment.
var closedEnv = []string{
	"PIP_INDEX_URL=http://127.0.0.1:1/simple", "PIP_EXTRA_INDEX_URL=", "PIP_FIND_LINKS=",
	"UV_DEFAULT_INDEX=http://127.0.0.1:1/simple", "UV_INDEX_URL=http://127.0.0.1:1/simple", "UV_INDEX=", "UV_EXTRA_INDEX_URL=", "UV_FIND_LINKS=",
	contract.EnvDependencyResolution + "=false", contract.EnvVenvPath + "=" + contract.DefaultVenvPath,
}

// newFixture makes an image that every check accepts, once it is signed.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	x := &fixture{locked: factstest.New(t)}
	var err error
	if x.private, x.public, err = attest.Keygen(filepath.Join(t.TempDir(), "cosign"), nil); err != nil {
		t.Fatal(err)
	}
	x.locked.Image.Config["Env"] = closedEnv
	x.locked.Lock.Manifest = request.Digest()
	for path, text := range map[string]string{
		"etc/pip.conf":   "[global]\nindex-url = http://127.0.0.1:1/simple\n",
		"etc/uv/uv.toml": "index-url = \"http://127.0.0.1:1/simple\"\n",
	} {
		x.locked.Edit(t, path, func(e *imagetest.Entry) { e.Body = text })
	}
	x.locked.Edit(t, strings.TrimPrefix(contract.BuildInfoPath, "/"), func(e *imagetest.Entry) {
		e.Body = strings.Replace(e.Body, "sha256:"+strings.Repeat("ab", 32), request.Digest(), 1)
	})
	x.write(t)
	return x
}

// request is the manifest that the image was asked for with.
var request = &manifest.Manifest{Version: 1, CLI: manifest.CLI{Version: "1.7.0"}, VenvPath: contract.DefaultVenvPath}

// write puts the image into a fresh layout and describes its build anew.
func (x *fixture) write(t *testing.T) {
	t.Helper()
	x.dir = strings.TrimPrefix(x.locked.Write(t), "oci:")
	img, err := image.Open(t.Context(), "oci:"+x.dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := img.Platforms()[0]
	f, err := facts.Collect(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	x.build = attest.Build{
		Name: "team/locked", Digest: img.Digest(), Tool: "0.1.0", BuildKit: attest.BuildKit{Version: "v0.33.1", Hermetic: true},
		Materials: attest.Materials(x.locked.Lock),
	}
	if x.build.Manifest, err = attest.ManifestSource(request); err != nil {
		t.Fatal(err)
	}
	if x.build.Lock, err = attest.LockSource(x.locked.Lock); err != nil {
		t.Fatal(err)
	}
	options := sbom.Options{Name: x.build.Name, ToolVersion: x.build.Tool}
	platform := attest.Platform{
		Name: p.Name(), Digest: p.Digest(), Verdict: &policy.Verdict{PolicyDigest: "sha256:" + strings.Repeat("e", 64)},
		Tests: []attest.Test{{Name: "import mysql", Status: attest.TestPassed}},
	}
	if platform.SPDX, err = sbom.SPDX(f, x.locked.Lock, options); err != nil {
		t.Fatal(err)
	}
	if platform.CycloneDX, err = sbom.CycloneDX(f, x.locked.Lock, options); err != nil {
		t.Fatal(err)
	}
	x.build.Platforms = []attest.Platform{platform}
}

func (x *fixture) sign(t *testing.T, ref string) {
	t.Helper()
	statements, err := attest.Make(x.build)
	if err != nil {
		t.Fatal(err)
	}
	target, err := attest.Open(t.Context(), ref, attest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: x.private})
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.Attach(t.Context(), target, signer, statements); err != nil {
		t.Fatal(err)
	}
}

func (x *fixture) run(t *testing.T, ref string) (*verify.Report, error) {
	t.Helper()
	return verify.Run(t.Context(), verify.Request{Ref: ref, Trust: attest.TrustOptions{Key: x.public}, Policy: rules(t)})
}

// rules are the shipped ones without two that this small image, which holds no
// native file, cannot be asked about.
func rules(t *testing.T) *policy.Set {
	t.Helper()
	set, err := policy.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return set.Without(func(r policy.Rule) bool { return r.ID == "LF012-elf" })
}

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
				if _, x.public, err = attest.Keygen(filepath.Join(t.TempDir(), "second"), nil); err != nil {
					t.Fatal(err)
				}
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
			x := &fixture{private: other.private, public: other.public, locked: other.locked.Clone(t)}
			x.locked.Image.Config = map[string]any{}
			for k, v := range other.locked.Image.Config {
				x.locked.Image.Config[k] = v
			}
			x.write(t)
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
