package config

import (
	"path"

	"github.com/lockforge/lockforge/executor/contract"
)

// outwardSettings are about what others see of the executor.
func outwardSettings() []Setting {
	return append([]Setting{
		{
			Key: "health.liveness", Names: []string{"DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE"}, Form: Text, Default: "/tmp/worker_liveness_heartbeat",
			Meaning: "File that a liveness probe takes away.",
			field:   func(c *Config) any { return &c.Health.Liveness },
		},
		{
			Key: "health.readiness", Names: []string{"DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE"}, Form: Text, Default: "/tmp/worker_readiness_heartbeat",
			Meaning: "File that a readiness probe takes away.",
			field:   func(c *Config) any { return &c.Health.Readiness },
		},
		{
			Key: "health.interval", Names: []string{"DATAHUB_EXECUTOR_WORKER_MONITOR_INTERVAL"}, Form: Seconds, Default: "2", Least: "0.1", Most: "60",
			Meaning: "Time between two heartbeats.",
			field:   func(c *Config) any { return &c.Health.Interval },
		},
		{
			Key: "metrics.listen", Names: []string{"LOCKFORGE_EXECUTOR_METRICS_LISTEN"}, Form: Text, Default: "all",
			Meaning: "Where Prometheus finds the metrics: all is every address of the host, loopback is 127.0.0.1, off is nowhere, and anything else is an address such as 10.1.2.3:9087. It is the only port that an executor opens.",
			field:   func(c *Config) any { return &c.Metrics.Listen },
		},
		{
			Key: "metrics.port", Names: []string{"DATAHUB_EXECUTOR_METRICS_PORT", "DATAHUB_EXECUTOR_PROMETHEUS_PORT"}, Form: Number, Default: "9087", Least: "1", Most: "65535",
			Meaning: "Port for all and loopback.",
			field:   func(c *Config) any { return &c.Metrics.Port },
		},
		{
			Key: "metrics.internal", Names: []string{"DATAHUB_EXECUTOR_INTERNAL_WORKER"}, Form: Switch, Default: "false",
			Meaning: "Value of the label executor_internal. Metrics of an internal executor are not pushed.",
			field:   func(c *Config) any { return &c.Metrics.Internal },
		},
		{
			Key: "metrics.push_disabled", Names: []string{"DATAHUB_EXECUTOR_METRICS_PUSH_DISABLED"}, Form: Switch, Default: "true",
			Meaning: "Whether metrics are not sent to the server. Upstream's default is false.",
			field:   func(c *Config) any { return &c.Metrics.PushDisabled },
		},
		{
			Key: "metrics.push_interval", Names: []string{"DATAHUB_EXECUTOR_METRICS_INTERVAL"}, Form: Seconds, Default: "30", Least: "1", Most: "86400",
			Meaning: "Time between two such sendings.",
			field:   func(c *Config) any { return &c.Metrics.PushInterval },
		},
		{
			Key: "metrics.push_path", Names: []string{"DATAHUB_EXECUTOR_METRICS_PATH"}, Form: Text, Default: "/telemetry",
			Meaning: "Path they are sent to, in place of that of the server's URL.",
			field:   func(c *Config) any { return &c.Metrics.PushPath },
		},
		{
			Key: "audit.enabled", Names: []string{"LOCKFORGE_EXECUTOR_AUDIT"}, Form: Switch, Default: "true",
			Meaning: "Whether security events are recorded.",
			field:   func(c *Config) any { return &c.Audit.Enabled },
		},
		{
			Key: "audit.dir", Names: []string{"LOCKFORGE_EXECUTOR_AUDIT_DIR"}, Form: Text, Default: path.Join(contract.StatePath, "audit"),
			Meaning: "Directory of the audit trail.",
			field:   func(c *Config) any { return &c.Audit.Dir },
		},
		{
			Key: "audit.file_bytes", Names: []string{"LOCKFORGE_EXECUTOR_AUDIT_FILE_BYTES"}, Form: Bytes, Default: "64MiB", Least: "64KiB", Most: "10GiB",
			Meaning: "Size at which a new file of the trail is begun; the chain goes on in it.",
			field:   func(c *Config) any { return &c.Audit.FileBytes },
		},
		{
			Key: "audit.files", Names: []string{"LOCKFORGE_EXECUTOR_AUDIT_FILES"}, Form: Number, Default: "0", Most: "100000",
			Meaning: "How many files are kept; 0 is all of them.",
			field:   func(c *Config) any { return &c.Audit.Files },
		},
	}, traceSettings()...)
}

