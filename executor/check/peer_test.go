package check_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/check"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// asked returns inputs for a server that accepts one token, and the server.
func asked(t *testing.T, token string) (check.Inputs, *gmstest.Running) {
	t.Helper()
	peer := gmstest.Start(t, gmstest.Options{Credentials: []string{"Bearer right"}, Version: "v1.7.0", CLIVersion: "1.7.0.17"})
	credential, err := auth.Token(token)
	if err != nil {
		t.Fatal(err)
	}
	client, err := gms.New(gms.Options{URL: peer.URL(), Auth: credential, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	in := working(t)
	in.Config.GMS.URL, in.Server = peer.URL(), client
	return in, peer
}

func TestServerOfOurOwn(t *testing.T) {
	in, peer := asked(t, "right")
	report := run(in)
	for _, name := range []string{check.NameServer, check.NameCredential, check.NamePrivilege, check.NameClock} {
		if got := result(t, report, name); got.Status != check.OK {
			t.Errorf("%s: %s: %+v", name, got.Status, got.Findings)
		}
	}
	peer.Forgive() // the proposal that cannot be stored
	if history := peer.History("lockforge-check"); len(history) > 0 {
		t.Errorf("the check wrote %+v", history)
	}
}

func TestServerThatDoesNotKnowUs(t *testing.T) {
	in, peer := asked(t, "wrong")
	report := run(in)
	if got := result(t, report, check.NameServer); got.Status != check.OK {
		t.Errorf("%s: %+v", got.Status, got.Findings)
	}
	if got := result(t, report, check.NameCredential); got.Status != check.Failed || report.ExitCode() != check.ExitAuthentication {
		t.Errorf("exit code %d: %+v", report.ExitCode(), got)
	}
	peer.Stop()
	start := time.Now()
	report = run(in)
	if got := result(t, report, check.NameServer); got.Status != check.Failed || report.ExitCode() != check.ExitOther {
		t.Errorf("a server that is gone: exit code %d: %+v", report.ExitCode(), got)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
}

func TestServerThatTakesNoResults(t *testing.T) {
	in, peer := asked(t, "right")
	peer.Fail(gmstest.Fault{Path: "ingestProposal", Status: http.StatusForbidden, Text: `{"message":"unauthorized to write"}`})
	report := run(in)
	if got := result(t, report, check.NamePrivilege); got.Status != check.Failed || report.ExitCode() != check.ExitAuthentication {
		t.Errorf("exit code %d: %+v", report.ExitCode(), got)
	}
}
