package attest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/lockforge/lockforge/builder/fault"
)

// Checked is what a trusted signer says about an image. Everything in it has
// passed signature, subject and uniqueness checks.
type Checked struct {
	Digest     string // of the image, "sha256:<hex>"
	Signer     string // key, or "identity (issuer)"
	Statements []Statement
	Inputs     []Input // what Statements were read from, in their order
	// Foreign counts records that the trust does not cover. They are ignored.
	Foreign int
}

// Input is a signed statement as it is kept: its envelope or bundle.
type Input struct {
	PredicateType string
	Digest        string // of the blob, "sha256:<hex>"
}

// Find returns the statements of one predicate type.
func (c *Checked) Find(predicateType string) []Statement {
	var found []Statement
	for _, s := range c.Statements {
		if s.PredicateType == predicateType {
			found = append(found, s)
		}
	}
	return found
}

// Check reads what is kept beside the image and returns what the trusted
// signer said. With a key it needs no network beyond the image's own place.
//
// Errors are fault.Signature: no signature of the trusted signer, a record of
// that signer about another image, two different statements of one type about
// the same subjects, damaged or oversized records, a certificate that was not
// valid, or for another identity or issuer.
func Check(ctx context.Context, t *Target, trust *Trust) (*Checked, error) {
	records, err := t.records(ctx)
	if err != nil {
		return nil, err
	}
	c := &Checked{Digest: t.Digest(), Signer: trust.name}
	signed := false
	seen := map[string][]byte{}
	var reasons []error
	for _, r := range records {
		payload, err := trust.verify(r, t.Digest())
		if err != nil {
			c.Foreign++
			reasons = append(reasons, err)
			continue
		}
		isSignature, st, err := interpret(r, payload, t.Digest())
		if err != nil {
			return nil, err
		}
		if isSignature {
			signed = true
			continue
		}
		if earlier, dup := seen[st.identity()]; dup {
			if !bytes.Equal(earlier, payload) {
				return nil, fault.New(fault.Signature, "checking %s: two different statements %s by one signer", t.Digest(), st.PredicateType)
			}
			continue
		}
		seen[st.identity()] = payload
		c.Statements = append(c.Statements, st)
		c.Inputs = append(c.Inputs, Input{st.PredicateType, digestOf(r.content)})
	}
	if !signed {
		return nil, unsigned(t.Digest(), trust.name, reasons)
	}
	return c, nil
}

// interpret says what a verified payload means, and insists that it is about
// this image: a genuine signature of another one proves nothing here.
func interpret(r record, payload []byte, digest string) (isSignature bool, st Statement, err error) {
	if r.kind == imageSignature {
		claimed, err := claimedDigest(payload)
		if err != nil {
			return false, st, fault.Wrap(fault.Signature, err, "reading a signature of %s", digest)
		}
		if claimed != digest {
			return false, st, fault.New(fault.Signature, "checking %s: the signature is about %s", digest, claimed).
				Hint("it was made for another image and copied here")
		}
		return true, st, nil
	}
	st, err = parseStatement(payload)
	if err != nil {
		return false, st, fault.Wrap(fault.Signature, err, "reading a statement about %s", digest)
	}
	if !st.About(digest) {
		return false, st, fault.New(fault.Signature, "checking %s: statement %s is about another image", digest, st.PredicateType).
			Hint("it was made for another image and copied here")
	}
	return st.PredicateType == typeCosignSign, st, nil
}

func unsigned(digest, signer string, reasons []error) error {
	if len(reasons) == 0 {
		return fault.New(fault.Signature, "checking %s: nobody signed it", digest).
			Hint("sign it with `lockforge sign`, or check that the signatures were copied with the image")
	}
	return fault.Wrap(fault.Signature, errors.Join(reasons[:min(len(reasons), 3)]...), "checking %s: none of %d records is signed by %s", digest, len(reasons), signer).
		Hint("check that the key or identity is the signer's")
}

// verifyWithKey returns the signed payload of a record in cosign's own formats.
func verifyWithKey(v signature.Verifier, r record) ([]byte, error) {
	switch r.kind {
	case imageSignature:
		sig, err := base64.StdEncoding.DecodeString(r.annotations[annotationSignature])
		if err != nil {
			return nil, err
		}
		return r.content, v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(r.content))
	case attestation:
		payload, sig, err := openEnvelope(r.content)
		if err != nil {
			return nil, err
		}
		return payload, v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(preAuth(payloadInToto, payload)))
	default:
		return nil, fmt.Errorf("record of type %s is not signed with a bare key", r.media)
	}
}
