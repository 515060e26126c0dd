package attest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

const transitToken = "transit-token-of-the-test"

// transit is the part of Vault's transit engine that signing needs, with a
// real key, over real HTTP.
func transit(t *testing.T) *httptest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data map[string]any
		switch {
		case r.Header.Get("X-Vault-Token") != transitToken:
			http.Error(w, `{"errors":["permission denied for `+r.Header.Get("X-Vault-Token")+`"]}`, http.StatusForbidden)
			return
		case strings.HasSuffix(r.URL.Path, "/keys/locked"):
			data = map[string]any{"latest_version": 1, "keys": map[string]any{"1": map[string]any{"public_key": public}}}
		case strings.Contains(r.URL.Path, "/sign/locked"):
			var request struct{ Input []byte }
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			sig, err := ecdsa.SignASN1(rand.Reader, key, request.Input)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			data = map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(sig)}
		default:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", transitToken)
	return server
}

func TestSigningWithAKeyService(t *testing.T) {
	transit(t)
	target := open(t, "oci:"+writeLayout(t))
	want := statements(t, target.Digest())
	signer, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: "hashivault://locked"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := attest.Attach(t.Context(), target, signer, want); err != nil {
			t.Fatal(err)
		}
	}
	checked, err := attest.Check(t.Context(), target, trust(t, "hashivault://locked"))
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Statements) != len(want) {
		t.Errorf("%d statements, want %d", len(checked.Statements), len(want))
	}
}

func TestKeyServiceErrorsHideTheToken(t *testing.T) {
	server := transit(t)
	t.Setenv("VAULT_TOKEN", "another-secret-token")
	_, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: "hashivault://locked"})
	if !fault.Is(err, fault.Sign) || strings.Contains(err.Error(), "another-secret-token") {
		t.Errorf("with a wrong token: %v", err)
	}
	server.Close()
	if _, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: "hashivault://locked"}); !fault.Is(err, fault.Sign) {
		t.Errorf("without a server: %v", err)
	}
}
