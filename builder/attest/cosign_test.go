package attest_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/internal/testenv"
)

// The stock client accepts what Attach wrote, offline, in a registry and in a
// layout, and refuses it with another key.
func TestStockCosignAcceptsSignatures(t *testing.T) {
	cosign := testenv.StockCosign(t)
	places(t, func(t *testing.T, ref string) {
		private, public := keyPair(t)
		_, other := keyPair(t)
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
		for _, command := range []string{"verify", "verify-attestation"} {
			if out, err := cosign.Run(append([]string{command, "--key", other}, offline...)...); err == nil {
				t.Errorf("cosign %s accepts another key:\n%s", command, out)
			}
		}
	})
}

func TestStockCosignFindsReferrers(t *testing.T) {
	cosign := testenv.StockCosign(t)
	ref := push(t, testenv.Registry(t), testIndex(t))
	private, _ := keyPair(t)
	target := open(t, ref)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	out := cosign.MustRun("tree", "--experimental-oci-2", ref)
	t.Log(out)
}

// Keys, signatures and statements of the stock client work here as well.
func TestStockCosignsOwnWorkIsAccepted(t *testing.T) {
	cosign := testenv.StockCosign(t)
	ref := push(t, testenv.Registry(t), testIndex(t))
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
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		testenv.Missing(t, "skopeo is not installed")
	}
	dir := writeLayout(t, testIndex(t))
	private, _ := keyPair(t)
	target := open(t, "oci:"+dir)
	if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
		t.Fatal(err)
	}
	registry := testenv.Registry(t)
	out, err := exec.Command(skopeo, "--insecure-policy", "copy", "--all", "--dest-tls-verify=false",
		"oci:"+dir+":v1", "docker://"+registry+"/team/copied:v1").CombinedOutput()
	if err != nil {
		t.Fatalf("skopeo copy: %v\n%s", err, out)
	}
	raw, err := exec.Command(skopeo, "inspect", "--tls-verify=false", "--raw", "docker://"+registry+"/team/copied@"+target.Digest()).Output()
	if err != nil || !json.Valid(raw) {
		t.Errorf("the copy has another digest: %v", err)
	}
}
