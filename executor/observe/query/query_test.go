package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/dbtest"
	"github.com/lockforge/lockforge/executor/observe/query"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/internal/testenv"
)

// fixed is a store of secrets.
type fixed map[string]string

func (f fixed) ID() string { return "fixed" }
func (f fixed) Values(context.Context, []string) (map[string]string, error) {
	return f, nil
}

// runner has a venv "fake" with a shell script in the place of Python.
func runner(t *testing.T, script string) *query.Runner {
	t.Helper()
	root := t.TempDir()
	bin := filepath.Join(root, "fake-bundled", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"python", "datahub"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &query.Runner{
		Venvs: root, Parent: t.TempDir(), Environ: os.Environ(),
		Resolver: secret.Resolver{Stores: []secret.Store{fixed{"PW": "hunter22hunter22"}}},
	}
}

func ask(source, config string) query.Query {
	return query.Query{Source: source, Config: json.RawMessage(config), Statement: "SELECT 1", Timeout: time.Second}
}

func TestNumberTellsWhatIsWrong(t *testing.T) {
	ctx := context.Background()
	for name, tc := range map[string]struct {
		script string
		q      query.Query
		stage  query.Stage
		reason string
	}{
		"no venv":          {"", ask("other", "{}"), query.Setup, "not bundled"},
		"outside":          {"", ask("../fake", "{}"), query.Setup, "plugin name"},
		"statement":        {"", query.Query{Source: "fake", Config: json.RawMessage("{}"), Statement: "DROP TABLE t"}, query.Statement, "SELECT"},
		"unknown secret":   {"", ask("fake", `{"password":"${NOT_THERE}"}`), query.Config, "NOT_THERE"},
		"a path":           {"", ask("fake", `{"path":"/mnt/secrets/x"}`), query.Config, "/mnt/secrets"},
		"silent":           {"cat >/dev/null", ask("fake", "{}"), query.Setup, "did not answer"},
		"noise":            {"cat >/dev/null; echo hello", ask("fake", "{}"), query.Setup, "did not answer"},
		"flood":            {"cat >/dev/null; head -c 100000000 /dev/zero", ask("fake", "{}"), query.Setup, "did not answer"},
		"crash":            {"cat >/dev/null; echo boom >&2; exit 3", ask("fake", "{}"), query.Setup, "code 3: boom"},
		"killed":           {"kill -9 $$", ask("fake", "{}"), query.Setup, "code 137"},
		"not finite":       {`cat >/dev/null; echo '{"value":"inf"}'`, ask("fake", "{}"), query.Value, "finite"},
		"no number":        {`cat >/dev/null; echo '{"value":"abc"}'`, ask("fake", "{}"), query.Value, "finite"},
		"its own error":    {`cat >/dev/null; echo '{"stage":"connect","reason":"refused"}'`, ask("fake", "{}"), query.Connect, "refused"},
		"secret in error":  {`cat >/dev/null; echo '{"stage":"connect","reason":"for hunter22hunter22"}'`, ask("fake", `{"p":"${PW}"}`), query.Connect, "for ***REDACTED:PW***"},
		"secret in stderr": {`cat >&2; exit 1`, ask("fake", `{"p":"${PW}"}`), query.Setup, "***REDACTED:PW***"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runner(t, tc.script).Number(ctx, tc.q)
			var failed *query.Error
			if !errors.As(err, &failed) || failed.Stage != tc.stage || !strings.Contains(failed.Reason, tc.reason) {
				t.Errorf("got %v, want %s: ...%s...", err, tc.stage, tc.reason)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter22hunter22") || len(err.Error()) > 5000) {
				t.Errorf("the error tells too much: %.200s", err)
			}
		})
	}
}

func TestNumberHandsOverTheResolvedConfiguration(t *testing.T) {
	script := `input=$(cat); case $input in *'"password":"hunter22hunter22"'*) echo '{"value":"12345678901234567890.5"}';; *) echo "$input" >&2; exit 1;; esac
case "$*" in *hunter22*) exit 1;; esac`
	r := runner(t, script)
	got, err := r.Number(context.Background(), ask("fake", `{"password":"${PW}","n":[1,{"a":null}]}`))
	if err != nil || got.Text != "12345678901234567890.5" || got.Value != 12345678901234567890.5 {
		t.Errorf("got %+v and %v", got, err)
	}
}

func TestNumberEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := runner(t, "exec sleep 60").Number(ctx, ask("fake", "{}"))
	if err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

// real is a runner with the venvs of connectors.
func real(t *testing.T, source string) *query.Runner {
	t.Helper()
	venvs := os.Getenv("LOCKFORGE_DATAHUB_VENVS")
	if _, err := os.Stat(filepath.Join(venvs, source+"-bundled", "bin", "python")); venvs == "" || err != nil {
		testenv.Missing(t, "LOCKFORGE_DATAHUB_VENVS has no venv for %s", source)
	}
	if err := task.Supervise(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &query.Runner{Venvs: venvs, Parent: t.TempDir(), Environ: os.Environ(), Sandbox: &sandbox.Policy{}}
}

// realCase has the number that is wanted, or the stage that fails.
type realCase struct {
	name, statement string
	want            string
	stage           query.Stage
}

// Each takes seconds: what does not depend on the database is asked of one.
var realCases = map[string][]realCase{
	dbtest.MySQL: {
		{name: "a sum", statement: "SELECT sum(amount) FROM orders", want: "30.75"},
		{name: "special characters", statement: "SELECT count(*) FROM orders WHERE customer LIKE '%a%' AND customer <> ':x' AND 7 % 2 = 1;", want: "2"},
		{name: "no row", statement: "SELECT id FROM orders WHERE id = 9", stage: query.Value},
		{name: "NULL", statement: "SELECT max(amount) FROM orders WHERE id = 9", stage: query.Value},
		{name: "a text", statement: "SELECT max(customer) FROM orders", stage: query.Value},
		{name: "many rows", statement: "SELECT id FROM orders", stage: query.Value},
		{name: "too slow", statement: "SELECT sleep(30)", stage: query.Statement},
		{name: "wrong password", statement: "SELECT 1", stage: query.Connect},
	},
	dbtest.Postgres: {
		{name: "a statement in a function", statement: "SELECT count(*) FROM query_to_xml('DELETE FROM orders', true, false, '')", stage: query.Statement},
		{name: "all rows are there", statement: "SELECT sum(amount)::numeric(9,3) FROM orders", want: "30.750"},
		{name: "a bool", statement: "SELECT 2 > 1 AND 'x%' LIKE '%:%' OR true", want: "1"},
		{name: "many columns", statement: "SELECT id, amount FROM orders WHERE id = 1", stage: query.Value},
		{name: "no such column", statement: "SELECT nope FROM orders", stage: query.Statement},
		{name: "too slow", statement: "SELECT 1 FROM pg_sleep(30)", stage: query.Statement},
		{name: "wrong password", statement: "SELECT 1", stage: query.Connect},
	},
}

func TestRealDatabases(t *testing.T) {
	for _, kind := range []string{dbtest.MySQL, dbtest.Postgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := real(t, kind)
			db := dbtest.Start(t, kind)
			r.Resolver = secret.Resolver{Stores: []secret.Store{fixed{"PW": db.Password, "WRONG": "not-the-password"}}}
			config := func(secret string) json.RawMessage {
				return fmt.Appendf(nil, `{"host_port":%q,"database":%q,"username":%q,"password":"${%s}"}`, db.HostPort(), db.Database, db.User, secret)
			}
			for _, tc := range realCases[kind] {
				secret := "PW"
				if tc.stage == query.Connect {
					secret = "WRONG"
				}
				got, err := r.Number(t.Context(), query.Query{Source: kind, Config: config(secret), Statement: tc.statement, Timeout: 2 * time.Second})
				var failed *query.Error
				switch {
				case tc.want != "" && (err != nil || got.Text != tc.want):
					t.Errorf("%s: got %+v and %v, want %s", tc.name, got, err, tc.want)
				case tc.stage != "" && (!errors.As(err, &failed) || failed.Stage != tc.stage):
					t.Errorf("%s: got %+v and %v, want stage %s", tc.name, got, err, tc.stage)
				}
				if err != nil && strings.Contains(err.Error(), db.Password) {
					t.Errorf("%s: the error has the password", tc.name)
				}
			}
		})
	}
}
