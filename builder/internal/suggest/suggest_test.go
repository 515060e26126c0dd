package suggest_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/internal/suggest"
)

func TestNearest(t *testing.T) {
	plugins := []string{"mysql", "mssql", "snowflake", "snowflake-queries", "s3", "hive-metastore"}
	tests := []struct {
		word, want string
		ok         bool
	}{
		{"snowflke", "snowflake", true},
		{"snowfalke", "snowflake", true},
		{"mysq", "mysql", true},
		{"MySQL", "mysql", true},
		{"hive_metastore", "hive-metastore", true},
		{"msql", "mysql", true}, // as near as mssql, and listed first
		{"s4", "s3", true},
		{"bigquery", "", false},
		{"", "", false},
		{strings.Repeat("s", 1000), "", false},
	}
	for _, tt := range tests {
		got, ok := suggest.Nearest(tt.word, plugins)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Nearest(%q) = %q, %v; want %q, %v", tt.word, got, ok, tt.want, tt.ok)
		}
	}
}
