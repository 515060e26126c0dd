package attest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

func TestKeygen(t *testing.T) {
	const password = "correct horse"
	prefix := filepath.Join(t.TempDir(), "cosign")
	private, public, err := attest.Keygen(prefix, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{private: 0o600, public: 0o644} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", path, st.Mode(), mode, err)
		}
	}
	if _, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: private, Password: []byte(password)}); err != nil {
		t.Error(err)
	}
	if _, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: private, Password: []byte("wrong")}); !fault.Is(err, fault.Sign) {
		t.Errorf("with a wrong password: %v", err)
	} else if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the error repeats the password: %v", err)
	}

	before, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	if _, _, err := attest.Keygen(prefix, nil); !fault.Is(err, fault.Usage) {
		t.Errorf("a second pair under the same name: %v", err)
	}
	after, err := os.ReadFile(private)
	if err != nil || string(after) != string(before) {
		t.Errorf("the old key was touched: %v", err)
	}
}

func TestStockCosignUsesOurKeys(t *testing.T) {
	cosign := testenv.StockCosign(t)
	private, public := keyPair(t)
	blob := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(blob, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	cosign.MustRun("sign-blob", "--key", private, "--tlog-upload=false", "--yes", "--output-signature", blob+".sig", blob)
	cosign.MustRun("verify-blob", "--key", public, "--insecure-ignore-tlog", "--signature", blob+".sig", blob)
}

func TestSignerNeedsOneKey(t *testing.T) {
	token := &attest.Keyless{Token: "x", Fulcio: "http://127.0.0.1:1", TSA: "http://127.0.0.1:1"}
	private, _ := keyPair(t)
	for name, options := range map[string]attest.SignerOptions{
		"nothing":                  {},
		"both":                     {Key: private, Keyless: token},
		"missing file":             {Key: private + ".missing"},
		"no token":                 {Keyless: &attest.Keyless{Fulcio: token.Fulcio, TSA: token.TSA}},
		"no authority":             {Keyless: &attest.Keyless{Token: "x", TSA: token.TSA}},
		"no witness":               {Keyless: &attest.Keyless{Token: "x", Fulcio: token.Fulcio}},
		"a log that tells no time": {Keyless: &attest.Keyless{Token: "x", Fulcio: token.Fulcio, Rekor: token.Fulcio}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := attest.NewSigner(t.Context(), options); !fault.Is(err, fault.Usage) {
				t.Errorf("error = %v, want usage", err)
			}
		})
	}
}
