package attest_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// The stock client accepts what Attach wrote, offline, in a registry and in a
// layout, and refuses it with another key.
func TestStockCosignAcceptsSignatures(t *testing.T) {
	t.Parallel()
	cosign := testenv.StockCosign(t)
	places(t, func(t *testing.T, ref string) {
		private, public := keyPair(t)
		_, other := otherPair(t)
		target := open(t, ref)
		if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
			t.Fatal(err)
		}
		where := []string{ref}
		if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
			where = []string{"--local-image", dir}
		}
		offline := append([]string{"--offline", "--insecure-ignore-tlog"}, where...)
		cosign.MustRun(append([]string{"verify", "--key", public}, offline...)...)
		for _, kind := range []string{
			attest.TypeProvenance, attest.TypeSPDX, attest.TypeCycloneDX, attest.TypeTestResult, attest.TypeVSA,
		} {
			out := cosign.MustRun(append([]string{"verify-attestation", "--key", public, "--type", kind}, offline...)...)
			if !strings.Contains(out, "payload") {
				t.Errorf("cosign printed no attestation of type %s:\n%s", kind, out)
			}
		}
		// What is attested later joins it: results of another run, and a summary.
		again := statements(t, target.Digest())[3]
		later, err := attest.Results{Suite: "sha256:" + hex64("5"), Tests: []attest.Test{{Name: attest.ProbeTest("E20-a"), Status: attest.TestPassed}}}.Statement(again.Subjects)
		if err != nil {
			t.Fatal(err)
		}
		summary, err := attest.Summary{
			Verifier: attest.VerifierID, Tool: "0.1.0", Name: "team/locked", Digest: target.Digest(),
			At: time.Unix(1700000000, 0), Policy: "sha256:" + hex64("e"), Passed: true,
		}.Statement()
		if err != nil {
			t.Fatal(err)
		}
		if err := attest.Attach(t.Context(), target, signer(t, private), []attest.Statement{later, summary}); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{attest.TypeTestResult, attest.TypeVSA} {
			out := cosign.MustRun(append([]string{"verify-attestation", "--key", public, "--type", kind}, offline...)...)
			if n := strings.Count(out, `"payload"`); n != 2 {
				t.Errorf("cosign printed %d attestations of type %s, want 2:\n%s", n, kind, out)
			}
		}
		for _, command := range []string{"verify", "verify-attestation"} {
			if out, err := cosign.Run(append([]string{command, "--key", other}, offline...)...); err == nil {
				t.Errorf("cosign %s accepts another key:\n%s", command, out)
			}
		}
	})
}

// Clients that look for referrers and not for tags find the same signatures,
// also where a copy has left the tags behind.
func TestStockCosignFindsReferrers(t *testing.T) {
	t.Parallel()
	cosign := testenv.StockCosign(t)
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	hideTags := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hideTags && strings.Contains(r.URL.Path, "/manifests/sha256-") {
			http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	ref := push(t, strings.TrimPrefix(server.URL, "http://"))
	private, public := keyPair(t)
	target := open(t, ref)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	hideTags = true
	offline := []string{"--key", public, "--offline", "--insecure-ignore-tlog", ref}
	if out, err := cosign.Run(append([]string{"verify"}, offline...)...); err == nil {
		t.Fatalf("the tags are still there:\n%s", out)
	}
	cosign.MustRun(append([]string{"verify", "--experimental-oci11"}, offline...)...)
	checked, err := attest.Check(t.Context(), target, trust(t, public))
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Statements) != 5 {
		t.Errorf("%d statements found without tags, want 5", len(checked.Statements))
	}
}

// Keys, signatures and statements of the stock client work here as well.
func TestStockCosignsOwnWorkIsAccepted(t *testing.T) {
	t.Parallel()
	cosign := testenv.StockCosign(t)
	ref := push(t, testenv.Registry(t))
	dir := t.TempDir()
	cosign.MustRun("generate-key-pair", "--output-key-prefix", filepath.Join(dir, "stock"))
	target := open(t, ref)
	byDigest := strings.TrimSuffix(ref, ":v1") + "@" + target.Digest()
	cosign.MustRun("sign", "--key", filepath.Join(dir, "stock.key"), "--tlog-upload=false", "--yes", byDigest)

	checked, err := attest.Check(t.Context(), target, trust(t, filepath.Join(dir, "stock.pub")))
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Statements) != 0 {
		t.Errorf("%d statements, want none", len(checked.Statements))
	}
	// Ours join theirs, and both verify.
	private, public := keyPair(t)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{public, filepath.Join(dir, "stock.pub")} {
		cosign.MustRun("verify", "--key", key, "--offline", "--insecure-ignore-tlog", ref)
	}
	// Theirs join ours.
	cosign.MustRun("sign", "--key", filepath.Join(dir, "stock.key"), "--tlog-upload=false", "--yes", byDigest)
	if _, err := attest.Check(t.Context(), target, trust(t, public)); err != nil {
		t.Error(err)
	}
}

// A signed layout is still an ordinary layout for other clients.
func TestSkopeoCopiesASignedLayout(t *testing.T) {
	t.Parallel()
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		testenv.Missing(t, "skopeo is not installed")
	}
	dir := writeLayout(t)
	private, _ := keyPair(t)
	target := open(t, "oci:"+dir)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	address := testenv.Registry(t)
	out, err := exec.Command(skopeo, "--insecure-policy", "copy", "--all", "--dest-tls-verify=false",
		"oci:"+dir+":v1", "docker://"+address+"/team/copied:v1").CombinedOutput()
	if err != nil {
		t.Fatalf("skopeo copy: %v\n%s", err, out)
	}
	if copied := open(t, address+"/team/copied:v1"); copied.Digest() != target.Digest() {
		t.Errorf("the copy is %s, want %s", copied.Digest(), target.Digest())
	}
}
