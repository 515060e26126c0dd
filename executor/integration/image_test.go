package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/dbtest"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/internal/ocirun"
	"github.com/lockforge/lockforge/internal/testenv"
)

// userID is who executors are in a container.
const userID = 1000

// image is the layout of an image to run: $LOCKFORGE_EXECUTOR_IMAGE
// ("oci:DIR"), or one that is locked and built here, once.
func image(t testing.TB) string {
	t.Helper()
	if os.Getenv("LOCKFORGE_LIVE") == "" && os.Getenv("REQUIRE_ALL") != "1" {
		testenv.Missing(t, "LOCKFORGE_LIVE is not set: nothing is locked and built")
	}
	if os.Geteuid() != 0 {
		testenv.Missing(t, "building and running images needs root")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		testenv.Missing(t, "runc is not installed")
	}
	ref, err := builtImage()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

var builtImage = sync.OnceValues(func() (string, error) {
	if ref := os.Getenv("LOCKFORGE_EXECUTOR_IMAGE"); ref != "" {
		return ref, nil
	}
	lockforge, err := filepath.Abs(filepath.Join(root, "bin/lockforge"))
	if path := os.Getenv("LOCKFORGE_PROGRAM"); path != "" {
		lockforge = path
	} else if err == nil {
		if out, failed := exec.Command("make", "--silent", "-C", root, "build").CombinedOutput(); failed != nil {
			err = errors.New("building lockforge: " + failed.Error() + "\n" + string(out))
		}
	}
	manifest, failed := os.ReadFile("testdata/manifest.yaml")
	if err = errors.Join(err, failed); err != nil {
		return "", err
	}
	dir := filepath.Join(scratch, "image")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), manifest, 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"lock", "m.yaml"}, {"build", "m.yaml", "-o", "oci:image"}} {
		cmd := exec.Command(lockforge, append([]string{"--cache-dir", filepath.Join(dir, "cache"), "--progress", "plain"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("lockforge %s: %w\n%s", args[0], err, tail(string(out)))
		}
	}
	return "oci:" + filepath.Join(dir, "image"), nil
})

// imagePlace is a place whose executors are containers. What they keep is in
// directories of the host, at the paths that they expect it by default.
type imagePlace struct {
	*kafkaPlace
	rootfs          string
	mysql, postgres dbtest.Server
}

func newImagePlace(t testing.TB) *imagePlace {
	t.Helper()
	ref := image(t)
	p := &imagePlace{kafkaPlace: newKafkaPlace(t, kafkatest.Shared(t), 1)}
	p.real = true
	p.rootfs = p.path("rootfs")
	must(t, ocirun.Unpack(t.Context(), ref, p.rootfs))
	own, err := ocirun.Env(t.Context(), ref)
	must(t, err)
	p.mysql, p.postgres = dbtest.Start(t, dbtest.MySQL), dbtest.Start(t, dbtest.Postgres)
	p.password, p.second = p.mysql.Password, p.postgres.Password
	must(t, os.WriteFile(p.path("secrets/DB_PASSWORD"), []byte(p.password+"\n"), 0o400))
	must(t, os.WriteFile(p.path("secrets/POSTGRES_PASSWORD"), []byte(p.second+"\n"), 0o400))
	for _, dir := range []string{"state", "datahub", "secrets", "auth"} {
		must(t, os.MkdirAll(p.path(dir), 0o700))
		must(t, exec.Command("chown", "-R", fmt.Sprintf("%d:%d", userID, userID), p.path(dir)).Run())
	}
	// Everything else is where the image expects it.
	kept := slices.DeleteFunc(p.env, func(v string) bool { return strings.Contains(v, p.dir+"/") })
	p.env = append(append(own, kept...), "DATAHUB_AUTH_TOKEN_FILE=/run/auth/token", "LOCKFORGE_EXECUTOR_SANDBOX=require", "LOCKFORGE_EXECUTOR_DRAIN_WAIT=25")
	return p
}

// container is an executor in a container.
type container struct {
	t    testing.TB
	p    *imagePlace
	c    *ocirun.Container
	said *spoken
	code chan int
	over bool
}

