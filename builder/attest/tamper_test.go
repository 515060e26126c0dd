package attest_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/keyless"
)

// An attacker who makes every digest right again gains nothing: whatever byte
// of a statement, a signature, or the manifest of them is changed, what Check
// returns are statements that were signed, word for word.
func TestNobodyIsQuotedWrongly(t *testing.T) {
	seed := testenv.Seed(t)
	private, public := keyPair(t)
	good := signedLayout(t, private)
	before, err := attest.Check(t.Context(), open(t, "oci:"+good), trust(t, public))
	if err != nil {
		t.Fatal(err)
	}
	signed := map[string]bool{}
	for _, s := range before.Statements {
		signed[text(t, s)] = true
	}
	if len(signed) != 5 {
		t.Fatalf("%d statements are signed, want 5", len(signed))
	}
	for n, kind := range []string{"sigs", "atts"} {
		t.Run(kind, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			dir := filepath.Join(t.TempDir(), "layout")
			copyDir(t, good, dir)
			refused := 0
			changes := testenv.Changes()
			for range changes {
				restore(t, good, dir)
				what := spoil(t, dir, kind, random)
				checked, err := attest.Check(t.Context(), open(t, "oci:"+dir), trust(t, public))
				if err != nil {
					if refused++; !fault.Is(err, fault.Signature) {
						t.Fatalf("%s: error = %v, want a signature fault", what, err)
					}
					continue
				}
				for _, s := range checked.Statements {
					if !signed[text(t, s)] {
						t.Fatalf("%s: a statement that nobody signed: %+v", what, s)
					}
				}
			}
			if kind == "sigs" && refused < changes*3/4 { // what is left are letters of keys and unused bits of base64
				t.Errorf("only %d changes of the image signature were noticed", refused)
			}
		})
	}
}

// The same holds for the bundles of who signs with an identity: certificate,
// timestamp and signature hold each other.
func TestNoByteOfABundleCanBeChanged(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	stack := keyless.Start(t, keyless.Options{})
	dir := writeLayout(t)
	signed := map[string]bool{}
	for _, s := range attach(t, "oci:"+dir, keylessSigner(t, stack)) {
		signed[text(t, s)] = true
	}
	trusted := identity(t, attest.TrustOptions{Identity: developer, Issuer: stack.Issuer, TrustedRoot: stack.TrustedRoot(t)})
	bundles := keyless.Bundles(t, dir)
	noticed := 0
	for range testenv.Changes() {
		n := random.IntN(len(bundles))
		at, undo := testenv.ChangeByte(random, bundles[n])
		keyless.ReplaceBundles(t, dir, bundles)
		checked, err := attest.Check(t.Context(), open(t, "oci:"+dir), trusted)
		now := bundles[n][at]
		undo()
		if err != nil {
			if noticed++; !fault.Is(err, fault.Signature) {
				t.Fatalf("byte %d of bundle %d is %q: %v, want a signature fault", at, n, now, err)
			}
			continue
		}
		if len(checked.Statements) < len(signed) || checked.Foreign > 0 {
			noticed++
		}
		for _, s := range checked.Statements {
			if !signed[text(t, s)] {
				t.Fatalf("byte %d of bundle %d is %q: a statement that nobody signed: %+v", at, n, now, s)
			}
		}
	}
	if noticed < testenv.Changes()*9/10 { // what is left are unused bits of base64, and hints that nobody signs
		t.Errorf("only %d of %d changes were noticed", noticed, testenv.Changes())
	}
}

func text(t *testing.T, s attest.Statement) string {
	t.Helper()
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// restore undoes what spoil did: blobs that nothing leads to do no harm.
func restore(t *testing.T, from, to string) {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(from, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "index.json"), index, 0o644); err != nil {
		t.Fatal(err)
	}
}

// spoil changes one byte of a record, or of its signature, and makes right
// what leads to it. It says what it changed.
func spoil(t *testing.T, dir, kind string, random *rand.Rand) string {
	t.Helper()
	what := ""
	editCarrier(t, dir, kind, func(c *carrier) {
		layer := c.Layers[random.IntN(len(c.Layers))]
		content := layerBytes(t, dir, layer)
		annotations := layer["annotations"].(map[string]any)
		const key = "dev.cosignproject.cosign/signature"
		if sig := []byte(annotations[key].(string)); len(sig) > 0 && random.IntN(2) == 0 {
			sig[random.IntN(len(sig))] ^= byte(1 + random.IntN(15))
			annotations[key] = string(sig)
			what = "signature " + string(sig)
			return
		}
		changed := bytes.Clone(content)
		changed[random.IntN(len(changed))] ^= byte(1 + random.IntN(255))
		layer["digest"] = put(t, dir, changed)
		what = "content " + string(changed)
	})
	return what
}
