package gms_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

const credential = "Bearer token-of-the-test"

// nothing are the options of a server that needs none.
var nothing = gmstest.Options{}

func source(t *testing.T) auth.Source {
	t.Helper()
	s, err := auth.Token("token-of-the-test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newClient makes one with short pauses.
func newClient(t *testing.T, o gms.Options) *gms.Client {
	t.Helper()
	if o.Auth == nil {
		o.Auth = source(t)
	}
	if o.Pause == 0 {
		o.Pause = time.Millisecond
	}
	c, err := gms.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, o gmstest.Options) (*gmstest.Running, *gms.Client) {
	t.Helper()
	if o.Credentials == nil {
		o.Credentials = []string{credential}
	}
	server := gmstest.Start(t, o)
	return server, newClient(t, gms.Options{URL: server.URL()})
}

func TestProposeAndRead(t *testing.T) {
	for _, old := range []bool{false, true} {
		server, c := start(t, gmstest.Options{Base: "/gms"})
		if old {
			server.SetGeneration(gmstest.WithoutV3)
		}
		value := []byte(`{"status":"RUNNING","report":"line\nzwei \u00fc ü 𝄞 \"q\" \\ <&>","startTimeMs":1700000000000}`)
		if err := c.Propose(t.Context(), gms.RunProposal("run-1", gms.ResultAspect, value)); err != nil {
			t.Fatal(err)
		}
		got, found, err := c.Aspect(t.Context(), gms.RunURN("run-1"), gms.ResultAspect)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if diff := cmp.Diff(parse(t, value), parse(t, got.Value)); diff != "" {
			t.Errorf("value (-want +got):\n%s", diff)
		}
		if _, found, err := c.Aspect(t.Context(), gms.RunURN("run-2"), gms.ResultAspect); err != nil || found {
			t.Error(found, err)
		}
		if !old && (got.Version != "1" || time.Since(got.LastObserved) > time.Minute) {
			t.Errorf("version %q, observed %s", got.Version, got.LastObserved)
		}
	}
}

func parse(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