func (p *imagePlace) start(env ...string) *container {
	p.t.Helper()
	c := &container{t: p.t, p: p, said: &spoken{}, code: make(chan int, 1)}
	var err error
	c.c, err = ocirun.Start(ocirun.Spec{
		Rootfs: p.rootfs, Args: []string{"/opt/datahub/bin/executor", "serve"}, Env: append(slices.Clone(p.env), env...), UID: userID, HostNetwork: true,
		Binds:  map[string]string{p.path("state"): "/var/lib/datahub-executor", p.path("datahub"): "/tmp/datahub"},
		Reads:  map[string]string{p.path("secrets"): "/mnt/secrets", p.path("auth"): "/run/auth"},
		Stdout: c.said, Stderr: c.said,
	})
	must(p.t, err)
	go func() {
		code, err := c.c.Wait()
		if err != nil {
			code = -1
		}
		c.code <- code
	}()
	p.t.Cleanup(func() {
		if !c.over {
			c.end("KILL")
		}
		if p.t.Failed() {
			p.t.Logf("a container said:\n%s", tail(c.said.String()))
		}
	})
	p.eventually(20*time.Second, "executor that serves", func() bool { return strings.Contains(c.said.String(), `"msg":"serving"`) })
	return c
}

// end sends a signal and returns the exit code.
func (c *container) end(signal string) int {
	c.t.Helper()
	c.over = true
	if err := c.c.Signal(signal); err != nil {
		c.t.Error(err)
	}
	select {
	case code := <-c.code:
		c.p.spoken = append(c.p.spoken, c.said.String())
		return code
	case <-time.After(endLimit):
		c.t.Fatalf("the container does not end after %s", signal)
		return 0
	}
}

func (c *container) drain() {
	c.t.Helper()
	if code := c.end("TERM"); code != 0 {
		c.t.Errorf("the container ended with code %d:\n%s", code, tail(c.said.String()))
	}
}

// mysqlRecipe and postgresRecipe read a whole database, and write to where the
// executor does.
func (p *imagePlace) mysqlRecipe() map[string]any { return databaseRecipe(p.mysql, "DB_PASSWORD") }

func (p *imagePlace) postgresRecipe() map[string]any {
	return databaseRecipe(p.postgres, "POSTGRES_PASSWORD")
}

func databaseRecipe(s dbtest.Server, secret string) map[string]any {
	return recipeOf(fmt.Sprintf(`{"source": {"type": %q, "config": {"host_port": %q, "database": %q, "username": %q, "password": "${%s}"}}}`,
		s.Kind, s.HostPort(), s.Database, s.User, secret))
}

// endless makes up tables, whose names begin with the id, for minutes.
func endless(id string) map[string]any {
	return recipeOf(`{"source": {"type": "datahub-mock-data", "config": {"gen_1": {"enabled": true, "emit_lineage": true, "lineage_fan_out": 10, "lineage_hops": 4, "table_name_prefix": "` + id + `_"}}}}`)
}

// TestImage runs the executor of a locked image as an operator would, with the
// real CLI, a real broker and a real database.
func TestImage(t *testing.T) {
	t.Parallel()
	p := newImagePlace(t)
	var ids []string
	ask := func(id string, input map[string]any) {
		ids = append(ids, id)
		p.gms.AddRequest(id, input)
	}

	c := p.start()
	c.looksHealthy()
	start := time.Now()
	ask("through-kafka", p.mysqlRecipe())
	r := p.endsWithin("through-kafka", "SUCCESS")
	t.Logf("ingesting from MySQL took %s", time.Since(start).Round(time.Millisecond))
	p.tablesArrived("mysql,shop.orders", map[string]string{"id": "INTEGER", "customer": "VARCHAR", "amount": "DECIMAL", "changed": "TIMESTAMP"})
	if r.StructuredReport == nil || !strings.Contains(r.StructuredReport.SerializedValue, "datahub-rest") {
		t.Errorf("the structured report is %+v", r.StructuredReport)
	}
	ask("postgres", p.postgresRecipe())
	p.endsWithin("postgres", "SUCCESS")
	p.tablesArrived("postgres,shop.public.orders", map[string]string{"id": "INTEGER", "customer": "VARCHAR", "amount": "NUMERIC", "changed": "TIMESTAMP WITHOUT TIME ZONE"})
	test := p.mysqlRecipe()
	test["task"] = "TEST_CONNECTION"
	ask("connection", test)
	if r := p.endsWithin("connection", "SUCCESS"); r.StructuredReport == nil || !strings.Contains(r.StructuredReport.SerializedValue, `"capable":true`) {
		t.Errorf("the test of the connection says %+v", r.StructuredReport)
	}
	t.Logf("after three runs the executor has %d MiB", c.resident()>>20)

	ask("cancelled", endless("cancelled"))
	p.writes("cancelled")
	c.noSecretInProcesses()
	p.gms.Signal("cancelled", "KILL", "")
	p.endsWithin("cancelled", "CANCELLED")

	p.noSecret() // of many exchanges the first are forgotten
	ask("interrupted", endless("interrupted"))
	p.writes("interrupted")
	c.end("KILL")
	c = p.start()
	p.endsWithin("interrupted", "FAILURE")

	ask("drained", p.mysqlRecipe())
	// Before its start, a claimed run is left to the next executor.
	p.eventually(20*time.Second, "start of run drained", func() bool { return strings.Contains(c.said.String(), `"msg":"run started"`) })
	c.drain()
	if r, _ := p.gms.Result("drained"); r.Status != "SUCCESS" {
		t.Errorf("the run that went on when the executor was told to end is %s:\n%s", r.Status, r.Report)
	}

	c = p.start("LOCKFORGE_EXECUTOR_SOURCES=poll")
	ask("through-polling", p.mysqlRecipe())
	p.endsWithin("through-polling", "SUCCESS")
	c.drain()
	t.Logf("%v", p.settled(ids...))
	p.noSecret()
	p.auditInside()
}

