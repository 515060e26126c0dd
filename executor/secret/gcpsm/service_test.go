package gcpsm_test

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
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lockforge/lockforge/executor/secret/gcpsm"
)

// value must never be in an error.
const value = "hunter22-Passw0rd"

// service is Secret Manager as far as a reader sees it. It serves TLS and asks
// for a token, so that the client is used as in production.
type service struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	mu       sync.Mutex
	payloads map[string]*secretmanagerpb.SecretPayload // by the name of the version
	fault    func(ctx context.Context, n int, name string) error
	asked    []string // names of versions, in the order in which they came
	most     int      // calls that were under way at once
	now      int
}

func (s *service) AccessSecretVersion(ctx context.Context, request *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("authorization")) != 1 {
		return nil, status.Error(codes.Unauthenticated, "no token")
	}
	s.mu.Lock()
	s.asked = append(s.asked, request.Name)
	n, fault := len(s.asked), s.fault
	s.now++
	s.most = max(s.most, s.now)
	payload, ok := s.payloads[request.Name]
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if fault != nil {
		if err := fault(ctx, n, request.Name); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", request.Name)
	}
	return &secretmanagerpb.AccessSecretVersionResponse{Name: request.Name, Payload: payload}, nil
}

func (s *service) put(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := int64(crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
	s.payloads["projects/acme-1/secrets/"+id+"/versions/latest"] = &secretmanagerpb.SecretPayload{Data: []byte(text), DataCrc32C: &sum}
}

func (s *service) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// start serves s on a loopback port and returns a store that asks it.
func start(t *testing.T, s *service, o gcpsm.Options) *gcpsm.Store {
	t.Helper()
	if s.payloads == nil {
		s.payloads = map[string]*secretmanagerpb.SecretPayload{}
	}
	certificates := httptest.NewTLSServer(nil)
	certificates.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certificates.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificates.TLS.Certificates[0])))
	secretmanagerpb.RegisterSecretManagerServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	if o.Project == "" {
		o.Project = "acme-1"
	}
	if o.TTL == 0 {
		o.TTL = time.Nanosecond
	}
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	o.Endpoint = listener.Addr().String()
	return open(t, o, option.WithGRPCDialOption(grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, ""))))
}

func open(t *testing.T, o gcpsm.Options, also ...option.ClientOption) *gcpsm.Store {
	t.Helper()
	store, err := gcpsm.NewWith(o, also...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

var accountKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

// account lets the client find a service account, which signs its own tokens.
func account(t *testing.T) {
	t.Helper()
	content, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "acme-1", "private_key_id": "1", "private_key": accountKey(),
		"client_email": "executor@acme-1.example", "client_id": "1", "token_uri": "http://127.0.0.1:1/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/account.json"
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
}
