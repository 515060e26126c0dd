package config_test

import (
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/config"
)

func TestStatementTimeout(t *testing.T) {
	c, _, err := config.Load([]string{
		"DATAHUB_AUTH_TYPE=none", "LOCKFORGE_EXECUTOR_SQL_TIMEOUT=1", "DATAHUB_EXECUTOR_SNOWFLAKE_TIMEOUT=2", "DATAHUB_EXECUTOR_BIGQUERY_TIMEOUT=3",
		"DATAHUB_EXECUTOR_REDSHIFT_TIMEOUT=4", "DATAHUB_EXECUTOR_DATABRICKS_TIMEOUT=5",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]time.Duration{
		"mysql": 1, "snowflake": 2, "bigquery": 3, "redshift": 4, "databricks": 5, "unity-catalog": 5,
	} {
		if got := c.Observe.StatementTimeout(source); got != want*time.Second {
			t.Errorf("%s: %s", source, got)
		}
	}
}