// endsWithin is ends, with the time that the real CLI takes.
func (p *imagePlace) endsWithin(id, status string) gmstest.Result {
	p.t.Helper()
	r := p.final(id, time.Minute)
	if r.Status != status {
		p.t.Fatalf("run %s ended as %s, want %s; its report:\n%s", id, r.Status, status, r.Report)
	}
	return r
}

// tablesArrived looks at what the server has of a table: the types of its columns.
func (p *imagePlace) tablesArrived(table string, want map[string]string) {
	p.t.Helper()
	value, ok := p.gms.Aspect("urn:li:dataset:(urn:li:dataPlatform:"+table+",PROD)", "schemaMetadata")
	if !ok {
		p.t.Fatalf("the server knows nothing of the table %s", table)
	}
	var schema struct {
		Fields []struct {
			Path string `json:"fieldPath"`
			Type string `json:"nativeDataType"`
		}
	}
	must(p.t, json.Unmarshal(value, &schema))
	got := map[string]string{}
	for _, f := range schema.Fields {
		kind, _, _ := strings.Cut(strings.ToUpper(f.Type), "(")
		got[f.Path] = kind
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("columns of the table %s (-want +got):\n%s", table, diff)
	}
}

// writes waits until the server has got something of a run.
func (p *imagePlace) writes(id string) {
	p.t.Helper()
	urn := "urn:li:dataset:(urn:li:dataPlatform:fake," + id + "_hops_4_f_10_h0_t0,PROD)"
	p.eventually(30*time.Second, "first table of run "+id, func() bool { _, ok := p.gms.Aspect(urn, "status"); return ok })
}

// looksHealthy asks as probes and operators do.
func (c *container) looksHealthy() {
	c.t.Helper()
	time.Sleep(100 * time.Millisecond) // the first heartbeats
	for _, args := range [][]string{
		{"/health_status", "/tmp/worker_liveness_heartbeat"}, {"/health_status", "/tmp/worker_readiness_heartbeat"},
		{"/opt/datahub/bin/executor", "check"}, {"/opt/datahub/bin/executor", "version"},
	} {
		out, err := c.c.Exec(c.t.Context(), args...)
		if err != nil {
			c.t.Errorf("%v:\n%s", err, out)
		}
		c.p.spoken = append(c.p.spoken, out)
	}
	c.p.gms.Forgive() // the check asks whether the executor may write with a proposal that nobody would take
}

// resident is how much memory the executor has, in bytes.
func (c *container) resident() int {
	c.t.Helper()
	pid, err := c.c.PID(c.t.Context())
	must(c.t, err)
	return memory(c.t, pid, "VmRSS")
}

// noSecretInProcesses looks at the executor and at what it runs.
func (c *container) noSecretInProcesses() {
	c.t.Helper()
	pid, err := c.c.PID(c.t.Context())
	must(c.t, err)
	c.p.noSecretIn(pid)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // children are those of a thread
	must(c.t, err)
	found := 0
	for _, task := range tasks {
		children, err := os.ReadFile(task)
		must(c.t, err)
		for _, text := range strings.Fields(string(children)) {
			child, err := strconv.Atoi(text)
			must(c.t, err)
			c.p.noSecretIn(child)
			found++
		}
	}
	if found == 0 {
		c.t.Error("the executor has no child to look at")
	}
}

// auditInside has the trail checked in a container, by the image's program.
func (p *imagePlace) auditInside() {
	p.t.Helper()
	var said spoken
	code, err := ocirun.Run(p.t.Context(), ocirun.Spec{
		Rootfs: p.rootfs, Args: []string{"/opt/datahub/bin/executor", "audit", "verify", "/var/lib/datahub-executor/audit"}, Env: p.env, UID: userID,
		Reads:  map[string]string{p.path("state"): "/var/lib/datahub-executor"},
		Stdout: &said, Stderr: &said,
	})
	must(p.t, err)
	if code != 0 {
		p.t.Errorf("the audit trail: exit code %d\n%s", code, said.String())
	}
}
