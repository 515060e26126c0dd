package attest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/lockforge/lockforge/builder/fault"
)

// typeCosignSign is the predicate type of an image signature in a bundle.
const typeCosignSign = "https://sigstore.dev/cosign/sign/v1"

// TrustOptions say whom to believe: the holder of Key, or the Identity that
// Issuer vouched for, under the authorities of TrustedRoot.
type TrustOptions struct {
	Key         string // public key file or KMS URI
	Identity    string // exact subject of the certificate: an e-mail address or URI
	Issuer      string // exact OIDC issuer
	TrustedRoot string // sigstore trusted_root.json
}

// Trust checks records of one signer.
type Trust struct {
	name    string
	key     signature.Verifier
	bundles *verify.Verifier
	policy  verify.PolicyOption
}

// NewTrust reads keys and roots. Exactly one of a key and an identity is
// accepted, and an identity never goes without its issuer: fault.Usage.
func NewTrust(ctx context.Context, o TrustOptions) (*Trust, error) {
	identity := o.Identity != "" || o.Issuer != ""
	switch {
	case o.Key != "" && identity:
		return nil, fault.New(fault.Usage, "trusting both a key and an identity")
	case o.Key != "":
		return keyTrust(ctx, o.Key)
	case identity:
		return identityTrust(o)
	}
	return nil, fault.New(fault.Usage, "checking signatures without anybody to trust").
		Hint("give --key, or --certificate-identity with --certificate-oidc-issuer and --trusted-root")
}

func keyTrust(ctx context.Context, key string) (*Trust, error) {
	v, err := publicKey(ctx, key)
	if err != nil {
		return nil, err
	}
	// A bare key does not expire and has no certificate, so no time is needed.
	bundles, err := verify.NewVerifier(&keyMaterial{v: v}, verify.WithNoObserverTimestamps())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing to check bundles")
	}
	return &Trust{name: "key " + key, key: v, bundles: bundles, policy: verify.WithKey()}, nil
}

// keyMaterial offers one public key to sigstore-go, for any hint.
type keyMaterial struct {
	root.BaseTrustedMaterial
	v signature.Verifier
}

func (k *keyMaterial) PublicKeyVerifier(string) (root.TimeConstrainedVerifier, error) {
	return root.NewExpiringKey(k.v, time.Time{}, time.Time{}), nil
}

func identityTrust(o TrustOptions) (*Trust, error) {
	if o.Identity == "" || o.Issuer == "" || o.TrustedRoot == "" {
		return nil, fault.New(fault.Usage, "trusting an identity: identity, issuer and trusted root belong together").
			Hint("give --certificate-identity, --certificate-oidc-issuer and --trusted-root")
	}
	text, err := readFile(o.TrustedRoot, 4<<20)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading trusted root %s", o.TrustedRoot)
	}
	material, err := root.NewTrustedRootFromJSON(text)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading trusted root %s", o.TrustedRoot)
	}
	bundles, err := verify.NewVerifier(material, requirements(material)...)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "using trusted root %s", o.TrustedRoot)
	}
	who, err := verify.NewShortCertificateIdentity(o.Issuer, "", o.Identity, "")
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "trusting identity %s", o.Identity)
	}
	return &Trust{
		name:    fmt.Sprintf("%s (%s)", o.Identity, o.Issuer),
		bundles: bundles, policy: verify.WithCertificateIdentity(who),
	}, nil
}

// requirements demands whatever the trusted root can vouch for. A certificate
// lives for minutes, so some witness of the time is always needed.
func requirements(material *root.TrustedRoot) []verify.VerifierOption {
	required := []verify.VerifierOption{verify.WithObserverTimestamps(1)}
	if len(material.RekorLogs()) > 0 {
		required = append(required, verify.WithTransparencyLog(1))
	}
	if len(material.CTLogs()) > 0 {
		required = append(required, verify.WithSignedCertificateTimestamps(1))
	}
	return required
}

// verify returns the payload that a trusted signer signed, or an error.
func (t *Trust) verify(r record, digest string) ([]byte, error) {
	if r.kind != sigstoreBundle {
		if t.key == nil {
			return nil, errors.New("a signature by a bare key")
		}
		return verifyWithKey(t.key, r)
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(r.content); err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil {
		return nil, err
	}
	if _, err := t.bundles.Verify(&b, verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), t.policy)); err != nil {
		return nil, err
	}
	content, err := b.Envelope()
	if err != nil {
		return nil, err
	}
	return content.RawEnvelope().DecodeB64Payload()
}
