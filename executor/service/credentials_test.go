package service_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// looksAtItsToken is a run of two seconds and more that writes down, and gives away, the
// token that it could use at each moment.
const looksAtItsToken = `cat >$PWD/stdin
id=$(sed 's/.*run_id.": ."\([^"\\]*\).*/\1/' $PWD/stdin)
token=$(sed 's/.*token_file.": ."\([^"\\]*\).*/\1/' $PWD/stdin)
echo "$id" >>$DIR/starts
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	echo "$id $(date +%s%N) $(cat "$token")" >>$DIR/tokens
	echo "with $(cat "$token")"
	sleep 0.1
done
`

// mounted is a token in a file, as a secret is mounted, and who accepts it.
type mounted struct {
	file string

	mu       sync.Mutex
	accepted string
	refused  int // requests with another token
}

func (m *mounted) put(t *testing.T, token string) {
	t.Helper()
	must(t, os.WriteFile(m.file+".new", []byte(token+"\n"), 0o600))
	must(t, os.Rename(m.file+".new", m.file))
}

func (m *mounted) accept(token string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accepted = token
}

func (m *mounted) is(header string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if header == "Bearer "+m.accepted {
		return true
	}
	m.refused++
	return false
}

// tokens are those that a run had, in order.
func (p *place) tokens(id string) (tokens []string) {
	p.t.Helper()
	for _, words := range p.wroteDown("tokens") {
		if words[0] == id && !slices.Contains(tokens, words[2]) {
			tokens = append(tokens, words[2])
		}
	}
	return tokens
}

// TestTokenFileIsRotated rotates the executor's token while runs go on: before
// the server refuses the old one, at the same moment, and seconds after it.
func TestTokenFileIsRotated(t *testing.T) {
	t.Parallel()
	p := newPlace(t, looksAtItsToken, "LOCKFORGE_EXECUTOR_SOURCES=poll", "DATAHUB_AUTH_TYPE=pat")
	must(t, os.Mkdir(p.path("auth"), 0o700))
	m := &mounted{file: p.path("auth/token"), accepted: "rot4ting-0"}
	m.put(t, m.accepted)
	server := gmstest.Start(t, gmstest.Options{Authorize: m.is})
	p.env = append(p.env, "DATAHUB_GMS_URL="+server.URL(), "DATAHUB_AUTH_TOKEN_FILE="+m.file)
	if said, code := p.check(); code != 0 || !strings.Contains(said, "the credential is renewed, for runs that write to this server too") {
		t.Errorf("check ends with %d:\n%s", code, said)
	}
	server.Forgive() // check proposes what cannot be stored
	e := p.serve()
	ids := []string{"overlap", "at-once", "late", "last"}
	for i, rotate := range []func(next string){
		func(next string) {
			m.put(t, next)
			time.Sleep(ingestion.RenewEvery)
			m.accept(next)
		},
		func(next string) {
			m.accept(next)
			m.put(t, next)
		},
		func(next string) { // the run ends meanwhile
			m.accept(next)
			time.Sleep(3 * time.Second)
			m.put(t, next)
		},
		func(string) {},
	} {
		request(server, ids[i])
		p.eventually("start of run "+ids[i], func() bool { return len(p.tokens(ids[i])) > 0 })
		rotate(fmt.Sprint("rot4ting-", i+1))
		server.WaitStatus(t, ids[i], limit, "SUCCESS", "FAILURE")
	}
	p.settled(server, ids)
	got := map[string][]string{}
	for _, id := range ids {
		got[id] = p.tokens(id)
	}
	want := map[string][]string{"overlap": {"rot4ting-0", "rot4ting-1"}, "at-once": {"rot4ting-1", "rot4ting-2"}, "late": {"rot4ting-2"}, "last": {"rot4ting-3"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tokens that runs saw (-want +got):\n%s", diff)
	}
	m.mu.Lock()
	refused := m.refused
	m.mu.Unlock()
	if refused == 0 {
		t.Error("the server has refused nothing")
	}
	p.atLeast(`datahub_executor_credentials_refresh_requests{pool_name="default"}`, 4)
	p.atLeast(`datahub_executor_worker_ingestion_requests{pool_name="default"}`, 4)
	e.drain()
	p.quiet(server, e.said.String(), "rot4ting")
}

// provider gives tokens that end, by the client credentials grant.
type provider struct {
	*httptest.Server
	life time.Duration

	mu     sync.Mutex
	away   bool
	issued []time.Time
}

func newProvider(t *testing.T, life time.Duration) *provider {
	t.Helper()
	p := &provider{life: life}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.FormValue("client_id") != "executor" || r.FormValue("client_secret") != "cl1ent-secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		if p.away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		p.issued = append(p.issued, time.Now())
		_, _ = fmt.Fprintf(w, `{"access_token":"grant3d-%d","token_type":"Bearer","expires_in":%d}`, len(p.issued)-1, int(life.Seconds()))
	}))
	t.Cleanup(p.Close)
	return p
}

