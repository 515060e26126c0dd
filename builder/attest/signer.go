package attest

import (
	"bytes"
	"context"
	"encoding/base64"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/lockforge/lockforge/builder/fault"
)

// SignerOptions selects what to sign with: exactly one of Key and Keyless.
type SignerOptions struct {
	Key      string // cosign key file or KMS URI
	Password []byte // of the key file
	Keyless  *Keyless
}

// Signer signs statements and images.
type Signer struct {
	name    string // for messages
	key     signature.Signer
	own     signature.Verifier // of key; checks here, not at a key service
	keyless *Keyless
}

// NewSigner opens a signing key. Errors: fault.Usage where the options
// contradict each other or a file is missing, fault.Sign where the key cannot
// be opened. No error repeats a password or token.
func NewSigner(ctx context.Context, o SignerOptions) (*Signer, error) {
	switch {
	case o.Key != "" && o.Keyless != nil:
		return nil, fault.New(fault.Usage, "signing with both a key and an identity")
	case o.Keyless != nil:
		return &Signer{name: "identity", keyless: o.Keyless}, o.Keyless.check()
	case o.Key == "":
		return nil, fault.New(fault.Usage, "signing without a key").
			Hint("give --key FILE or a KMS URI, or an identity token for keyless signing")
	}
	key, err := privateKey(ctx, o.Key, o.Password)
	if err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fault.New(fault.Sign, "asking for the public key of %s: %s", o.Key, redact(err, kmsSecrets()...))
	}
	own, err := verifierOf(public, o.Key)
	if err != nil {
		return nil, err
	}
	return &Signer{name: o.Key, key: key, own: own}, nil
}

// signImage makes cosign's image signature as a record.
func (s *Signer) signImage(ctx context.Context, payload []byte) (record, error) {
	sig, err := s.sign(ctx, payload)
	if err != nil {
		return record{}, err
	}
	return record{
		kind: imageSignature, media: mediaSimpleSigning, content: payload,
		annotations: map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(sig)},
	}, nil
}

// signStatement makes an attestation as a record.
func (s *Signer) signStatement(ctx context.Context, st Statement, payload []byte) (record, error) {
	sig, err := s.sign(ctx, preAuth(payloadInToto, payload))
	if err != nil {
		return record{}, err
	}
	content, err := encode(envelope{
		PayloadType: payloadInToto,
		Payload:     base64.StdEncoding.EncodeToString(payload),
		Signatures:  []envelopeSignature{{Sig: base64.StdEncoding.EncodeToString(sig)}},
	})
	if err != nil {
		return record{}, err
	}
	return record{
		kind: attestation, media: mediaDSSE, content: content,
		// cosign reads an attestation's signature from its envelope and still wants the annotation to exist.
		annotations: map[string]string{annotationSignature: "", annotationPredicateType: st.PredicateType},
	}, nil
}

func (s *Signer) sign(ctx context.Context, message []byte) ([]byte, error) {
	sig, err := s.key.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
	if err != nil {
		return nil, fault.New(fault.Sign, "signing with %s: %s", s.name, redact(err, kmsSecrets()...))
	}
	return sig, nil
}
