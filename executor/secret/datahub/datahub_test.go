package datahub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/remotetest"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/datahub"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

var _ secret.Store = datahub.Store{}

// value must never be in an error.
const value = "hunter22-Passw0rd"

// patience is how long a client waits for an answer that comes, on a busy machine.
const patience = 20 * time.Second

func start(t *testing.T, timeout time.Duration) (*gmstest.Running, datahub.Store) {
	t.Helper()
	server := gmstest.Start(t, gmstest.Options{})
	client, err := gms.New(gms.Options{URL: server.URL(), Timeout: timeout, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return server, datahub.New(client)
}

func TestValues(t *testing.T) {
	server, store := start(t, patience)
	server.SetSecret("PW", value)
	server.SetSecret("EMPTY", "")
	server.SetSecret("NOT-ASKED", value)
	got, err := store.Values(t.Context(), []string{"PW", "EMPTY", "ABSENT", "NOT-ASKED", ""})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"PW": value, "EMPTY": ""}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	server.SetSecret("PW", "rotated")
	if got, err := store.Values(t.Context(), []string{"PW"}); err != nil || got["PW"] != "rotated" {
		t.Errorf("after the rotation: %q, %v", got, err)
	}
	before := len(server.Exchanges())
	if got, err := store.Values(t.Context(), nil); err != nil || len(got) != 0 || len(server.Exchanges()) != before {
		t.Errorf("of no names: %q, %v", got, err)
	}
}

func TestAsksInPortions(t *testing.T) {
	server, store := start(t, patience)
	var names []string
	want := map[string]string{}
	for i := range gms.MaxSecrets + 1 {
		name := fmt.Sprintf("S%d", i)
		names, want[name] = append(names, name), name
		server.SetSecret(name, name)
	}
	got, err := store.Values(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if n := len(server.Exchanges()); n != 2 {
		t.Errorf("%d questions", n)
	}
}

func TestExplainsTheCallerGuard(t *testing.T) {
	server, store := start(t, patience)
	server.SetSecret("PW", value)
	server.Guard(true)
	_, err := store.Values(t.Context(), []string{"PW"})
	for name, err := range map[string]error{"values": err, "check": store.Check(t.Context())} {
		if text := remotetest.Problem(t, err, remote.Denied); !strings.Contains(text, "DATAHUB_SYSTEM_CLIENT_ID") {
			t.Errorf("%s: no hint: %s", name, text)
		}
	}
	server.Guard(false)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("check without the guard: %v", err)
	}
}

func TestServerOutOfOrder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault gmstest.Fault
		kind  remote.Kind
	}{
		{"a failure that passes", gmstest.Fault{Status: 503, Text: value, Times: 2}, ""},
		{"a cut that passes", gmstest.Fault{Drop: true, Times: 1}, ""},
		{"down", gmstest.Fault{Status: 503, Text: value}, remote.Unavailable},
		{"hanging", gmstest.Fault{Hang: true}, remote.Unavailable},
		{"unauthorized", gmstest.Fault{Status: 401, Text: value}, remote.Credentials},
		{"a page for people", gmstest.Fault{Status: 200, Text: "<html>" + value}, remote.Protocol},
		{"an error that quotes", gmstest.Fault{Status: 200, Text: `{"errors":[{"message":"` + value + `"}]}`}, remote.Protocol},
		{"cut off", gmstest.Fault{Status: 200, Text: `{"data":{"getSecretValues":[{"name":"PW","value":"` + value}, remote.Protocol},
		{"wrong types", gmstest.Fault{Status: 200, Text: `{"data":{"getSecretValues":[{"name":"PW","value":["` + value + `"]}]}}`}, remote.Protocol},
		{"null", gmstest.Fault{Status: 200, Text: `{"data":{"getSecretValues":[{"name":"PW","value":null}]}}`}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			timeout := patience
			if tc.fault.Hang {
				timeout = 200 * time.Millisecond
			}
			server, store := start(t, timeout)
			server.Fail(tc.fault)
			got, err := store.Values(t.Context(), []string{"PW"})
			remotetest.Problem(t, err, tc.kind)
			if len(got) != 0 {
				t.Errorf("%d values", len(got))
			}
		})
	}
}

// broken gives an error that is none of the client.
type broken struct{}

func (broken) Secrets(ctx context.Context, _ []string) (map[string]string, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return map[string]string{"PW": value}, errors.New(value)
}

func TestErrorsThatAreNotTheClients(t *testing.T) {
	got, err := datahub.New(broken{}).Values(t.Context(), []string{"PW"})
	remotetest.Problem(t, err, remote.Protocol)
	if len(got) != 0 {
		t.Errorf("%d values", len(got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = datahub.New(broken{}).Values(ctx, []string{"PW"})
	remotetest.Problem(t, err, remote.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}