// good says whether a token is, at a time.
func (p *provider) good(token string, at time.Time) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(token, "grant3d-"))
	p.mu.Lock()
	defer p.mu.Unlock()
	return err == nil && n >= 0 && n < len(p.issued) && !at.After(p.issued[n].Add(p.life))
}

func (p *provider) is(header string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	return ok && p.good(token, time.Now())
}

func (p *provider) goAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// TestClientCredentialsEnd has tokens of an identity provider end again and
// again, and the provider go away, while runs come from Kafka.
func TestClientCredentialsEnd(t *testing.T) {
	t.Parallel()
	if os.Getenv("LOCKFORGE_CLI_WHEEL") == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name a wheel of acryl-datahub, whose schemas events need")
	}
	idp := newProvider(t, 6*time.Second)
	broker := kafkatest.Shared(t)
	topic := broker.Topic(t, 1, nil)
	server := kafkatest.GMS(t, topic, gmstest.Options{Authorize: func(header string) bool { return header == "" || idp.is(header) }})
	p := newPlace(t, looksAtItsToken, "LOCKFORGE_EXECUTOR_SOURCES=kafka", "KAFKA_BOOTSTRAP_SERVER="+broker.Address,
		"METADATA_CHANGE_LOG_VERSIONED_TOPIC_NAME="+topic.Name, "DATAHUB_ACTIONS_INGESTION_EXECUTOR_CONSUMER_GROUP_ID=group-"+topic.Name,
		"KAFKA_AUTO_OFFSET_POLICY=earliest", "DATAHUB_GMS_URL="+server.URL(), "DATAHUB_AUTH_TYPE=oidc_client_credentials",
		"DATAHUB_AUTH_TOKEN_ENDPOINT="+idp.URL, "DATAHUB_AUTH_CLIENT_ID=executor", "DATAHUB_AUTH_CLIENT_SECRET=cl1ent-secret")
	e := p.serve()
	ids := numbered("oidc", 6)
	var left, back time.Time
	for i, id := range ids {
		request(server, id)
		p.eventually("start of run "+id, func() bool { return p.started(id) })
		switch i {
		case 1: // for less than half of a token's life: nobody notices
			idp.goAway(true)
			time.Sleep(time.Second)
			idp.goAway(false)
		case 3: // for longer than it: the run ends and its result waits, as does the claim of another
			idp.goAway(true)
			left = time.Now()
			time.Sleep(idp.life)
			request(server, "oidc-away")
			time.Sleep(time.Second)
			idp.goAway(false)
			back = time.Now().Add(ingestion.RenewEvery)
		}
	}
	p.settled(server, append(ids, "oidc-away"))
	for _, words := range p.wroteDown("tokens") {
		nanos, err := strconv.ParseInt(words[1], 10, 64)
		must(t, err)
		if at := time.Unix(0, nanos); !idp.good(words[2], at) && (at.Before(left) || at.After(back)) {
			t.Errorf("run %s had %s at %s, which had ended", words[0], words[2], at)
		}
	}
	p.atLeast(`datahub_executor_credentials_refresh_requests{pool_name="default"}`, 4)
	p.atLeast(`datahub_executor_credentials_refresh_errors{exception="unavailable",pool_name="default"}`, 1)
	p.atLeast(`datahub_executor_ingestion_kafka_exec_events`, 6)
	p.atLeast(`datahub_executor_ingestion_kafka_mcl_events`, 6+6*2) // the results are events, too
	e.drain()
	p.quiet(server, e.said.String(), "grant3d")
	p.quiet(server, e.said.String(), "cl1ent-secret")
}
