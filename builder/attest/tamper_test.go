package attest_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// An attacker who makes every digest right again gains nothing: whatever byte
// of a statement, a signature, or the manifest of them is changed, what Check
// returns are statements that were signed, word for word.
func TestNobodyIsQuotedWrongly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
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
			for range 200 {
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
			if kind == "sigs" && refused < 150 { // what is left are letters of keys and unused bits of base64
				t.Errorf("only %d changes of the image signature were noticed", refused)
			}
		})
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
