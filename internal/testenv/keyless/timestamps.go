package keyless

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// timestamper says what the time was when it saw a hash: RFC 3161 over HTTP.
type timestamper struct {
	root, leaf *x509.Certificate
	key        *ecdsa.PrivateKey
}

// RFC 3161 section 2.3 wants this single purpose, marked critical.
var (
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimestamping     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	oidPolicy           = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}
)

func newTimestamper(t testing.TB) *timestamper {
	top, topKey := newRoot(t, "timestamps")
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidTimestamping})
	must(t, err)
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "clock of a test"}, NotBefore: top.NotBefore, NotAfter: top.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: oidExtendedKeyUsage, Critical: true, Value: usage}},
	}, top, key.Public(), topKey)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return &timestamper{root: top, leaf: leaf, key: key}
}

func (s *timestamper) trusted(url string) root.TimestampingAuthority {
	return &root.SigstoreTimestampingAuthority{
		Root: s.root, Leaf: s.leaf, URI: url, ValidityPeriodStart: s.leaf.NotBefore, ValidityPeriodEnd: s.leaf.NotAfter,
	}
}

func (s *timestamper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, err := timestamp.ParseRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Nonce: request.Nonce,
		Time: time.Now(), Policy: oidPolicy, AddTSACertificate: request.Certificates,
	}
	response, err := stamp.CreateResponseWithOpts(s.leaf, s.key, crypto.SHA256)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(response) // a client that is gone needs no answer
}
