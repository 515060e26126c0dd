package attest

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"

	// The providers behind awskms://, azurekms://, gcpkms:// and hashivault://.
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/azure"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/gcp"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

const maxKeyBytes = 64 << 10

// Keygen writes a key pair in cosign's format: prefix+".key", encrypted with
// password and readable by its owner only, and prefix+".pub". A file that
// exists is never overwritten: fault.Usage.
func Keygen(prefix string, password []byte) (private, public string, err error) {
	private, public = prefix+".key", prefix+".pub"
	for _, path := range []string{private, public} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return "", "", fault.New(fault.Usage, "writing key pair: %s is already there", path).
				Hint("choose another --output-key-prefix, or move the old key away")
		}
	}
	pair, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return "", "", fault.Wrap(fault.Sign, err, "generating a key pair")
	}
	if err := writeNew(private, pair.PrivateBytes, 0o600); err != nil {
		return "", "", err
	}
	if err := writeNew(public, pair.PublicBytes, 0o644); err != nil {
		return "", "", errors.Join(err, os.Remove(private))
	}
	return private, public, nil
}

func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fault.Wrap(fault.Usage, err, "writing key file %s", path)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.Wrap(fault.Sign, errors.Join(err, os.Remove(path)), "writing key file %s", path)
	}
	return nil
}

// isKMS reports whether a key is a URI of a key service rather than a file.
func isKMS(key string) bool {
	for _, scheme := range kms.SupportedProviders() {
		if strings.HasPrefix(key, scheme) {
			return true
		}
	}
	return false
}

// privateKey loads a signing key: an encrypted cosign key file or a KMS URI.
func privateKey(ctx context.Context, key string, password []byte) (signature.SignerVerifier, error) {
	if isKMS(key) {
		sv, err := kms.Get(ctx, key, crypto.SHA256)
		if err != nil {
			return nil, fault.New(fault.Sign, "opening key %s: %s", key, redact(err, kmsSecrets()...))
		}
		return sv, nil
	}
	text, err := readFile(key, maxKeyBytes)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading key %s", key).
			Hint("make one with `lockforge keygen`, or give a KMS URI")
	}
	sv, err := cosign.LoadPrivateKey(text, password, nil)
	if err != nil {
		return nil, fault.New(fault.Sign, "opening key %s: %s", key, redact(err, string(password))).
			Hint("set COSIGN_PASSWORD to the key's password")
	}
	return sv, nil
}

// publicKey loads what signatures are checked with: a PEM file or a KMS URI.
func publicKey(ctx context.Context, key string) (signature.Verifier, error) {
	if isKMS(key) {
		sv, err := kms.Get(ctx, key, crypto.SHA256)
		if err != nil {
			return nil, fault.New(fault.Usage, "opening key %s: %s", key, redact(err, kmsSecrets()...))
		}
		pub, err := sv.PublicKey()
		if err != nil {
			return nil, fault.New(fault.Network, "asking for public key %s: %s", key, redact(err, kmsSecrets()...))
		}
		// Checked here: a key service need not see what is verified.
		return verifierOf(pub, key)
	}
	text, err := readFile(key, maxKeyBytes)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading public key %s", key)
	}
	pub, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading public key %s", key).
			Hint("give the .pub file of the pair")
	}
	return verifierOf(pub, key)
}

func verifierOf(pub crypto.PublicKey, key string) (signature.Verifier, error) {
	v, err := signature.LoadVerifier(pub, crypto.SHA256)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "using public key %s", key)
	}
	return v, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limitio.ReadAll(f, limit)
}

// kmsSecrets are credentials that a provider reads from the environment and
// may repeat in its messages.
func kmsSecrets() []string {
	var secrets []string
	for _, name := range []string{"VAULT_TOKEN", "BAO_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET"} {
		secrets = append(secrets, os.Getenv(name))
	}
	return secrets
}

// redact gives the text of err without the secrets.
func redact(err error, secrets ...string) string {
	text := []byte(err.Error())
	for _, s := range secrets {
		if s != "" {
			text = bytes.ReplaceAll(text, []byte(s), []byte("[hidden]"))
		}
	}
	return string(text)
}
