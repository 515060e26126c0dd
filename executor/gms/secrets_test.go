package gms_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

func TestSecrets(t *testing.T) {
	server, c := start(t, nothing)
	server.SetSecret("DB_PASS", "pä\"ss\nword")
	server.SetSecret("EMPTY", "")
	server.SetSecret("OTHER", "not asked for")
	got, err := c.Secrets(t.Context(), []string{"DB_PASS", "EMPTY", "MISSING"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"DB_PASS": "pä\"ss\nword", "EMPTY": ""}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if got, err := c.Secrets(t.Context(), nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if n := len(server.Exchanges()); n != 1 {
		t.Errorf("%d requests; none is needed for no names", n)
	}
	if _, err := c.Secrets(t.Context(), make([]string, gms.MaxSecrets+1)); gms.KindOf(err) != gms.Rejected {
		t.Errorf("error = %v", err)
	}
}

func TestSecretsAreForSystemAccounts(t *testing.T) {
	server := gmstest.Start(t, nothing)
	server.SetSecret("DB_PASS", "value")
	server.Guard(true)

	_, err := newClient(t, gms.Options{URL: server.URL()}).Secrets(t.Context(), []string{"DB_PASS"})
	var e *gms.Error
	if !errors.As(err, &e) || e.Kind != gms.Forbidden || !strings.Contains(e.Hint, "DATAHUB_SYSTEM_CLIENT_ID") {
		t.Errorf("error = %v", err)
	}
	system, err := auth.SystemClient("__datahub_system", "secret")
	if err != nil {
		t.Fatal(err)
	}
	got, err := newClient(t, gms.Options{URL: server.URL(), Auth: system}).Secrets(t.Context(), []string{"DB_PASS"})
	if err != nil || got["DB_PASS"] != "value" {
		t.Error(got, err)
	}
}

// Some versions of the guard make it an internal error.
func TestSecretsRefusedAsAnInternalError(t *testing.T) {
	server, c := start(t, nothing)
	server.Fail(gmstest.Fault{Status: 200, Text: `{"errors":[{"message":"Failed to decrypt","extensions":{"code":500}}],"data":null}`})
	_, err := c.Secrets(t.Context(), []string{"A"})
	var e *gms.Error
	if !errors.As(err, &e) || e.Kind != gms.Unavailable || e.Attempts != 1 || !strings.Contains(e.Hint, "local store") {
		t.Errorf("error = %v", err)
	}
}

// An answer may come in pieces that do not fit; what is in it stays out of
// errors.
func TestNoSecretInErrors(t *testing.T) {
	for _, text := range []string{
		`{"data":{"getSecretValues":[{"name":"A","value":"hunter22"},5]}}`,
		`{"data":{"getSecretValues":[{"name":"A","value":"hunter22"`,
		`{"data":{"getSecretValues":"hunter22"}}`,
		`"hunter22"`, `hunter22`,
	} {
		server, c := start(t, nothing)
		server.Fail(gmstest.Fault{Status: 200, Text: text})
		_, err := c.Secrets(t.Context(), []string{"A"})
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "hunter22") {
				t.Errorf("error shows the value: %v", e)
			}
		}
		if gms.KindOf(err) != gms.Protocol {
			t.Errorf("%s: error = %v", text, err)
		}
	}
}
