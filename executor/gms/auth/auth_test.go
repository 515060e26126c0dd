package auth_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

// header is that of a source that has to give one.
func header(t *testing.T, s auth.Source) string {
	t.Helper()
	h, err := s.Header(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestFromConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	system := auth.Config{SystemClientID: "__datahub_system", SystemClientSecret: "JohnSnowKnowsNothing"}
	with := func(c auth.Config, change func(*auth.Config)) auth.Config { change(&c); return c }
	for _, tc := range []struct {
		name string
		c    auth.Config
		want string
	}{
		{"token", auth.Config{Token: "abc"}, "Bearer abc"},
		{"token file", auth.Config{TokenFile: file}, "Bearer from-file"},
		{"file beats token", auth.Config{Token: "abc", TokenFile: file}, "Bearer from-file"},
		{"pat", auth.Config{Type: auth.TypePAT, Token: "abc"}, "Bearer abc"},
		{"pat file", auth.Config{Type: auth.TypePAT, TokenFile: file}, "Bearer from-file"},
		{"system client", system, "Basic __datahub_system:JohnSnowKnowsNothing"},
		{"system client by type", with(system, func(c *auth.Config) { c.Type, c.Token = auth.TypeSystem, "abc" }), "Basic __datahub_system:JohnSnowKnowsNothing"},
		{"token beats system client", with(system, func(c *auth.Config) { c.Token = "abc" }), "Bearer abc"},
		{"kubernetes", auth.Config{Type: auth.TypeKubernetes, TokenFile: file, Token: "abc"}, "Bearer from-file"},
		{"none", auth.Config{Type: auth.TypeNone, Token: "abc"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := auth.FromConfig(tc.c)
			if err != nil {
				t.Fatal(err)
			}
			if got := header(t, s); got != tc.want {
				t.Errorf("header %q, not %q", got, tc.want)
			}
		})
	}
}

func TestFromConfigNamesWhatIsMissing(t *testing.T) {
	const secret = "hunter22 with spaces"
	for _, tc := range []struct {
		name  string
		c     auth.Config
		names []string
	}{
		{"nothing", auth.Config{}, []string{"DATAHUB_GMS_TOKEN", "DATAHUB_AUTH_TYPE", "DATAHUB_SYSTEM_CLIENT_SECRET"}},
		{"half a system client", auth.Config{SystemClientID: "x"}, []string{"DATAHUB_SYSTEM_CLIENT_SECRET"}},
		{"unknown type", auth.Config{Type: "ldap"}, []string{"ldap", "k8s_oidc", "oidc_client_credentials", "azure_entra", "pat"}},
		{"pat", auth.Config{Type: auth.TypePAT}, []string{"DATAHUB_AUTH_TOKEN_FILE", "DATAHUB_GMS_TOKEN"}},
		{"system", auth.Config{Type: auth.TypeSystem}, []string{"DATAHUB_SYSTEM_CLIENT_ID", "DATAHUB_SYSTEM_CLIENT_SECRET"}},
		{
			"oidc", auth.Config{Type: auth.TypeOIDC},
			[]string{"DATAHUB_AUTH_TOKEN_ENDPOINT", "DATAHUB_AUTH_CLIENT_ID", "DATAHUB_AUTH_CLIENT_SECRET"},
		},
		{
			"oidc over http", auth.Config{Type: auth.TypeOIDC, TokenEndpoint: "http://idp.example/token", ClientID: "c"},
			[]string{"https", "DATAHUB_AUTH_CLIENT_SECRET"},
		},
		{
			"oidc with a password in the URL",
			auth.Config{Type: auth.TypeOIDC, TokenEndpoint: "https://u:hunter22@idp.example/token", ClientID: "c", ClientSecret: "s"},
			[]string{"DATAHUB_AUTH_TOKEN_ENDPOINT"},
		},
		{
			"azure", auth.Config{Type: auth.TypeAzure},
			[]string{"DATAHUB_AUTH_AZURE_TENANT_ID", "DATAHUB_AUTH_AZURE_CLIENT_ID", "DATAHUB_AUTH_AZURE_SCOPE", "AZURE_FEDERATED_TOKEN_FILE"},
		},
		{"spaces in a token", auth.Config{Token: secret}, []string{"DATAHUB_GMS_TOKEN", "spaces"}},
		{"line end in a token", auth.Config{Token: "hunter22\n"}, []string{"DATAHUB_GMS_TOKEN"}},
		{"too long", auth.Config{Token: strings.Repeat("hunter22", auth.MaxToken)}, []string{"DATAHUB_GMS_TOKEN"}},
		{"spaces in a secret", auth.Config{SystemClientID: "i", SystemClientSecret: secret}, []string{"system client's secret"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := auth.FromConfig(tc.c)
			if !errors.Is(err, auth.ErrConfig) {
				t.Fatalf("error = %v", err)
			}
			for _, name := range tc.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%v does not name %s", err, name)
				}
			}
			if strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%v shows the secret", err)
			}
		})
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	// Kubernetes turns a link to a new directory.
	root := t.TempDir()
	for _, generation := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(root, generation), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, generation, "token"), []byte(generation+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(root, "..data")
	s, err := auth.TokenFile(filepath.Join(link, "token"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Header(t.Context()); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("error = %v before the mount", err)
	}
	for _, generation := range []string{"one", "two"} {
		_ = os.Remove(link)
		if err := os.Symlink(generation, link); err != nil {
			t.Fatal(err)
		}
		if got := header(t, s); got != "Bearer "+generation {
			t.Errorf("header %q", got)
		}
	}
}

func TestTokenFileRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": " \n", "two lines": "hunter22\nhunter23", "too long": strings.Repeat("hunter22", auth.MaxToken), "not text": "hunter22\x00\xff",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := auth.TokenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Header(t.Context()); !errors.Is(err, auth.ErrRefused) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	s, err := auth.TokenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Header(t.Context()); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("directory: error = %v", err)
	}
	if _, err := auth.TokenFile(""); !errors.Is(err, auth.ErrConfig) {
		t.Errorf("error = %v", err)
	}
}
