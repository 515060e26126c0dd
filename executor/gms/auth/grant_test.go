package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

// provider is an identity provider with one token endpoint.
type provider struct {
	*httptest.Server

	mu     sync.Mutex
	forms  []url.Values
	answer func(w http.ResponseWriter, n int) // n counts from 1
}

func newProvider(t *testing.T, answer func(w http.ResponseWriter, n int)) *provider {
	t.Helper()
	p := &provider{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.ParseForm() != nil {
			http.Error(w, "POST a form", http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		r.PostForm.Set("path", r.URL.Path)
		p.forms = append(p.forms, r.PostForm)
		n := len(p.forms)
		p.mu.Unlock()
		p.answer(w, n)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) asked() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forms
}

// tokens are numbered and live that long.
func tokens(life string) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, n int) {
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer"%s}`, n, life)
	}
}

func oidc(p *provider, now func() time.Time) auth.Config {
	return auth.Config{
		Type: auth.TypeOIDC, TokenEndpoint: p.URL + "/token", ClientID: "executor", ClientSecret: "hunter22",
		Scope: "openid gms", Audience: "https://gms.example", Now: now,
	}
}

func grantSource(t *testing.T, c auth.Config) auth.Source {
	t.Helper()
	s, err := auth.FromConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestClientCredentials(t *testing.T) {
	p := newProvider(t, tokens(`,"expires_in":3600`))
	s := grantSource(t, oidc(p, nil))
	for range 3 {
		if got := header(t, s); got != "Bearer token-1" {
			t.Errorf("header %q", got)
		}
	}
	want := []url.Values{{
		"grant_type": {"client_credentials"}, "client_id": {"executor"}, "client_secret": {"hunter22"},
		"scope": {"openid gms"}, "audience": {"https://gms.example"}, "path": {"/token"},
	}}
	if diff := cmp.Diff(want, p.asked()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	s.Invalidate()
	if got := header(t, s); got != "Bearer token-2" {
		t.Errorf("header %q after the server refused the first", got)
	}
}

func TestTokensAreRenewedInTime(t *testing.T) {
	for _, tc := range []struct {
		life  string
		fresh time.Duration // still the first token
		stale time.Duration // not any more
	}{
		{`,"expires_in":3600`, 54 * time.Minute, 55 * time.Minute},
		{`,"expires_in":"3600"`, 54 * time.Minute, 55 * time.Minute},
		{`,"expires_in":300`, 149 * time.Second, 150 * time.Second}, // Keycloak's default
		{`,"expires_in":1e300`, 24 * time.Hour, 400 * 24 * time.Hour},
		{``, -1, 0},
		{`,"expires_in":0`, -1, 0},
		{`,"expires_in":-5`, -1, 0},
		{`,"expires_in":"soon"`, -1, 0},
		{`,"expires_in":[1]`, -1, 0},
	} {
		t.Run(tc.life, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			p := newProvider(t, tokens(tc.life))
			s := grantSource(t, oidc(p, func() time.Time { return now }))
			begin := now
			_ = header(t, s)
			if now = begin.Add(tc.fresh); tc.fresh >= 0 && header(t, s) != "Bearer token-1" {
				t.Errorf("not kept for %s", tc.fresh)
			}
			if now = begin.Add(tc.stale); header(t, s) != "Bearer token-2" {
				t.Errorf("kept for %s", tc.stale)
			}
		})
	}
}

func TestManyAskOnce(t *testing.T) {
	p := newProvider(t, func(w http.ResponseWriter, n int) {
		time.Sleep(20 * time.Millisecond)
		tokens(`,"expires_in":3600`)(w, n)
	})
	s := grantSource(t, oidc(p, nil))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := s.Header(t.Context()); err != nil || got != "Bearer token-1" {
				t.Errorf("header %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := len(p.asked()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Who waits for the one that asks can give up.
func TestWaitingEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	p := newProvider(t, func(w http.ResponseWriter, n int) {
		<-release
		tokens(`,"expires_in":3600`)(w, n)
	})
	s := grantSource(t, oidc(p, nil))
	done := make(chan error, 1)
	go func() { _, err := s.Header(t.Context()); done <- err }()
	for len(p.asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Header(ctx); !errors.Is(err, auth.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	other := newProvider(t, tokens(""))
	status := func(code int, body string) func(http.ResponseWriter, int) {
		return func(w http.ResponseWriter, _ int) { http.Error(w, body, code) }
	}
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, int)
		want   error
		says   string
	}{
		{"wrong secret", status(401, `{"error":"invalid_client","error_description":"hunter22 is wrong"}`), auth.ErrRefused, "client's id and secret"},
		{"wrong scope", status(400, `{"error":"invalid_scope"}`), auth.ErrRefused, "scope"},
		{"unknown reason", status(400, `{"error":"hunter22"}`), auth.ErrRefused, "400"},
		{"no such address", status(404, "<html>hunter22"), auth.ErrRefused, "404"},
		{"busy", status(429, ""), auth.ErrUnavailable, "429"},
		{"broken", status(500, "hunter22"), auth.ErrUnavailable, "500"},
		{"redirect", func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, auth.ErrRefused, "redirect"},
		{"login page", status(200, "<html>hunter22</html>"), auth.ErrRefused, "token endpoint"},
		{"no token", status(200, `{"token_type":"bearer"}`), auth.ErrRefused, "access_token"},
		{"token of another type", status(200, `{"access_token":"x","token_type":"mac"}`), auth.ErrRefused, "bearer"},
		{"token with a line", status(200, `{"access_token":"hunter22\r\nX: y"}`), auth.ErrRefused, "access_token"},
		{"wrong types", status(200, `{"access_token":{"hunter22":1}}`), auth.ErrRefused, "token endpoint"},
		{"without end", status(200, `{"access_token":"`+strings.Repeat("hunter22", 1<<18)), auth.ErrRefused, "token endpoint"},
		{"cut", func(w http.ResponseWriter, _ int) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"access`))
		}, auth.ErrUnavailable, "answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProvider(t, tc.answer)
			_, err := grantSource(t, oidc(p, nil)).Header(t.Context())
			if !errors.Is(err, tc.want) {
				t.Fatalf("error = %v", err)
			}
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v does not say %q", err, tc.says)
			}
			if strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%v shows the secret", err)
			}
		})
	}
	if n := len(other.asked()); n != 0 {
		t.Errorf("the secret went where a redirect led, %d times", n)
	}
}

