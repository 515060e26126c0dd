package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/config"
)

func TestEveryProblemAtOnce(t *testing.T) {
	file := write(t, `pools: default
gms: {url: ftp://gms.example, tiemout: 5}
capacity:
  workers: many
  workers: 4
logs: []
secrets:
  stores: [env, vault]
kafka:
  properties: {security.protocol: [SSL]}
metrics:
  listen:
`)
	problems := refuse(t, file, quiet,
		"DATAHUB_EXECUTOR_WORKER_MONITOR_INTERVAL=2x", "DATAHUB_EXECUTOR_METRICS_PORT=70000", "LOCKFORGE_EXECUTOR_TASK_MEMORY=512",
		"DATAHUB_EXECUTOR_LOG_GC_ENABLED=maybe", "LOCKFORGE_EXECUTOR_STATE_DIR=state", "OTEL_TRACES_SAMPLER_ARG=2",
		"LOCKFORGE_EXECUTOR_SECRET_ENV=A**", "DATAHUB_EXECUTOR_POOL_ID=a,,b")
	want := []string{
		file + ":1:8: pools", file + ":2:12: gms.url", file + ":2:31: gms.tiemout", file + ":4:12: capacity.workers",
		file + ":5:3: capacity.workers", file + ":6:7: logs", file + ":8:11: secrets.stores",
		file + ":10:35: kafka.properties.security.protocol", file + ":12:10: metrics.listen",
		"DATAHUB_EXECUTOR_POOL_ID", "LOCKFORGE_EXECUTOR_TASK_MEMORY", "DATAHUB_EXECUTOR_LOG_GC_ENABLED",
		"DATAHUB_EXECUTOR_WORKER_MONITOR_INTERVAL", "DATAHUB_EXECUTOR_METRICS_PORT", "OTEL_TRACES_SAMPLER_ARG",
		"LOCKFORGE_EXECUTOR_SECRET_ENV", "LOCKFORGE_EXECUTOR_STATE_DIR",
	}
	if diff := cmp.Diff(want, places(problems)); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	for _, p := range problems {
		if strings.HasSuffix(p.Where, "gms.tiemout") && !strings.Contains(p.Text, "did you mean gms.timeout?") {
			t.Errorf("no suggestion: %s", p)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":       "a: [",
		"a list":        "- a",
		"two documents": "pools: [a]\n---\npools: [b]\n",
		"an alias":      "gms: &a {host: b}\nauth: *a\n",
		"a merge":       "gms:\n  <<: {host: b}\n",
		"large":         strings.Repeat("# nothing\n", 1<<17),
		"deep":          strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) { refuse(t, write(t, text), quiet) })
	}
	refuse(t, t.TempDir()+"/none.yaml", quiet)
	c, _ := load(t, write(t, "# nothing\n"), quiet)
	if c.Capacity.Workers != 4 {
		t.Errorf("an empty file changes the defaults: %s", c)
	}
}

func TestSettingsThatDependOnOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		environ []string
		want    []string // places; nil is none
	}{
		"no credential":   {nil, []string{"DATAHUB_AUTH_TYPE"}},
		"system client":   {[]string{"DATAHUB_SYSTEM_CLIENT_SECRET=s"}, nil},
		"token":           {[]string{"DATAHUB_GMS_TOKEN=t"}, nil},
		"pat without":     {[]string{"DATAHUB_AUTH_TYPE=pat"}, []string{"DATAHUB_AUTH_TYPE"}},
		"oidc without":    {[]string{"DATAHUB_AUTH_TYPE=oidc_client_credentials"}, []string{"DATAHUB_AUTH_TYPE"}},
		"azure workload":  {[]string{"DATAHUB_AUTH_TYPE=azure_entra", "DATAHUB_AUTH_AZURE_TENANT_ID=a", "DATAHUB_AUTH_AZURE_CLIENT_ID=b", "DATAHUB_AUTH_AZURE_SCOPE=c", "AZURE_FEDERATED_TOKEN_FILE=/d"}, nil},
		"kafka without":   {[]string{quiet, "LOCKFORGE_EXECUTOR_SOURCES=kafka"}, []string{"KAFKA_BOOTSTRAP_SERVER"}},
		"broker":          {[]string{quiet, "KAFKA_BOOTSTRAP_SERVER=broker"}, []string{"KAFKA_BOOTSTRAP_SERVER"}},
		"aws without":     {[]string{quiet, "LOCKFORGE_EXECUTOR_SECRET_STORES=aws-sm"}, []string{"LOCKFORGE_EXECUTOR_AWS_REGION"}},
		"gcp without":     {[]string{quiet, "LOCKFORGE_EXECUTOR_SECRET_STORES=gcp-sm"}, []string{"LOCKFORGE_EXECUTOR_GCP_PROJECT"}},
		"store twice":     {[]string{quiet, "LOCKFORGE_EXECUTOR_SECRET_STORES=env,env"}, []string{"LOCKFORGE_EXECUTOR_SECRET_STORES"}},
		"the CLI's pool":  {[]string{quiet, "EXECUTOR_ID=__datahub_cli_"}, []string{"EXECUTOR_ID"}},
		"coordinator":     {[]string{quiet, "DATAHUB_EXECUTOR_MODE=coordinator"}, []string{"DATAHUB_EXECUTOR_MODE"}},
		"one heartbeat":   {[]string{quiet, "DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE=/a", "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE=/a"}, []string{"DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE"}},
		"logs as scratch": {[]string{quiet, "DATAHUB_EXECUTOR_LOG_DIR=/a", "LOCKFORGE_EXECUTOR_WORK_DIR=/a"}, []string{"LOCKFORGE_EXECUTOR_WORK_DIR"}},
		"listen nowhere":  {[]string{quiet, "LOCKFORGE_EXECUTOR_METRICS_LISTEN=lo"}, []string{"LOCKFORGE_EXECUTOR_METRICS_LISTEN"}},
		"grpc collector":  {[]string{quiet, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, []string{"OTEL_EXPORTER_OTLP_PROTOCOL"}},
		"a bad host":      {[]string{quiet, "DATAHUB_GMS_HOST=a b"}, []string{"DATAHUB_GMS_HOST"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.want == nil {
				load(t, "", tt.environ...)
				return
			}
			if diff := cmp.Diff(tt.want, places(refuse(t, "", tt.environ...))); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDerived(t *testing.T) {
	for name, tt := range map[string]struct {
		environ []string
		got     func(*config.Config) string
		want    string
	}{
		"url":           {[]string{"DATAHUB_GMS_URL=https://gms.example/gms/"}, func(c *config.Config) string { return c.GMS.URL }, "https://gms.example/gms"},
		"url of parts":  {[]string{"DATAHUB_GMS_PROTOCOL=https", "DATAHUB_GMS_HOST=gms.example", "DATAHUB_GMS_PORT=443", "DATAHUB_GMS_BASE_PATH=/a/"}, func(c *config.Config) string { return c.GMS.URL }, "https://gms.example:443/a"},
		"url of IPv6":   {[]string{"DATAHUB_GMS_HOST=[::1]"}, func(c *config.Config) string { return c.GMS.URL }, "http://[::1]:8080"},
		"registry":      {[]string{"KAFKA_BOOTSTRAP_SERVER=a:1", "DATAHUB_GMS_URL=https://gms.example/gms"}, func(c *config.Config) string { return c.Kafka.RegistryURL }, "https://gms.example/gms/schema-registry/api"},
		"property":      {[]string{"KAFKA_BOOTSTRAP_SERVER=a:1", "KAFKA_PROPERTIES_SASL_MECHANISM=PLAIN"}, func(c *config.Config) string { return c.Kafka.Properties["sasl.mechanism"] }, "PLAIN"},
		"kafka":         {[]string{"KAFKA_BOOTSTRAP_SERVER=a:1"}, func(c *config.Config) string { return strings.Join(c.Sources, ",") }, "kafka"},
		"both":          {[]string{"KAFKA_BOOTSTRAP_SERVER=a:1", "LOCKFORGE_EXECUTOR_SOURCES=poll, kafka"}, func(c *config.Config) string { return strings.Join(c.Sources, ",") }, "poll,kafka"},
		"collector":     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a:4318/"}, func(c *config.Config) string { return c.Trace.Endpoint }, "http://a:4318/v1/traces"},
		"no collector":  {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://a:4318/", "OTEL_SDK_DISABLED=true"}, func(c *config.Config) string { return c.Trace.Endpoint }, ""},
		"metrics":       {nil, func(c *config.Config) string { return c.Metrics.Address() }, ":9087"},
		"no metrics":    {[]string{"LOCKFORGE_EXECUTOR_METRICS_LISTEN=off"}, func(c *config.Config) string { return c.Metrics.Address() }, ""},
		"own metrics":   {[]string{"LOCKFORGE_EXECUTOR_METRICS_LISTEN=loopback", "DATAHUB_EXECUTOR_PROMETHEUS_PORT=1"}, func(c *config.Config) string { return c.Metrics.Address() }, "127.0.0.1:1"},
		"metrics there": {[]string{"LOCKFORGE_EXECUTOR_METRICS_LISTEN=[::1]:5"}, func(c *config.Config) string { return c.Metrics.Address() }, "[::1]:5"},
		"upstream size": {[]string{"DATAHUB_EXECUTOR_LOG_GC_MAX_DIR_SIZE_MB=5"}, func(c *config.Config) string { return c.Logs.MaxDirBytes.String() }, "5MB"},
		"upstream days": {[]string{"DATAHUB_EXECUTOR_LOG_GC_RETENTION_DAYS=2"}, func(c *config.Config) string { return c.Logs.Retention.String() }, "48h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := load(t, "", append(tt.environ, quiet)...)
			if got := tt.got(c); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		variable string
		want     string // part of the warning; "" is none
	}{
		{"DATAHUB_EXECUTOR_INGESTION_MAX_WORKER=4", "did you mean DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS?"},
		{"LOCKFORGE_EXECUTOR_SANDBOXX=off", "did you mean LOCKFORGE_EXECUTOR_SANDBOX?"},
		{"DATAHUB_AUTH_TOKEN_PATH=/a", "did you mean DATAHUB_AUTH_TOKEN_FILE?"},
		{"DATAHUB_EXECUTOR_SOMETHING_ELSE_ALTOGETHER_1=4", "is unknown and has no effect"},
		{"DATAHUB_EXECUTOR_SQS_VISIBILITY_TIMEOUT=4", "not implemented"},
		{"DATAHUB_EXECUTOR_SWEEPER_INTERVAL=60", "coordinator"},
		{"DATAHUB_EXECUTOR_DISCOVERY_INTERVAL=30", "no effect"},
		{"INGESTION_DEPENDENCY_RESOLUTION_ENABLED=true", "installs nothing"},
		{"INGESTION_DEPENDENCY_RESOLUTION_ENABLED=False", ""},
		{"DATAHUB_EXECUTOR_MONITORS_ENABLED=false", ""},
		{"DATAHUB_EXECUTOR_MODE=kafka-worker", "not public"},
		{"DATAHUB_GMS_URL=https://x.acryl.io", "/gms"},
		{"DATAHUB_GMS_URL=https://x.acryl.io/gms", ""},
		// Kubernetes sets these beside a Service called datahub-executor.
		{"DATAHUB_EXECUTOR_SERVICE_HOST=10.0.0.1", ""},
		{"DATAHUB_EXECUTOR_SERVICE_PORT_METRICS=9087", ""},
		{"DATAHUB_EXECUTOR_PORT=tcp://10.0.0.1:9087", ""},
		{"DATAHUB_EXECUTOR_PORT_9087_TCP_ADDR=10.0.0.1", ""},
		{"DATAHUB_SOMETHING=else", ""},
		{"DATAHUB_EXECUTOR_TYPO=", ""}, // empty: not set
	} {
		_, warnings := load(t, "", quiet, tt.variable)
		if (len(warnings) > 0) != (tt.want != "") || !strings.Contains(strings.Join(warnings, "\n"), tt.want) {
			t.Errorf("%s: %q, want %q", tt.variable, warnings, tt.want)
		}
	}
	_, warnings := load(t, "", "DATAHUB_GMS_TOKEN=t", "DATAHUB_GMS_URL=http://gms.example")
	if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "in the clear") }) {
		t.Errorf("a token in the clear: %q", warnings)
	}
}

func TestTableIsSound(t *testing.T) {
	keys, names := map[string]bool{}, map[string]bool{}
	for _, s := range config.Settings() {
		if s.Meaning == "" || !strings.HasSuffix(s.Meaning, ".") {
			t.Errorf("%s: the meaning is %q", s.Key, s.Meaning)
		}
		if keys[s.Key] || len(s.Names) == 0 {
			t.Errorf("%s is there twice, or has no variable", s.Key)
		}
		keys[s.Key] = true
		for _, name := range s.Names {
			if names[name] {
				t.Errorf("%s stands for two settings", name)
			}
			names[name] = true
		}
		for _, other := range config.Settings() {
			if strings.HasPrefix(other.Key, s.Key+".") {
				t.Errorf("%s is a setting and a group", s.Key)
			}
		}
	}
	for _, i := range config.IgnoredVariables() {
		if names[i.Name] {
			t.Errorf("%s has an effect and none", i.Name)
		}
	}
}

func TestBoundsAreSound(t *testing.T) {
	for _, s := range config.Settings() {
		for _, bound := range []string{s.Least, s.Most} {
			if bound == "" || s.Names[0] == "" {
				continue
			}
			_, beside := sampleFor(s)
			load(t, "", append([]string{s.Names[0] + "=" + bound}, beside...)...)
		}
		for _, beyond := range []struct{ bound, sign string }{{s.Least, "-"}, {s.Most, "9"}} {
			if beyond.bound == "" {
				continue
			}
			_, beside := sampleFor(s)
			refuse(t, "", append([]string{s.Names[0] + "=" + beyond.sign + beyond.bound}, beside...)...)
		}
	}
}
