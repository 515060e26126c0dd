package integration_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestNoSecretGetsOut has a run do its worst with its password, fail, be
// cancelled and be cut short, and searches all that the executor has said.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start("LOCKFORGE_EXECUTOR_LOG_LEVEL=debug").serving()
	p.noSecretIn(e.cmd.Process.Pid)
	p.request("ok", act{Password: "${DB_PASSWORD}"})
	p.request("failing", act{Password: "${DB_PASSWORD}", Exit: 1})
	p.request("cancelled", act{Password: "${DB_PASSWORD}", MS: 60_000})
	p.noSecretIn(p.awaitStart("cancelled"))
	time.Sleep(2500 * time.Millisecond) // a report of progress has what was printed
	p.gms.Signal("cancelled", "KILL", "")
	p.request("cut-short", act{Password: "${DB_PASSWORD}", MS: 60_000})
	p.awaitStart("cut-short")
	p.ends("cancelled", "CANCELLED")
	e.kill()
	e = p.start("LOCKFORGE_EXECUTOR_LOG_LEVEL=debug").serving()
	for id, status := range map[string]string{"ok": "SUCCESS", "failing": "FAILURE", "cut-short": "FAILURE"} {
		p.ends(id, status)
	}
	// A rotated secret needs no restart, and the new one is masked as well.
	old := p.password
	p.password = "rot4ted-" + old
	must(t, os.WriteFile(p.path("secrets/DB_PASSWORD"), []byte(p.password), 0o600))
	p.request("rotated", act{Password: "${DB_PASSWORD}"})
	r := p.ends("rotated", "SUCCESS")
	if !strings.Contains(r.Report, "cannot connect with") || r.StructuredReport == nil {
		t.Errorf("the run's output and structured report are not in the result: %.500s", r.Report)
	}
	e.drain()
	p.settled("ok", "failing", "cancelled", "cut-short", "rotated")
	p.noSecret()
	p.password = old
	p.noSecret()
}

// TestSecretStoresAreAway asks stores that hang, refuse, break and come back.
// A run that needs them fails with the reason; others are not held up.
func TestSecretStoresAreAway(t *testing.T) {
	t.Parallel()
	t.Run("DataHub", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.gms.SetSecret("DB_PASSWORD", p.password)
		must(t, os.Remove(p.path("secrets/DB_PASSWORD")))
		e := p.start("LOCKFORGE_EXECUTOR_SECRET_STORES=env,file,datahub", "LOCKFORGE_EXECUTOR_SECRET_TIMEOUT=2").serving()
		for name, f := range map[string]gmstest.Fault{
			"hanging": {Hang: true}, "refusing": {Status: 403, Text: "no"}, "breaking": {Status: 500, Text: "oops"}, "cutting": {Drop: true},
		} {
			f.Path = "graphql"
			f.Body = "DB_PASSWORD"
			remove := p.gms.Fail(f)
			stuck(p, name, "datahub")
			remove()
		}
		p.request("back", act{Password: "${DB_PASSWORD}"})
		p.ends("back", "SUCCESS")
		e.drain()
		p.settled("back")
	})
	t.Run("AWS", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		must(t, os.Remove(p.path("secrets/DB_PASSWORD")))
		var mood atomic.Value
		mood.Store("hanging")
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch mood.Load() {
			case "hanging":
				<-r.Context().Done()
			case "breaking":
				w.WriteHeader(http.StatusServiceUnavailable)
			case "cutting":
				if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
					_ = conn.Close()
				}
			case "garbage":
				_, _ = w.Write([]byte("<html>"))
			}
		}))
		t.Cleanup(store.CloseClientConnections)
		e := p.start("LOCKFORGE_EXECUTOR_SECRET_STORES=file,aws-sm", "LOCKFORGE_EXECUTOR_SECRET_TIMEOUT=2", "AWS_REGION=eu-west-1",
			"AWS_ENDPOINT_URL_SECRETS_MANAGER="+store.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=k", "AWS_EC2_METADATA_DISABLED=true").serving()
		for _, name := range []string{"hanging", "breaking", "cutting", "garbage"} {
			mood.Store(name)
			stuck(p, name, "aws-sm")
		}
		must(t, os.WriteFile(p.path("secrets/DB_PASSWORD"), []byte(p.password), 0o600))
		stuck(p, "file-must-not-stand-in", "aws-sm")
		e.drain()
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		must(t, os.Remove(p.path("secrets/DB_PASSWORD")))
		e := p.start("LOCKFORGE_EXECUTOR_SECRET_STORES=file,aws-sm", "AWS_REGION=eu-west-1", "LOCKFORGE_EXECUTOR_AWS_ENDPOINT=http://"+testenv.Address(t),
			"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=k", "LOCKFORGE_EXECUTOR_SECRET_TIMEOUT=2").serving()
		stuck(p, "down", "aws-sm")
		e.drain()
	})
}

// stuck has a run fail for want of a secret, in time, beside one that needs none.
func stuck(p *place, id, store string) {
	p.t.Helper()
	start := time.Now()
	p.request(id, act{Password: "${DB_PASSWORD}"})
	p.request("beside-"+id, act{})
	p.ends("beside-"+id, "SUCCESS")
	r := p.ends(id, "FAILURE")
	if took := time.Since(start); took > 12*time.Second {
		p.t.Errorf("store %s %s: the run failed after %s; the store has 2 s", store, id, took.Round(time.Millisecond))
	}
	if !strings.Contains(r.Report, "DB_PASSWORD") || !strings.Contains(r.Report, store) {
		p.t.Errorf("the report names neither secret nor store %s:\n%s", strconv.Quote(store), r.Report)
	}
	if n := len(p.started(id)); n > 0 {
		p.t.Errorf("run %s was started without its secret", id)
	}
}
