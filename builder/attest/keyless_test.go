package attest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/keyless"
)

const (
	developer = "dev@mirror.example"
	stranger  = "stranger@mirror.example"
)

func keylessSigner(t *testing.T, s *keyless.Stack) *attest.Signer {
	t.Helper()
	k := &attest.Keyless{Token: s.Token(t, developer), Fulcio: s.Fulcio, TSA: s.TSA, Rekor: s.Rekor}
	signer, err := attest.NewSigner(t.Context(), attest.SignerOptions{Keyless: k})
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// attach signs a small image's statements and returns them.
func attach(t *testing.T, ref string, s *attest.Signer) []attest.Statement {
	t.Helper()
	target := open(t, ref)
	all := statements(t, target.Digest())
	if err := attest.Attach(t.Context(), target, s, all); err != nil {
		t.Fatal(err)
	}
	return all
}

func identity(t *testing.T, o attest.TrustOptions) *attest.Trust {
	t.Helper()
	tr, err := attest.NewTrust(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestKeylessSignaturesAreAccepted(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]keyless.Options{"timestamps": {}, "timestamps and log": {Log: true}} {
		t.Run(name, func(t *testing.T) {
			stack := keyless.Start(t, o)
			trusted := attest.TrustOptions{Identity: developer, Issuer: stack.Issuer, TrustedRoot: stack.TrustedRoot(t)}
			places(t, func(t *testing.T, ref string) {
				want := attach(t, ref, keylessSigner(t, stack))
				checked, err := attest.Check(t.Context(), open(t, ref), identity(t, trusted))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(byType(want), byType(checked.Statements)); diff != "" {
					t.Errorf("statements (-want +got):\n%s", diff)
				}
				if checked.Foreign != 0 || !strings.Contains(checked.Signer, developer) {
					t.Errorf("%d foreign records, signer %s", checked.Foreign, checked.Signer)
				}
			})
		})
	}
}

// byType sorts statements: a registry lists referrers in an order of its own.
func byType(all []attest.Statement) []attest.Statement {
	return slices.SortedFunc(slices.Values(all), func(a, b attest.Statement) int { return strings.Compare(a.PredicateType, b.PredicateType) })
}

// Signing again with the same identity takes the place of what it said before.
func TestKeylessSigningTwiceKeepsOneOfEach(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t, keyless.Options{})
	places(t, func(t *testing.T, ref string) {
		var want []attest.Statement
		for range 2 {
			want = attach(t, ref, keylessSigner(t, stack))
		}
		trusted := attest.TrustOptions{Identity: developer, Issuer: stack.Issuer, TrustedRoot: stack.TrustedRoot(t)}
		checked, err := attest.Check(t.Context(), open(t, ref), identity(t, trusted))
		if err != nil {
			t.Fatal(err)
		}
		if len(checked.Statements) != len(want) || checked.Foreign != 0 {
			t.Errorf("%d statements and %d foreign records, want %d and 0", len(checked.Statements), checked.Foreign, len(want))
		}
	})
}

func TestCheckRefusesOtherIdentities(t *testing.T) {
	t.Parallel()
	plain, other := keyless.Start(t, keyless.Options{}), keyless.Start(t, keyless.Options{})
	expired := keyless.Start(t, keyless.Options{CertificateAge: time.Hour})
	logged := keyless.Start(t, keyless.Options{Log: true})
	tests := map[string]struct {
		stack *keyless.Stack
		trust func(t *testing.T, o *attest.TrustOptions)
		spoil func(t *testing.T, dir string)
	}{
		"wrong identity": {stack: plain, trust: func(_ *testing.T, o *attest.TrustOptions) { o.Identity = stranger }},
		"identity is not a pattern": {stack: plain, trust: func(_ *testing.T, o *attest.TrustOptions) {
			o.Identity = strings.Replace(developer, "dev", ".*", 1)
		}},
		"identity in other letters": {stack: plain, trust: func(_ *testing.T, o *attest.TrustOptions) { o.Identity = strings.ToUpper(developer) }},
		"wrong issuer":              {stack: plain, trust: func(_ *testing.T, o *attest.TrustOptions) { o.Issuer = other.Issuer }},
		"trusted root of others":    {stack: plain, trust: func(t *testing.T, o *attest.TrustOptions) { o.TrustedRoot = other.TrustedRoot(t) }},
		"a key instead": {stack: plain, trust: func(t *testing.T, o *attest.TrustOptions) {
			_, public := keyPair(t)
			*o = attest.TrustOptions{Key: public}
		}},
		"expired certificate": {stack: expired},
		"no timestamp": {stack: plain, spoil: func(t *testing.T, dir string) {
			keyless.EditBundles(t, dir, func(b map[string]any) {
				delete(b["verificationMaterial"].(map[string]any), "timestampVerificationData")
			})
		}},
		"no timestamp, but in the log": {stack: logged, spoil: func(t *testing.T, dir string) {
			keyless.EditBundles(t, dir, func(b map[string]any) {
				delete(b["verificationMaterial"].(map[string]any), "timestampVerificationData")
			})
		}},
		"not in the log": {stack: logged, spoil: func(t *testing.T, dir string) {
			keyless.EditBundles(t, dir, func(b map[string]any) { delete(b["verificationMaterial"].(map[string]any), "tlogEntries") })
		}},
		"timestamp of another signature": {stack: plain, spoil: func(t *testing.T, dir string) {
			var first any
			keyless.EditBundles(t, dir, func(b map[string]any) {
				material := b["verificationMaterial"].(map[string]any)
				if first == nil { // the image signature gets no one else's
					first = material["timestampVerificationData"]
					delete(material, "timestampVerificationData")
					return
				}
				material["timestampVerificationData"] = first
			})
		}},
		"changed payload": {stack: plain, spoil: func(t *testing.T, dir string) {
			keyless.EditBundles(t, dir, func(b map[string]any) {
				envelope := b["dsseEnvelope"].(map[string]any)
				payload := envelope["payload"].(string)
				envelope["payload"] = payload[:40] + "QUJD" + payload[44:]
			})
		}},
		"bundles of another image": {stack: plain, spoil: func(t *testing.T, dir string) {
			from := writeLayout(t)
			attach(t, "oci:"+from, keylessSigner(t, plain))
			keyless.ReplaceBundles(t, dir, keyless.Bundles(t, from))
		}},
		"no bundle": {stack: plain, spoil: func(t *testing.T, dir string) { keyless.ReplaceBundles(t, dir, nil) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := writeLayout(t)
			attach(t, "oci:"+dir, keylessSigner(t, tt.stack))
			options := attest.TrustOptions{Identity: developer, Issuer: tt.stack.Issuer, TrustedRoot: tt.stack.TrustedRoot(t)}
			before := open(t, "oci:"+dir)
			if _, err := attest.Check(t.Context(), before, identity(t, options)); err != nil && tt.stack != expired {
				t.Fatalf("before it was spoiled: %v", err)
			}
			if tt.trust != nil {
				tt.trust(t, &options)
			}
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			if _, err := attest.Check(t.Context(), open(t, "oci:"+dir), identity(t, options)); !fault.Is(err, fault.Signature) {
				t.Errorf("error = %v, want a signature fault", err)
			}
		})
	}
}

// What the authority answers is shown, without the token that it repeats.
func TestKeylessSigningThatFails(t *testing.T) {
	t.Parallel()
	stack, other := keyless.Start(t, keyless.Options{}), keyless.Start(t, keyless.Options{})
	good := attest.Keyless{Token: stack.Token(t, developer), Fulcio: stack.Fulcio, TSA: stack.TSA}
	tests := map[string]func(k *attest.Keyless){
		"token of another issuer": func(k *attest.Keyless) { k.Token = other.Token(t, developer) },
		"changed token":           func(k *attest.Keyless) { k.Token = k.Token[:len(k.Token)-8] + "AAAAAAAA" },
		"no token at all":         func(k *attest.Keyless) { k.Token = "secret" },
		"no authority":            func(k *attest.Keyless) { k.Fulcio = "http://127.0.0.1:1" },
		"no clock":                func(k *attest.Keyless) { k.TSA = stack.Fulcio },
		"no log":                  func(k *attest.Keyless) { k.Rekor = stack.Fulcio },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			dir := writeLayout(t)
			before := listing(t, dir)
			k := good
			change(&k)
			signer, err := attest.NewSigner(t.Context(), attest.SignerOptions{Keyless: &k})
			if err != nil {
				t.Fatal(err)
			}
			target := open(t, "oci:"+dir)
			err = attest.Attach(t.Context(), target, signer, statements(t, target.Digest()))
			if !fault.Is(err, fault.Sign) {
				t.Fatalf("error = %v, want a signing fault", err)
			}
			if strings.Contains(err.Error(), k.Token) {
				t.Errorf("the error repeats the token: %v", err)
			}
			if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
				t.Errorf("something was stored (-before +after):\n%s", diff)
			}
		})
	}
}