// traceSettings are OpenTelemetry's and Observe's.
func traceSettings() []Setting {
	settings := []Setting{
		{
			Key: "trace.disabled", Names: []string{"OTEL_SDK_DISABLED"}, Form: Switch, Default: "false",
			Meaning: "Whether there are no traces even where there is an endpoint.",
			field:   func(c *Config) any { return &c.Trace.Disabled },
		},
		{
			Key: "trace.endpoint", Names: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}, Form: URL, Otherwise: "/v1/traces below the base, or none",
			Meaning: "Whole URL of the collector of traces. Without one there are no traces.",
			field:   func(c *Config) any { return &c.Trace.Endpoint },
		},
		{
			Key: "trace.base", Names: []string{"OTEL_EXPORTER_OTLP_ENDPOINT"}, Form: URL,
			Meaning: "Base URL of the collector.",
			field:   func(c *Config) any { return &c.Trace.Base },
		},
		{
			Key: "trace.protocol", Names: []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}, Form: Text, Default: "http/protobuf", Choices: []string{"http/protobuf"},
			Meaning: "How traces are sent.",
			field:   func(c *Config) any { return &c.Trace.Protocol },
		},
		{
			Key: "trace.headers", Names: []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}, Form: Pairs,
			Meaning: "Headers for the collector.",
			field:   func(c *Config) any { return &c.Trace.Headers },
		},
		{
			Key: "trace.timeout", Names: []string{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"}, Form: Milliseconds, Default: "10000", Least: "1", Most: "600000",
			Meaning: "Time for one sending.",
			field:   func(c *Config) any { return &c.Trace.Timeout },
		},
		{
			Key: "trace.service", Names: []string{"OTEL_SERVICE_NAME"}, Form: Text, Default: "datahub-executor",
			Meaning: "Name of the service in traces.",
			field:   func(c *Config) any { return &c.Trace.Service },
		},
		{
			Key: "trace.ratio", Names: []string{"OTEL_TRACES_SAMPLER_ARG"}, Form: Fraction, Default: "1",
			Meaning: "Which part of the runs is traced.",
			field:   func(c *Config) any { return &c.Trace.Ratio },
		},
		{
			Key: "observe.monitors", Names: []string{"LOCKFORGE_EXECUTOR_MONITORS"}, Form: Text, Otherwise: "none are evaluated",
			Meaning: "File of the assertions that this executor evaluates by itself.",
			field:   func(c *Config) any { return &c.Observe.Monitors },
		},
		{
			Key: "observe.timeout", Names: []string{"LOCKFORGE_EXECUTOR_SQL_TIMEOUT"}, Form: Seconds, Default: "600", Least: "1", Most: "86400",
			Meaning: "Time for one statement on a platform that has no timeout of its own below.",
			field:   func(c *Config) any { return &c.Observe.Timeout },
		},
	}
	for _, platform := range []struct {
		key, name string
		field     func(*Config) any
	}{
		{"snowflake", "DATAHUB_EXECUTOR_SNOWFLAKE_TIMEOUT", func(c *Config) any { return &c.Observe.Snowflake }},
		{"bigquery", "DATAHUB_EXECUTOR_BIGQUERY_TIMEOUT", func(c *Config) any { return &c.Observe.BigQuery }},
		{"redshift", "DATAHUB_EXECUTOR_REDSHIFT_TIMEOUT", func(c *Config) any { return &c.Observe.Redshift }},
		{"databricks", "DATAHUB_EXECUTOR_DATABRICKS_TIMEOUT", func(c *Config) any { return &c.Observe.Databricks }},
	} {
		settings = append(settings, Setting{
			Key: "observe." + platform.key + "_timeout", Names: []string{platform.name}, Form: Seconds, Default: "600", Least: "1", Most: "86400",
			Meaning: "Time for one statement on " + platform.key + ".",
			field:   platform.field,
		})
	}
	return settings
}
