package ingestion_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/worker"
)

// rotating is a credential that tests change.
type rotating struct {
	mu    sync.Mutex
	value string
	err   error
}

func (r *rotating) set(value string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.err = value, err
}

func (r *rotating) header(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "Bearer " + r.value, r.err
}

func (r *rotating) is(header string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return header == "Bearer "+r.value
}

// gms is a server whose tokens end; with what a CLI gets that cannot renew one.
func (r *rotating) gms(fresh string) *ingestion.GMS {
	return &ingestion.GMS{URL: "https://gms.example", Authorization: r.header, Fresh: header("Bearer " + fresh)}
}

// readsTokens leaves each token that it finds, gives it away, and tries to
// change it. It ends with the third.
const readsTokens = `cat >$DIR/stdin
token=$(sed 's/.*token_file.": ."\([^"\\]*\).*/\1/' $DIR/stdin)
last=
while :; do
	now=$(cat "$token")
	[ "$now" = "$last" ] || { echo "$now" >>$DIR/tokens; echo "my token is $now"; last=$now; }
	(echo mine >"$token") 2>/dev/null && echo changed >>$DIR/tokens
	case $now in third*) exit 0 ;; esac
	sleep 0.05
done
`

func TestRunHasTheCurrentToken(t *testing.T) {
	f := newFixture(t, readsTokens)
	var echo strings.Builder
	f.options.Echo = &echo
	tokens := []string{"first-t0ken-of-the-executor", "second-t0ken-of-the-executor", "third-t0ken-of-the-executor"}
	r := &rotating{value: tokens[0]}
	f.options.GMS = r.gms("unused-t0ken")
	go func() {
		for i, token := range tokens[1:] {
			await(t, f.dir+"/tokens")
			for range 500 {
				if text, _ := os.ReadFile(f.dir + "/tokens"); strings.Count(string(text), "\n") > i {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			r.set("", errors.New("the provider is away"))
			time.Sleep(ingestion.RenewEvery)
			r.set(token, nil)
		}
	}()
	o, _ := f.run(ingest("run-1"))
	if o.Status != worker.StatusSuccess {
		t.Fatalf("%+v\n%s", o, text(o))
	}
	if diff := cmp.Diff(tokens, strings.Fields(read(t, f.dir+"/tokens"))); diff != "" {
		t.Errorf("tokens that the run saw (-want +got):\n%s", diff)
	}
	log := read(t, filepath.Join(f.options.Logs.Dir, "run-1", "executor-logs", "ingestion-logs.log"))
	for place, said := range map[string]string{"report": text(o), "log": log, "echo": echo.String(), "stdin": read(t, f.dir+"/stdin")} {
		if strings.Contains(said, "t0ken") {
			t.Errorf("a token is in the %s:\n%s", place, said)
		}
	}
	if n := strings.Count(text(o), "my token is ***REDACTED:EXECUTOR_OWN_GMS_TOKEN_"); n != 3 || !strings.Contains(unwrapped(text(o)), "the provider is away") {
		t.Errorf("%d tokens were masked, want 3, and a word about the renewal that failed:\n%s", n, text(o))
	}
	var envelope struct {
		Recipe string `json:"__recipe_yaml__"`
	}
	must(t, json.Unmarshal([]byte(read(t, f.dir+"/stdin")), &envelope))
	file := filepath.Join(f.options.Work, "run-1", "credential", "token")
	if want := `"sink": {"config": {"auth": {"config": {"token_file": "` + file + `"}, "type": "pat"}, "server": "https://gms.example"}, "type": "datahub-rest"}`; !strings.Contains(envelope.Recipe, want) {
		t.Errorf("recipe %s has no %s", envelope.Recipe, want)
	}
}

func TestOldCLIHasAFreshToken(t *testing.T) {
	f := newFixture(t, "")
	f.image("1.7.0.13", "cat >"+f.dir+"/stdin\n")
	f.options.GMS = (&rotating{value: "old-t0ken"}).gms("fresh-t0ken")
	o, _ := f.run(ingest("run-1"))
	if stdin := read(t, f.dir+"/stdin"); !strings.Contains(stdin, `"EXECUTOR_OWN_GMS_TOKEN":"fresh-t0ken"`) || strings.Contains(stdin, "old-t0ken") {
		t.Errorf("the run got %s", stdin)
	}
	if report := unwrapped(text(o)); !strings.Contains(report, "takes no new token while it runs") {
		t.Errorf("no word about the token in\n%s", report)
	}
}

// TestNoTokenNoRun: a run that could not write anything is not started.
func TestNoTokenNoRun(t *testing.T) {
	for name, r := range map[string]*rotating{"the provider is away": {value: "x", err: errors.New("away")}, "an empty token": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, "echo started >$DIR/started")
			f.options.GMS = r.gms("unused")
			o, _ := f.run(ingest("run-1"))
			if diff := cmp.Diff([]string{string(ingestion.Credential)}, o.Refused); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := os.Stat(f.dir + "/started"); err == nil {
				t.Error("a child was started")
			}
		})
	}
}

// TestFirstTokenComesLate has the token's file be written anew when a run
// starts.
func TestFirstTokenComesLate(t *testing.T) {
	f := newFixture(t, readsTokens)
	r := &rotating{err: errors.New("the file is empty")}
	f.options.GMS = r.gms("unused")
	time.AfterFunc(time.Second, func() { r.set("third-t0ken", nil) })
	if o, _ := f.run(ingest("run-1")); o.Status != worker.StatusSuccess {
		t.Errorf("%+v", o)
	}
}

// TestRealCLITakesARenewedToken has the token change, and the old one refused,
// while a request of the real CLI is on its way.
func TestRealCLITakesARenewedToken(t *testing.T) {
	f := real(t)
	r := &rotating{value: "first-t0ken"}
	server := gmstest.Start(t, gmstest.Options{Authorize: r.is})
	server.Fail(gmstest.Fault{Path: "action=ingestProposal", Delay: ingestion.RenewEvery + 2*time.Second, Times: 1})
	f.options.GMS = r.gms("unused")
	f.options.GMS.URL = server.URL()
	s := &sink{started: make(chan struct{})}
	go func() {
		<-s.started
		for range 1000 {
			if len(server.Exchanges()) > 0 {
				break // it has read its first token
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		r.set("second-t0ken", nil)
	}()
	o := f.runner().Prepare(ingest("run-1", "recipe", f.fileRecipe("")))(t.Context(), s)
	if _, ok := server.Aspect("urn:li:dataset:(urn:li:dataPlatform:mysql,a.b,PROD)", "status"); !ok || o.Status != worker.StatusSuccess {
		t.Fatalf("%+v\n%s", o, text(o))
	}
	answers := map[string]int{}
	for _, e := range server.Exchanges() {
		if strings.Contains(e.Path, "ingestProposal") {
			answers[e.Header.Get("Authorization")] = e.Status
		}
	}
	if diff := cmp.Diff(map[string]int{"Bearer first-t0ken": 401, "Bearer second-t0ken": 200}, answers); diff != "" {
		t.Errorf("last answers by token (-want +got):\n%s", diff)
	}
}
