package gcpsm_test

import (
	"crypto/x509"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/lockforge/lockforge/executor/internal/gcptest"
	"github.com/lockforge/lockforge/executor/secret/gcpsm"
)

// value must never be in an error.
const value = "hunter22-Passw0rd"

// start serves s and returns a store that asks it.
func start(t *testing.T, s *gcptest.Service, o gcpsm.Options) *gcpsm.Store {
	t.Helper()
	endpoint, certificate := s.Serve(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	if o.Project == "" {
		o.Project = gcptest.Project
	}
	if o.TTL == 0 {
		o.TTL = time.Nanosecond
	}
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	o.Endpoint = endpoint
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

// account lets the client find a service account.
func account(t *testing.T) {
	t.Helper()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", gcptest.Account(t))
}
