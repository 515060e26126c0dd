package config_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/config"
	"gopkg.in/yaml.v3"
)

// quiet keeps the checks that concern several settings content.
const quiet = "DATAHUB_AUTH_TYPE=none"

// sample returns a value for a setting that is not its default, as a variable
// has it.
func sample(s config.Setting) string {
	if s.Choices != nil && s.Form == config.Text {
		for _, choice := range s.Choices {
			if choice != s.Default {
				return choice
			}
		}
		return s.Default
	}
	switch s.Form {
	case config.URL:
		return "https://somewhere.example/a"
	case config.SecretText:
		return "hidden-value-of-" + s.Key
	case config.List:
		if s.Choices != nil {
			return s.Choices[len(s.Choices)-1] + "," + s.Choices[0]
		}
		return "/first,/second"
	case config.Pairs:
		return "name=hidden-value"
	case config.Switch:
		return map[string]string{"true": "false", "false": "true"}[s.Default]
	case config.Number:
		return "70"
	case config.Fraction:
		return "0.25"
	case config.Seconds:
		return "599.5"
	case config.Milliseconds:
		return "1500"
	case config.Days:
		return "2"
	case config.Bytes:
		return "2000000"
	case config.Megabytes:
		return "123"
	case config.Size:
		return "96MiB"
	default:
		return "/a/" + s.Key + ":9000"
	}
}

// sampleFor knows the settings whose values have to fit others.
func sampleFor(s config.Setting) (value string, beside []string) {
	value, beside = sample(s), []string{quiet}
	switch {
	case s.Key == "auth.type":
		return "pat", []string{"DATAHUB_GMS_TOKEN=token"}
	case strings.HasPrefix(s.Key, "kafka."):
		beside = append(beside, "LOCKFORGE_EXECUTOR_SOURCES=kafka,poll")
		if s.Key == "kafka.brokers" {
			return "one.example:9092,two.example:9092", beside
		}
		return value, append(beside, "KAFKA_BOOTSTRAP_SERVER=one.example:9092")
	case s.Key == "sources":
		return value, append(beside, "KAFKA_BOOTSTRAP_SERVER=one.example:9092")
	case s.Key == "secrets.stores":
		return value, append(beside, "LOCKFORGE_EXECUTOR_AWS_REGION=here", "LOCKFORGE_EXECUTOR_GCP_PROJECT=mine")
	case s.Key == "secrets.env", s.Key == "recipe.env_vars":
		return "FIRST,SECOND_*", beside
	case s.Key == "gms.host":
		return "gms.example", beside
	case s.Key == "gms.port":
		return "9090", beside
	case s.Key == "poll.sweep_after":
		return "7200", beside
	case s.Key == "secrets.file_bytes":
		return "4096", beside
	case s.Key == "state.keep_ids":
		return "2000", beside
	case s.Key == "health.interval":
		return "0.5", beside
	}
	return value, beside
}

