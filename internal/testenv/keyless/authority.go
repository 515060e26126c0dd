package keyless

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/sigstore/sigstore-go/pkg/root"
)

const certificateLife = 10 * time.Minute // as Fulcio's

// oidIssuer is Fulcio's extension "Issuer (V2)", docs/oid-info.md of sigstore/fulcio.
var oidIssuer = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}

// authority gives certificates to those whom the issuer vouches for, by
// Fulcio's API: POST /api/v2/signingCert.
type authority struct {
	issuer string
	age    time.Duration
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, issuer string, age time.Duration) *authority {
	cert, key := newRoot(t, "certificates")
	return &authority{issuer: issuer, age: age, cert: cert, key: key}
}

func (a *authority) trusted(url string) root.CertificateAuthority {
	return &root.FulcioCertificateAuthority{
		Root: a.cert, URI: url, ValidityPeriodStart: a.cert.NotBefore, ValidityPeriodEnd: a.cert.NotAfter,
	}
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/api/v2/signingCert" {
		http.NotFound(w, r)
		return
	}
	who, err := a.identify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		// Like other servers, this one says more than it should.
		http.Error(w, fmt.Sprintf("token %s: %v", r.Header.Get("Authorization"), err), http.StatusUnauthorized)
		return
	}
	key, err := holdersKey(r, who)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	der, err := a.certify(who, key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	chain := []string{toPEM(der), toPEM(a.cert.Raw)}
	answer(w, http.StatusOK, map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}})
}

// identify checks a token against the issuer's keys, which it asks for.
func (a *authority) identify(token string) (email string, err error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return "", err
	}
	var discovery struct {
		Keys string `json:"jwks_uri"`
	}
	if err := fetch(a.issuer+"/.well-known/openid-configuration", &discovery); err != nil {
		return "", err
	}
	var keys jose.JSONWebKeySet
	if err := fetch(discovery.Keys, &keys); err != nil {
		return "", err
	}
	var c claims
	if err := parsed.Claims(keys, &c); err != nil {
		return "", err
	}
	if c.Issuer != a.issuer || c.Audience != audience || !c.Verified || time.Now().Unix() > c.Expires {
		return "", fmt.Errorf("not acceptable: %+v", c)
	}
	return c.Email, nil
}

func fetch(url string, into any) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

// holdersKey reads the key of a request, if its sender has proved to hold it.
func holdersKey(r *http.Request, who string) (*ecdsa.PublicKey, error) {
	var request struct {
		PublicKeyRequest struct {
			PublicKey struct {
				Content string `json:"content"`
			} `json:"publicKey"`
			ProofOfPossession []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(request.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return nil, errors.New("no public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	sum := sha256.Sum256([]byte(who))
	if !ok || !ecdsa.VerifyASN1(key, sum[:], request.PublicKeyRequest.ProofOfPossession) {
		return nil, errors.New("no proof of possession")
	}
	return key, nil
}

func (a *authority) certify(email string, key crypto.PublicKey) ([]byte, error) {
	issuer, err := asn1.MarshalWithParams(a.issuer, "utf8")
	if err != nil {
		return nil, err
	}
	start := time.Now().Add(-a.age)
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), NotBefore: start, NotAfter: start.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		EmailAddresses: []string{email}, ExtraExtensions: []pkix.Extension{{Id: oidIssuer, Value: issuer}},
	}, a.cert, key, a.key)
}

// newRoot makes a certificate authority that was valid for a day and will be
// for another.
func newRoot(t testing.TB, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name + " of a test"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert, key
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return new(big.Int).SetBytes(b[:])
}

func toPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
