package integration_test

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockforge/lockforge/executor/internal/awstest"
	"github.com/lockforge/lockforge/executor/internal/gcptest"
)

// How a cloud's store can be.
const (
	well    = ""
	slow    = "slow"    // answers after a second
	hanging = "hanging" // does not answer
	refused = "refused" // does not let the executor have the secret OTHER
	broken  = "broken"
)

// cloud is a store of secrets in a cloud that an executor talks to by the
// cloud's own SDK.
type cloud struct {
	store string
	env   []string
	put   func(name, value string)
	mood  atomic.Value
}

// google is a server of the test's own behind the SDK's gRPC.
func google(t *testing.T) *cloud {
	c := &cloud{store: "gcp-sm"}
	c.mood.Store(well)
	service := &gcptest.Service{Fault: func(ctx context.Context, _ int, name string) error {
		switch mood := c.mood.Load(); {
		case mood == slow:
			time.Sleep(time.Second)
		case mood == hanging:
			<-ctx.Done()
			return ctx.Err()
		case mood == broken:
			return status.Error(codes.Unavailable, "no")
		case mood == refused && name == gcptest.Version("team-OTHER"):
			return status.Error(codes.PermissionDenied, "no")
		}
		return nil
	}}
	endpoint, certificate := service.Serve(t)
	roots := t.TempDir() + "/roots.pem"
	must(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600))
	c.put = func(name, value string) { service.Put("team-"+name, value) }
	c.env = []string{
		"LOCKFORGE_EXECUTOR_GCP_PROJECT=" + gcptest.Project, "LOCKFORGE_EXECUTOR_GCP_PREFIX=team-", "LOCKFORGE_EXECUTOR_GCP_ENDPOINT=" + endpoint,
		"LOCKFORGE_EXECUTOR_GCP_CACHE=1", "GOOGLE_APPLICATION_CREDENTIALS=" + gcptest.Account(t), "SSL_CERT_FILE=" + roots,
	}
	return c
}

// amazon is moto's server behind the SDK, with a proxy between them.
func amazon(t *testing.T) *cloud {
	c := &cloud{store: "aws-sm"}
	c.mood.Store(well)
	moto, err := url.Parse(awstest.URL(t))
	must(t, err)
	next := httputil.NewSingleHostReverseProxy(moto)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch c.mood.Load() {
		case slow:
			time.Sleep(time.Second)
		case hanging:
			_, _ = io.Copy(io.Discard, r.Body) // before that nobody notices that the caller has gone
			<-r.Context().Done()
			return
		case broken:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case refused:
			_, _ = w.Write([]byte(`{"SecretValues":[],"Errors":[{"SecretId":"team/OTHER","ErrorCode":"AccessDeniedException"}]}`))
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	client := awstest.Create(t, moto.String())
	c.put = func(name, value string) {
		name = "team/" + name
		if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value}); err != nil {
			awstest.Create(t, moto.String(), awstest.Text(name, value))
		}
	}
	c.env = []string{
		"AWS_REGION=" + awstest.Region, "LOCKFORGE_EXECUTOR_AWS_PREFIX=team/", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + proxy.URL,
		"LOCKFORGE_EXECUTOR_AWS_CACHE=1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=k", "AWS_EC2_METADATA_DISABLED=true",
	}
	return c
}

// TestSecretsOfClouds has recipes' secrets in a cloud only: they are asked for
// with its SDK, reach the child, follow a rotation, and are in nothing that the
// executor says. Then the store is slow, gives some and not others, and is out
// of order.
func TestSecretsOfClouds(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *cloud{"GCP": google, "AWS": amazon} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			must(t, os.Remove(p.path("secrets/DB_PASSWORD")))
			c := open(t)
			p.env = append(append(p.env, c.env...), "LOCKFORGE_EXECUTOR_SECRET_STORES=file,"+c.store, "LOCKFORGE_EXECUTOR_SECRET_TIMEOUT=3")
			c.put("DB_PASSWORD", p.password)
			p.checked(c.store)

			e := p.start("LOCKFORGE_EXECUTOR_LOG_LEVEL=debug").serving()
			p.request("first", act{Password: "${DB_PASSWORD}", MS: 500})
			p.noSecretIn(p.awaitStart("first"))
			p.noSecretIn(e.cmd.Process.Pid)
			p.ends("first", "SUCCESS")
			p.given("first", p.password)

			p.second = p.password
			p.password = "rot4ted-" + p.second
			c.put("DB_PASSWORD", p.password)
			time.Sleep(1100 * time.Millisecond) // what is remembered is for a second
			c.mood.Store(slow)
			p.request("rotated", act{Password: "${DB_PASSWORD}"})
			p.ends("rotated", "SUCCESS")
			p.given("rotated", p.password)

			c.mood.Store(well)
			p.fails("absent", c.store)
			c.mood.Store(refused)
			p.fails("refused", c.store)
			for _, mood := range []string{hanging, broken} {
				time.Sleep(1100 * time.Millisecond)
				c.mood.Store(mood)
				stuck(p, mood, c.store)
			}
			time.Sleep(1100 * time.Millisecond)
			c.mood.Store(well)
			p.request("mended", act{Password: "${DB_PASSWORD}"})
			p.ends("mended", "SUCCESS")
			e.drain()
			p.settled("first", "rotated", "absent", "refused", "hanging", "broken", "mended")
			p.noSecret()
			p.trail()
		})
	}
}

// given compares the password that a run got.
func (p *place) given(id, want string) {
	p.t.Helper()
	got, err := os.ReadFile(p.path("evidence/password-" + id))
	must(p.t, err)
	if string(got) != string(digest(want)) {
		p.t.Errorf("run %s got another password", id)
	}
}

// fails has a run fail that needs two secrets of which the store gives one.
func (p *place) fails(id, store string) {
	p.t.Helper()
	p.request(id, act{Password: "${DB_PASSWORD}", Other: "${OTHER}"})
	r := p.ends(id, "FAILURE")
	if !strings.Contains(r.Report, "OTHER") || !strings.Contains(r.Report, store) || len(p.started(id)) > 0 {
		p.t.Errorf("started %d times without the secret OTHER; the report:\n%s", len(p.started(id)), r.Report)
	}
}

// checked has the executor's own check ask a store.
func (p *place) checked(store string) {
	p.t.Helper()
	check := exec.Command(program(p.t), "check")
	check.Env = p.env
	out, err := check.CombinedOutput()
	if err != nil || !strings.Contains(string(out), store) {
		p.t.Errorf("checking: %v\n%s", err, out)
	}
	p.spoken = append(p.spoken, string(out))
	p.gms.Forgive() // it asks whether the executor may write with a proposal that nobody would take
}
