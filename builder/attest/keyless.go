package attest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lockforge/lockforge/builder/fault"
)

// Keyless signs with a short-lived certificate for an OIDC identity. Results
// are sigstore bundles: Fulcio's certificate, and as witnesses of the time a
// timestamp authority, a transparency log, or both.
type Keyless struct {
	Token    string // OIDC identity token of the signer
	Fulcio   string // URL
	TSA      string // URL of an RFC 3161 endpoint; "" only where Rekor's first API tells the time
	Rekor    string // URL, or ""
	RekorAPI uint32 // 1 or 2; 0 is 2
}

const keylessTimeout = 30 * time.Second

func (k *Keyless) check() error {
	switch {
	case k.Token == "":
		return fault.New(fault.Usage, "signing without an identity token").
			Hint("give --identity-token FILE, or set SIGSTORE_ID_TOKEN")
	case k.Fulcio == "":
		return fault.New(fault.Usage, "signing with an identity: no certificate authority").Hint("give --fulcio-url")
	case k.TSA == "" && (k.Rekor == "" || k.RekorAPI != 1):
		// Entries of Rekor's second API hold no time: nobody could verify them
		// once the certificate has expired.
		return fault.New(fault.Usage, "signing with an identity: nothing witnesses the time").
			Hint("give --timestamp-server-url")
	}
	return nil
}

// attachBundles adds an image signature and one bundle per statement. Every
// keyless signature is new, so what the same payload already has is found by
// its content: one bundle of a payload is enough.
func (s *Signer) attachBundles(ctx context.Context, t *Target, before []record, statements []Statement) error {
	all := append([]Statement{{
		PredicateType: typeCosignSign,
		Subjects:      []Subject{{Digest: t.Digest()}},
		Predicate:     json.RawMessage("{}"),
	}}, statements...)
	keypair, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		return fault.Wrap(fault.Sign, err, "making a key for one signing")
	}
	authority := &onceCertificate{from: sign.NewFulcio(&sign.FulcioOptions{
		BaseURL: s.keyless.Fulcio, Timeout: keylessTimeout, Transport: boundTo{ctx},
	})}
	after := slices.Clone(before)
	for _, st := range all {
		payload, err := st.Marshal()
		if err != nil {
			return err
		}
		content, err := s.keyless.bundle(ctx, keypair, authority, payload)
		if ctx.Err() != nil {
			return fault.Wrap(fault.Cancelled, ctx.Err(), "signing %s with an identity", st.PredicateType)
		}
		if err != nil {
			return fault.New(fault.Sign, "signing %s with an identity: %s", st.PredicateType, redact(err, s.keyless.Token))
		}
		fresh := record{kind: sigstoreBundle, media: mediaBundle, content: content, annotations: map[string]string{
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": st.PredicateType,
		}}
		after = append(slices.DeleteFunc(after, func(r record) bool { return sameClaim(r, fresh) }), fresh)
	}
	return t.store(ctx, after)
}

func (k *Keyless) bundle(ctx context.Context, keypair sign.Keypair, authority sign.CertificateProvider, payload []byte) ([]byte, error) {
	o := sign.BundleOptions{
		Context: ctx, CertificateProvider: authority,
		CertificateProviderOptions: &sign.CertificateProviderOptions{IDToken: k.Token},
	}
	if k.TSA != "" {
		o.TimestampAuthorities = append(o.TimestampAuthorities,
			sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: k.TSA, Timeout: keylessTimeout, Transport: boundTo{ctx}}))
	}
	if k.Rekor != "" {
		api := k.RekorAPI
		if api == 0 {
			api = 2
		}
		o.TransparencyLogs = append(o.TransparencyLogs,
			sign.NewRekor(&sign.RekorOptions{BaseURL: k.Rekor, Version: api, Timeout: keylessTimeout}))
	}
	b, err := sign.Bundle(&sign.DSSEData{Data: payload, PayloadType: payloadInToto}, keypair, o)
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(b)
}

// boundTo ends requests with a context: sigstore-go's clients of the
// certificate and timestamp authorities are not told of theirs.
type boundTo struct{ ctx context.Context }

func (b boundTo) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.DefaultTransport.RoundTrip(r.WithContext(b.ctx))
}

// onceCertificate asks for one certificate and uses it for every bundle of a
// run: the token may be valid for one request only.
type onceCertificate struct {
	from sign.CertificateProvider
	der  []byte
}

func (c *onceCertificate) GetCertificate(ctx context.Context, k sign.Keypair, o *sign.CertificateProviderOptions) ([]byte, error) {
	if c.der == nil {
		der, err := c.from.GetCertificate(ctx, k, o)
		if err != nil {
			return nil, err
		}
		c.der = der
	}
	return c.der, nil
}

// sameClaim reports whether an earlier bundle of the same identity says the
// same kind of thing about the same subjects, so that a new one replaces it.
func sameClaim(old, fresh record) bool {
	if old.kind != sigstoreBundle {
		return false
	}
	a, errA := bundleStatement(old.content)
	b, errB := bundleStatement(fresh.content)
	return errA == nil && errB == nil && a.who == b.who && a.statement.identity() == b.statement.identity()
}

// claim is who says what in a bundle, by its own word: nothing is verified.
type claim struct {
	who       string
	statement Statement
}

func bundleStatement(content []byte) (claim, error) {
	var b bundle.Bundle
	if err := b.UnmarshalJSON(content); err != nil {
		return claim{}, err
	}
	envelope, err := b.Envelope()
	if err != nil {
		return claim{}, err
	}
	payload, err := envelope.RawEnvelope().DecodeB64Payload()
	if err != nil {
		return claim{}, err
	}
	st, err := parseStatement(payload)
	if err != nil {
		return claim{}, err
	}
	material, err := b.VerificationContent()
	if err != nil || material.Certificate() == nil {
		return claim{}, fault.New(fault.Signature, "a bundle without a certificate")
	}
	return claim{who: certificateHolder(material.Certificate()), statement: st}, nil
}

// certificateHolder names identity and issuer of a Fulcio certificate.
func certificateHolder(c *x509.Certificate) string {
	summary, err := certificate.SummarizeCertificate(c)
	if err != nil {
		return ""
	}
	return summary.SubjectAlternativeName + " " + summary.Issuer
}