func TestProviderIsAway(t *testing.T) {
	p := newProvider(t, nil)
	c := oidc(p, nil)
	p.Close()
	if _, err := grantSource(t, c).Header(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("error = %v", err)
	}
}

func TestAzure(t *testing.T) {
	p := newProvider(t, tokens(`,"expires_in":3600`))
	c := auth.Config{
		Type: auth.TypeAzure, AzureTenantID: "tenant/1", AzureClientID: "client", AzureScope: "api://gms/.default",
		AzureAuthority: p.URL + "/", AzureClientSecret: "hunter22",
	}
	if got := header(t, grantSource(t, c)); got != "Bearer token-1" {
		t.Errorf("header %q", got)
	}
	// Workload identity: the pod's own token vouches for the client, and turns.
	file := filepath.Join(t.TempDir(), "federated")
	c.AzureClientSecret, c.AzureTokenFile = "", file
	s := grantSource(t, c)
	if _, err := s.Header(t.Context()); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("error = %v without the file", err)
	}
	for _, assertion := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(assertion), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Invalidate()
		_ = header(t, s)
	}
	common := func(more url.Values) url.Values {
		form := url.Values{
			"path":       {"/tenant/1/oauth2/v2.0/token"},
			"grant_type": {"client_credentials"}, "client_id": {"client"}, "scope": {"api://gms/.default"},
		}
		for key, values := range more {
			form[key] = values
		}
		return form
	}
	kind := []string{"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
	want := []url.Values{
		common(url.Values{"client_secret": {"hunter22"}}),
		common(url.Values{"client_assertion_type": kind, "client_assertion": {"first"}}),
		common(url.Values{"client_assertion_type": kind, "client_assertion": {"second"}}),
	}
	if diff := cmp.Diff(want, p.asked()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
