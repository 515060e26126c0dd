package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/config"
)

// load fails the test on an error, and returns the warnings as texts.
func load(t *testing.T, file string, environ ...string) (*config.Config, []string) {
	t.Helper()
	c, warnings, err := config.Load(environ, file)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, w := range warnings {
		texts = append(texts, w.String())
	}
	return c, texts
}

// refuse returns where the problems are; there must be some.
func refuse(t *testing.T, file string, environ ...string) []config.Problem {
	t.Helper()
	_, _, err := config.Load(environ, file)
	var problems *config.Error
	if !errors.As(err, &problems) {
		t.Fatalf("Load: %v, want an *Error", err)
	}
	return problems.Problems
}

func places(problems []config.Problem) []string {
	var places []string
	for _, p := range problems {
		places = append(places, p.Where)
	}
	return places
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "executor.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDefaults(t *testing.T) {
	c, warnings := load(t, "", "DATAHUB_AUTH_TYPE=none")
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	want := strings.TrimPrefix(`
mode = worker
pools = default
sources = poll
drain.wait = 2m0s
drain.grace = 15s
venvs.root = /opt/datahub/venvs
venvs.version = same-version
gms.url = http://localhost:8080
gms.protocol = http
gms.host = localhost
gms.port = 8080
gms.timeout = 30s
gms.retries = 4
gms.payload_bytes = 15368520B
auth.type = none
auth.system_id = __datahub_system
poll.interval = 10s
poll.settle = 0s
poll.sweep = false
poll.sweep_after = 1h0m0s
signals.interval = 2s
secrets.stores = env,file
secrets.dir = /mnt/secrets
secrets.file_bytes = 1024768B
secrets.timeout = 30s
secrets.aws_cache = 5m0s
secrets.gcp_cache = 5m0s
secrets.datahub_cache = 0s
sandbox.mode = prefer
sandbox.landlock_abi = 1
sandbox.mdwe = true
sandbox.allow_memfd = false
limits.timeout = 24h0m0s
limits.grace = 10s
limits.open_files = 4096
limits.processes = 0
capacity.workers = 4
capacity.observe = 10
capacity.overtake = 8
state.dir = /var/lib/datahub-executor
state.ephemeral = false
state.keep = 720h0m0s
state.keep_ids = 100000
logs.level = info
logs.format = json
logs.echo = true
logs.dir = /tmp/datahub/logs
logs.work = /tmp/datahub/ingest
logs.file_bytes = 64MiB
logs.files = 4
logs.gc = true
logs.retention = 336h0m0s
logs.max_dir_bytes = 9765625KiB
logs.gc_interval = 1h0m0s
logs.in_flight_grace = 1h0m0s
health.liveness = /tmp/worker_liveness_heartbeat
health.readiness = /tmp/worker_readiness_heartbeat
health.interval = 2s
metrics.listen = all
metrics.port = 9087
metrics.internal = false
metrics.push_disabled = true
metrics.push_interval = 30s
metrics.push_path = /telemetry
audit.enabled = true
audit.dir = /var/lib/datahub-executor/audit
audit.file_bytes = 64MiB
audit.files = 0
trace.disabled = false
trace.protocol = http/protobuf
trace.timeout = 10s
trace.service = datahub-executor
trace.ratio = 1
observe.timeout = 10m0s
observe.snowflake_timeout = 10m0s
observe.bigquery_timeout = 10m0s
observe.redshift_timeout = 10m0s
observe.databricks_timeout = 10m0s
`, "\n")
	if diff := cmp.Diff(want, c.String()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}
