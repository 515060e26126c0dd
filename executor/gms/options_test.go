package gms_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]gms.Options{
		"no URL":       {},
		"no scheme":    {URL: "gms:8080"},
		"other scheme": {URL: "file:///etc/passwd"},
		"no host":      {URL: "https:///gms"},
		"password":     {URL: "https://user:hunter22@gms/"},
		"odd password": {URL: "https://user:hunter22%zz@gms/"},
		"query":        {URL: "https://gms/?token=hunter22"},
		"no file":      {URL: "https://gms", Roots: []string{filepath.Join(dir, "none.pem")}},
		"no root":      {URL: "https://gms", Roots: []string{empty}},
		"directory":    {URL: "https://gms", Roots: []string{dir}},
	} {
		_, err := gms.New(o)
		if err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestRoots(t *testing.T) {
	stand, err := gmstest.New(nothing)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(stand)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newClient(t, gms.Options{URL: server.URL, Roots: []string{file}}).Propose(t.Context(), running); err != nil {
		t.Error(err)
	}
	err = newClient(t, gms.Options{URL: server.URL, Retries: -1}).Propose(t.Context(), running)
	var e *gms.Error
	if !errors.As(err, &e) || e.Kind != gms.Unavailable || !strings.Contains(e.Hint, "roots") {
		t.Errorf("error = %v", err)
	}
}
