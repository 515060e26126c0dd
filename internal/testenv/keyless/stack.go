// Package keyless is the infrastructure that keyless signing talks to, on
// loopback and for one test: an OIDC issuer, a certificate authority with
// Fulcio's API, an RFC 3161 timestamp authority and a transparency log with
// Rekor's second API. Each has keys of its own, and nobody else trusts them.
package keyless

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
)

// Options are what a test varies.
type Options struct {
	// CertificateAge is how long ago a certificate that is issued now became
	// valid. They live ten minutes, so an hour gives expired ones.
	CertificateAge time.Duration
	// Log adds a transparency log, to the stack and to what it asks to be trusted.
	Log bool
}

// Stack is running infrastructure. It ends with the test.
type Stack struct {
	Issuer string // URL of the OIDC issuer
	Fulcio string // URL
	TSA    string // URL of the RFC 3161 endpoint
	Rekor  string // URL, or ""

	issuer *issuer
	ca     *authority
	tsa    *timestamper
	log    *transparencyLog
}

// Start starts a stack.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	s := &Stack{issuer: newIssuer(t)}
	s.Issuer = serve(t, s.issuer.handler())
	s.issuer.url = s.Issuer
	s.ca = newAuthority(t, s.Issuer, o.CertificateAge)
	s.Fulcio = serve(t, s.ca)
	s.tsa = newTimestamper(t)
	s.TSA = serve(t, s.tsa) + "/api/v1/timestamp"
	if o.Log {
		s.log = newLog(t)
		s.Rekor = serve(t, s.log)
	}
	return s
}

// Token is an identity token for the holder of an e-mail address.
func (s *Stack) Token(t testing.TB, email string) string {
	t.Helper()
	token, err := s.issuer.token(email)
	must(t, err)
	return token
}

// TrustedRoot writes a trusted_root.json that names the authorities of this
// stack, and returns its path.
func (s *Stack) TrustedRoot(t testing.TB) string {
	t.Helper()
	logs := map[string]*root.TransparencyLog{}
	if s.log != nil {
		logs = s.log.trusted()
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{s.ca.trusted(s.Fulcio)}, nil, []root.TimestampingAuthority{s.tsa.trusted(s.TSA)}, logs)
	must(t, err)
	text, err := json.Marshal(trusted)
	must(t, err)
	path := filepath.Join(t.TempDir(), "trusted_root.json")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}

func serve(t testing.TB, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