// inFile is the YAML form of a variable's value.
func inFile(t *testing.T, s config.Setting, value string) string {
	t.Helper()
	var node any = value
	switch s.Form {
	case config.List:
		node = strings.Split(value, ",")
	case config.Pairs:
		name, text, _ := strings.Cut(value, "=")
		node = map[string]string{name: text}
	}
	for _, part := range slices.Backward(strings.Split(s.Key, ".")) {
		node = map[string]any{part: node}
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// always have to be set, or have one value only.
var always = []string{"auth.type", "kafka.brokers", "trace.protocol"}

func TestEveryNameAndTheFileSetTheSame(t *testing.T) {
	for _, s := range config.Settings() {
		t.Run(s.Key, func(t *testing.T) {
			value, beside := sampleFor(s)
			fromFile, _ := load(t, write(t, inFile(t, s, value)), beside...)
			if !slices.Contains(always, s.Key) {
				if unset, _ := load(t, "", beside...); cmp.Equal(fromFile, unset) {
					t.Errorf("%q in the file changes nothing", value)
				}
			}
			for _, name := range s.Names {
				environ := append([]string{name + "=" + value}, beside...)
				fromEnv, _ := load(t, "", environ...)
				if diff := cmp.Diff(fromFile, fromEnv); diff != "" {
					t.Errorf("%s (-file +variable):\n%s", name, diff)
				}
			}
		})
	}
}

func TestWholeFileIsWholeEnvironment(t *testing.T) {
	var environ []string
	file := map[string]any{}
	for _, s := range config.Settings() {
		value, _ := sampleFor(s)
		environ = append(environ, s.Names[0]+"="+value)
		var part map[string]any
		if err := yaml.Unmarshal([]byte(inFile(t, s, value)), &part); err != nil {
			t.Fatal(err)
		}
		for key, inner := range part {
			if group, ok := inner.(map[string]any); ok && file[key] != nil {
				maps.Copy(file[key].(map[string]any), group)
			} else {
				file[key] = inner
			}
		}
	}
	environ = append(environ, "KAFKA_PROPERTIES_SASL_PASSWORD=hidden-value")
	file["kafka"].(map[string]any)["properties"] = map[string]string{"sasl.password": "hidden-value"}
	text, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	fromEnv, _ := load(t, "", environ...)
	fromFile, _ := load(t, write(t, string(text)))
	if diff := cmp.Diff(fromFile, fromEnv); diff != "" {
		t.Errorf("(-file +variables):\n%s", diff)
	}
	for form, text := range map[string]string{
		"String": fromEnv.String(), "%v": fmt.Sprintf("%v %v", fromEnv, *fromEnv), "%+v": fmt.Sprintf("%+v %+v", fromEnv, *fromEnv),
		"%#v": fmt.Sprintf("%#v %#v", fromEnv, *fromEnv), "%q": fmt.Sprintf("%q", fromEnv.Auth), "parts": fmt.Sprintf("%+v %#v %v", fromEnv.Auth, fromEnv.Kafka, fromEnv.Trace),
		"JSON": asJSON(t, fromEnv), "JSON of parts": asJSON(t, fromEnv.Auth) + asJSON(t, fromEnv.Kafka) + asJSON(t, fromEnv.Trace), "log": logged(t, fromEnv),
	} {
		if strings.Contains(text, "hidden-value") {
			t.Errorf("%s shows a secret:\n%s", form, text)
		}
		if !strings.Contains(text, "[redacted]") {
			t.Errorf("%s does not say that there is one:\n%s", form, text)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "capacity:\n  workers: 7\npools: [file]\n")
	c, warnings := load(t, file, quiet, "EXECUTOR_ID=first", "DATAHUB_EXECUTOR_POOL_ID=second", "DATAHUB_EXECUTOR_WORKER_ID=first", "DATAHUB_EXECUTOR_POOL_NAME=")
	if diff := cmp.Diff([]string{"first"}, c.Pools); diff != "" || c.Capacity.Workers != 7 {
		t.Errorf("%d workers, pools (-want +got):\n%s", c.Capacity.Workers, diff)
	}
	want := []string{"DATAHUB_EXECUTOR_POOL_ID: is overruled by EXECUTOR_ID, which has another value"}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, order := range [][]string{
		{"DATAHUB_EXECUTOR_WORKER_ID=d", "DATAHUB_EXECUTOR_POOL_NAME=c", "DATAHUB_EXECUTOR_POOL_ID=b", "EXECUTOR_ID=a"},
		{"DATAHUB_EXECUTOR_WORKER_ID=d", "DATAHUB_EXECUTOR_POOL_NAME=c", "DATAHUB_EXECUTOR_POOL_ID=a"},
		{"DATAHUB_EXECUTOR_WORKER_ID=d", "DATAHUB_EXECUTOR_POOL_NAME=a"},
		{"DATAHUB_EXECUTOR_WORKER_ID=a"},
	} {
		c, _ := load(t, "", append(order, quiet)...)
		if diff := cmp.Diff([]string{"a"}, c.Pools); diff != "" {
			t.Errorf("%q (-want +got):\n%s", order, diff)
		}
	}
}
