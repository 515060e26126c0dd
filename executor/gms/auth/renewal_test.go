package auth_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

// TestTokenStaysInUseWhileTheProviderIsAway has the provider gone when it is
// time to renew, and back after the token's end.
func TestTokenStaysInUseWhileTheProviderIsAway(t *testing.T) {
	now, away := time.Unix(1_700_000_000, 0), false
	p := newProvider(t, func(w http.ResponseWriter, n int) {
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		tokens(`,"expires_in":600`)(w, n)
	})
	c := oidc(p, func() time.Time { return now })
	var told []error
	c.Renewed = func(err error) { told = append(told, err) }
	s := grantSource(t, c)
	first := header(t, s)
	away = true
	for _, step := range []struct {
		after time.Duration
		asked int // requests to the provider so far
	}{{299 * time.Second, 1}, {time.Second, 2}, {9 * time.Second, 2}, {time.Second, 3}, {289 * time.Second, 4}} {
		now = now.Add(step.after)
		if got := header(t, s); got != first || len(p.asked()) != step.asked {
			t.Errorf("after %s: header %q, %d requests; want %q, %d", step.after, got, len(p.asked()), first, step.asked)
		}
	}
	now = now.Add(time.Second)
	if got, err := s.Header(t.Context()); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("after the token's end: %q, error %v", got, err)
	}
	away = false
	if got := header(t, s); got == first {
		t.Errorf("header %q when the provider is back", got)
	}
	want := []error{nil, auth.ErrUnavailable, auth.ErrUnavailable, auth.ErrUnavailable, auth.ErrUnavailable, nil}
	if diff := cmp.Diff(want, told, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("renewals (-want +got):\n%s", diff)
	}
}

// TestARefusalIsNoOutage: a client that was taken away has no token any more.
func TestARefusalIsNoOutage(t *testing.T) {
	now, gone := time.Unix(1_700_000_000, 0), false
	p := newProvider(t, func(w http.ResponseWriter, n int) {
		if gone {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		tokens(`,"expires_in":600`)(w, n)
	})
	s := grantSource(t, oidc(p, func() time.Time { return now }))
	header(t, s)
	now, gone = now.Add(5*time.Minute), true
	if got, err := s.Header(t.Context()); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("header %q, error %v", got, err)
	}
}

func TestFresh(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := newProvider(t, tokens(`,"expires_in":3600`))
	s := grantSource(t, oidc(p, func() time.Time { return now }))
	for _, step := range []struct {
		name  string
		after time.Duration
		get   func(context.Context, auth.Source) (string, error)
		want  string
	}{
		{"the first", 0, auth.Fresh, "Bearer token-1"},
		{"one that was just made", 9 * time.Second, auth.Fresh, "Bearer token-1"},
		{"one that was made a while ago", time.Second, auth.Fresh, "Bearer token-2"},
		{"everybody has the newest", time.Minute, func(ctx context.Context, s auth.Source) (string, error) { return s.Header(ctx) }, "Bearer token-2"},
	} {
		now = now.Add(step.after)
		got, err := step.get(t.Context(), s)
		if err != nil || got != step.want {
			t.Errorf("%s: %q, %v; want %q", step.name, got, err, step.want)
		}
	}
	p.Close()
	now = now.Add(time.Minute)
	if got, err := auth.Fresh(t.Context(), s); err != nil || got != "Bearer token-2" {
		t.Errorf("with the provider away: %q, %v", got, err)
	}
}

func TestLasting(t *testing.T) {
	p := newProvider(t, tokens(``))
	for name, tc := range map[string]struct {
		c    auth.Config
		want bool
	}{
		"token":      {auth.Config{Token: "abc"}, true},
		"system":     {auth.Config{SystemClientID: "id", SystemClientSecret: "hunter22"}, true},
		"none":       {auth.Config{Type: auth.TypeNone}, true},
		"token file": {auth.Config{TokenFile: "/token"}, false},
		"kubernetes": {auth.Config{Type: auth.TypeKubernetes}, false},
		"oidc":       {oidc(p, nil), false},
	} {
		if got := auth.Lasting(grantSource(t, tc.c)); got != tc.want {
			t.Errorf("%s: lasting is %t", name, got)
		}
	}
}

func TestChangesOfATokenFileAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var told []error
	s := grantSource(t, auth.Config{TokenFile: file, Renewed: func(err error) { told = append(told, err) }})
	for _, content := range []string{"", "one", "one", "two"} {
		if content != "" {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = s.Header(t.Context()) // what it says is looked at elsewhere
	}
	if diff := cmp.Diff([]error{auth.ErrRefused, nil, nil}, told, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		c    auth.Config
		want []string
	}{
		"none":                {auth.Config{Token: "abc"}, []string{}},
		"token file":          {auth.Config{TokenFile: "/a/token"}, []string{"/a/token"}},
		"kubernetes":          {auth.Config{Type: auth.TypeKubernetes, TokenFile: "/a/token"}, []string{"/a/token"}},
		"kubernetes, default": {auth.Config{Type: auth.TypeKubernetes}, []string{auth.ProjectedTokenFile}},
		"workload identity":   {auth.Config{Type: auth.TypeAzure, AzureTokenFile: "/b/token"}, []string{"/b/token"}},
	} {
		if diff := cmp.Diff(tc.want, tc.c.Files()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
