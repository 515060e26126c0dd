package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/config"
)

func TestReferenceHasEverything(t *testing.T) {
	pages := config.Reference()
	cells := ""
	for _, page := range pages {
		if page.Title == "" || page.Intro == "" {
			t.Errorf("a page has no title or introduction: %+v", page.Head)
		}
		for _, row := range page.Rows {
			if len(row) != len(page.Head) {
				t.Errorf("%d cells for %d columns: %q", len(row), len(page.Head), row)
			}
			cells += strings.Join(row, " ") + "\n"
		}
	}
	for _, s := range config.Settings() {
		for _, want := range append(s.Names, s.Key, s.Default) {
			if want != "" && !strings.Contains(cells, "`"+want+"`") {
				t.Errorf("%s is missing", want)
			}
		}
	}
	for _, want := range []string{"`KAFKA_PROPERTIES_*`", "`DATAHUB_EXECUTOR_SQS_*`"} {
		if !strings.Contains(cells, want) {
			t.Errorf("%s is missing", want)
		}
	}
	want := []string{
		"`capacity.workers`", "`DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS`", "number, at least 1, at most 1000", "`4`",
		"How many runs go on at once. A run without a weight has one part of this many.",
	}
	for _, row := range pages[0].Rows {
		if row[0] == want[0] {
			if diff := cmp.Diff(want, row); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
		}
	}
}

func TestHidden(t *testing.T) {
	c, _ := load(t, "", "DATAHUB_GMS_TOKEN=one", "KAFKA_BOOTSTRAP_SERVER=a:1", "KAFKA_PROPERTIES_SASL_PASSWORD=two",
		"KAFKA_PROPERTIES_SASL_MECHANISM=PLAIN", "KAFKA_PROPERTIES_BASIC_AUTH_USER_INFO=u:three", "OTEL_EXPORTER_OTLP_HEADERS=x=four")
	want := map[string]string{
		"auth.token": "one", "kafka.properties.sasl.password": "two", "kafka.properties.basic.auth.user.info": "u:three", "trace.headers.x": "four",
	}
	if diff := cmp.Diff(want, c.Hidden()); diff != "" {
		t.Errorf("hidden (-want +got):\n%s", diff)
	}
	c, _ = load(t, "", quiet)
	if diff := cmp.Diff(map[string]string{}, c.Hidden()); diff != "" {
		t.Errorf("hidden without secrets (-want +got):\n%s", diff)
	}
}