// An authority that does not answer holds nobody up who has given up.
func TestKeylessSigningIsCancelled(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t, keyless.Options{})
	cancel := func() {} // of the running case
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the client has gone
		cancel()
		<-r.Context().Done()
	}))
	defer silent.Close()
	for name, k := range map[string]attest.Keyless{
		"certificate": {Fulcio: silent.URL, TSA: stack.TSA},
		"timestamp":   {Fulcio: stack.Fulcio, TSA: silent.URL},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			cancel = stop
			k.Token = stack.Token(t, developer)
			signer, err := attest.NewSigner(ctx, attest.SignerOptions{Keyless: &k})
			if err != nil {
				t.Fatal(err)
			}
			target := open(t, "oci:"+writeLayout(t))
			start := time.Now()
			err = attest.Attach(ctx, target, signer, statements(t, target.Digest()))
			if !fault.Is(err, fault.Cancelled) || time.Since(start) > 10*time.Second {
				t.Errorf("after %s: %v, want cancelled at once", time.Since(start), err)
			}
		})
	}
}

// The stock client accepts the bundles under the same trusted root, offline,
// and refuses another identity.
func TestStockCosignAcceptsKeylessBundles(t *testing.T) {
	t.Parallel()
	cosign := testenv.StockCosign(t)
	for name, o := range map[string]keyless.Options{"timestamps": {}, "timestamps and log": {Log: true}} {
		t.Run(name, func(t *testing.T) {
			stack := keyless.Start(t, o)
			ref := push(t, testenv.Registry(t))
			attach(t, ref, keylessSigner(t, stack))
			flags := []string{
				"--new-bundle-format", "--trusted-root", stack.TrustedRoot(t), "--certificate-oidc-issuer", stack.Issuer,
				"--use-signed-timestamps", "--insecure-ignore-sct", "--offline",
			}
			if !o.Log {
				flags = append(flags, "--insecure-ignore-tlog")
			}
			by := func(who string, args ...string) []string {
				return append(append(args, flags...), "--certificate-identity", who, ref)
			}
			cosign.MustRun(by(developer, "verify")...)
			for _, kind := range []string{attest.TypeProvenance, attest.TypeSPDX, attest.TypeVSA} {
				cosign.MustRun(by(developer, "verify-attestation", "--type", kind)...)
			}
			if out, err := cosign.Run(by(stranger, "verify")...); err == nil {
				t.Errorf("cosign accepts another identity:\n%s", out)
			}
		})
	}
}

// The authority of the tests is not one that certifies everything.
func TestKeylessStackRefusesStrangers(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t, keyless.Options{})
	response, err := http.Post(stack.Fulcio+"/api/v2/signingCert", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the authority answers %s to a request without a token", response.Status)
	}
}
