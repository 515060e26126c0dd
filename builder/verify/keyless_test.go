package verify_test

import (
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv/keyless"
)

const developer = "dev@mirror.example"

// keylessly signs x with an identity of a stack and trusts it.
func (x *fixture) keylessly(t *testing.T, stack *keyless.Stack) {
	t.Helper()
	var err error
	x.signer, err = attest.NewSigner(t.Context(), attest.SignerOptions{
		Keyless: &attest.Keyless{Token: stack.Token(t, developer), Fulcio: stack.Fulcio, TSA: stack.TSA, Rekor: stack.Rekor},
	})
	must(t, err)
	x.sign(t, "oci:"+x.dir)
	x.trust = attest.TrustOptions{Identity: developer, Issuer: stack.Issuer, TrustedRoot: stack.TrustedRoot(t)}
}

func TestKeylessImageIsVerified(t *testing.T) {
	x := newFixture(t)
	x.keylessly(t, keyless.Start(t, keyless.Options{Log: true}))
	if report, err := x.run(t, "oci:"+x.dir); err != nil {
		t.Fatalf("%v\n%s", err, table(t, report))
	}
}

func TestKeylessImagesAreRefused(t *testing.T) {
	good := newFixture(t)
	stack, other := keyless.Start(t, keyless.Options{}), keyless.Start(t, keyless.Options{})
	expired := keyless.Start(t, keyless.Options{CertificateAge: time.Hour})
	for name, tt := range map[string]struct {
		stack *keyless.Stack
		spoil func(t *testing.T, x *fixture)
	}{
		"wrong identity":         {stack, func(_ *testing.T, x *fixture) { x.trust.Identity = "stranger@mirror.example" }},
		"wrong issuer":           {stack, func(_ *testing.T, x *fixture) { x.trust.Issuer = other.Issuer }},
		"trusted root of others": {stack, func(t *testing.T, x *fixture) { x.trust.TrustedRoot = other.TrustedRoot(t) }},
		"a key instead":          {stack, func(t *testing.T, x *fixture) { _, x.trust = keyPair(t) }},
		"expired certificate":    {expired, func(*testing.T, *fixture) {}},
		"no timestamp":           {stack, func(t *testing.T, x *fixture) { keyless.EditBundles(t, x.dir, keyless.WithoutTimestamp) }},
		"bundles of another image": {stack, func(t *testing.T, x *fixture) {
			theirs := good.clone(t)
			theirs.locked.Image.Config["Labels"] = map[string]string{"other": "image"}
			theirs.write(t)
			theirs.keylessly(t, stack)
			keyless.ReplaceBundles(t, x.dir, keyless.Bundles(t, theirs.dir))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			x := good.clone(t)
			x.keylessly(t, tt.stack)
			tt.spoil(t, x)
			report, err := x.run(t, "oci:"+x.dir)
			if !fault.Is(err, fault.Signature) || fault.KindOf(err) != fault.Signature || report.Verified || !hasFailed(report, "signature") {
				t.Errorf("error = %v, want a signature fault\n%s", err, table(t, report))
			}
		})
	}
}
