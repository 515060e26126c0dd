// Package gcptest is Google's Secret Manager as far as a reader sees it, on
// loopback. It serves TLS and asks for a token, so that clients are used as in
// production.
package gcptest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"hash/crc32"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Project is the project that has the secrets.
const Project = "acme-1"

// Version is the name that the latest version of a secret is asked for by.
func Version(id string) string { return "projects/" + Project + "/secrets/" + id + "/versions/latest" }

// Service is the server. The zero value has no secrets.
type Service struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	// Fault, where it is not nil, may wait or fail instead of the service: for
	// the question with the number n, from 1, after a version's name.
	Fault func(ctx context.Context, n int, name string) error

	mu       sync.Mutex
	payloads map[string]*secretmanagerpb.SecretPayload // by the name of the version
	asked    []string
	most     int
	now      int
}

// AccessSecretVersion implements secretmanagerpb.SecretManagerServiceServer.
func (s *Service) AccessSecretVersion(ctx context.Context, request *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("authorization")) != 1 {
		return nil, status.Error(codes.Unauthenticated, "no token")
	}
	s.mu.Lock()
	s.asked = append(s.asked, request.Name)
	n := len(s.asked)
	s.now++
	s.most = max(s.most, s.now)
	payload, ok := s.payloads[request.Name]
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if s.Fault != nil {
		if err := s.Fault(ctx, n, request.Name); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", request.Name)
	}
	return &secretmanagerpb.AccessSecretVersionResponse{Name: request.Name, Payload: payload}, nil
}

// Put stores a version of a secret.
func (s *Service) Put(id, text string) {
	sum := int64(crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
	s.PutPayload(id, &secretmanagerpb.SecretPayload{Data: []byte(text), DataCrc32C: &sum})
}

// PutPayload stores one as it is.
func (s *Service) PutPayload(id string, payload *secretmanagerpb.SecretPayload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.payloads == nil {
		s.payloads = map[string]*secretmanagerpb.SecretPayload{}
	}
	s.payloads[Version(id)] = payload
}

// Questions are the names of versions that were asked for, in the order in
// which they came.
func (s *Service) Questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Most is how many questions were under way at once.
func (s *Service) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Serve serves until the test ends, at "127.0.0.1:port", with a certificate
// that nobody trusts.
func (s *Service) Serve(t testing.TB) (endpoint string, certificate *x509.Certificate) {
	t.Helper()
	certificates := httptest.NewTLSServer(nil)
	certificates.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificates.TLS.Certificates[0])))
	secretmanagerpb.RegisterSecretManagerServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), certificates.Certificate()
}

var accountKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

// Account makes the file of a service account, which signs its own tokens.
func Account(t testing.TB) (file string) {
	t.Helper()
	content, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": Project, "private_key_id": "1", "private_key": accountKey(),
		"client_email": "executor@acme-1.example", "client_id": "1", "token_uri": "http://127.0.0.1:1/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
