package gms_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
)

func TestTheCredentialGoesToTheServersOriginOnly(t *testing.T) {
	got := map[string]string{}
	record := func(name string) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got[name] = r.Header.Get("Authorization")
		}))
		t.Cleanup(server.Close)
		return server
	}
	own, other := record("own"), record("other")
	source, err := auth.Token("t0ken")
	if err != nil {
		t.Fatal(err)
	}
	client, err := gms.New(gms.Options{URL: own.URL + "/gms", Auth: source})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{own.URL + "/gms/schema-registry/api/schemas/ids/1", other.URL + "/schemas/ids/1"} {
		answer, err := client.HTTP().Get(url)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if got["own"] != "Bearer t0ken" || got["other"] != "" {
		t.Errorf("the server got %q, another one %q", got["own"], got["other"])
	}
}
