package observe_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/dbtest"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/executor/observe/query"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/internal/testenv"
)

// From a file of monitors through a real venv and a real database to the server.
func TestAStatementFromTheFileToTheServer(t *testing.T) {
	venvs := os.Getenv("LOCKFORGE_DATAHUB_VENVS")
	if _, err := os.Stat(filepath.Join(venvs, "mysql-bundled", "bin", "python")); venvs == "" || err != nil {
		testenv.Missing(t, "LOCKFORGE_DATAHUB_VENVS has no venv for mysql")
	}
	db := dbtest.Start(t, dbtest.MySQL)
	secrets := t.TempDir()
	if err := os.WriteFile(filepath.Join(secrets, "DB_PASSWORD"), []byte(db.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := observe.Parse(fmt.Appendf(nil, `
connections:
  shop:
    type: mysql
    config: {host_port: %q, database: shop, username: shop, password: "${DB_PASSWORD}"}
monitors:
  - assertion: urn:li:assertion:sum
    dataset: %q
    kind: sql
    cron: "@daily"
    timezone: UTC
    connection: shop
    statement: SELECT sum(amount) FROM orders
    operator: between
    min: 30
    max: 31
`, db.HostPort(), dataset))
	if err != nil {
		t.Fatal(err)
	}
	peer := gmstest.Start(t, gmstest.Options{})
	client, err := gms.New(gms.Options{URL: peer.URL(), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := observe.New(observe.Options{File: f, Server: client, Dir: t.TempDir(), Warehouse: &query.Runner{
		Venvs: venvs, Parent: t.TempDir(), Environ: os.Environ(),
		Resolver: secret.Resolver{Stores: []secret.Store{secret.Dir{Path: secrets}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.CheckAll(t.Context())
	events := peer.Series("urn:li:assertion:sum", "assertionRunEvent")
	if len(events) != 1 {
		t.Fatalf("%d results", len(events))
	}
	var got struct {
		AsserteeUrn string
		Status      string
		Result      map[string]any
	}
	if err := json.Unmarshal(events[0], &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "SUCCESS", "actualAggValue": 30.75,
		"nativeResults": map[string]any{"Value": "30.75", "Compared Min Value": "30", "Compared Max Value": "31"},
	}
	if diff := cmp.Diff(want, got.Result); diff != "" || got.AsserteeUrn != dataset || got.Status != "COMPLETE" {
		t.Errorf("%+v: -want +got:\n%s", got, diff)
	}
}
