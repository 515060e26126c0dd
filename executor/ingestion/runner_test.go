package ingestion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/worker"
)

func TestChildGetsRecipeAndSecretsOverStdinOnly(t *testing.T) {
	f := newFixture(t, `echo "args: $*" >$DIR/args; cat >$DIR/stdin; env | sort >$DIR/env; cat $DIR/stdin; echo "$PWD" >$DIR/cwd`)
	f.options.GMS = &ingestion.GMS{
		URL:           "https://gms.example/gms",
		Authorization: func(context.Context) (string, error) { return "Bearer t0ken-of-the-executor", nil },
	}
	f.options.Allow = []string{"SOURCE_*"}
	q := ingest("run-1", "extra_env_vars", `{"SOURCE_LEVEL": 3, "SOURCE_FLAG": true, "SOURCE_NONE": null, "EXECUTOR_TASK_WEIGHT": "0.5"}`, "debug_mode", "true")
	q.IngestionSource = "urn:li:dataHubIngestionSource:x"
	q.Args["recipe"] = `{"run_id": "somebody-elses", "source": {"type": "mysql", "config": {"password": "${DB_PASSWORD}", "level": "${SOURCE_LEVEL}"}}}`
	o, s := f.run(q)
	if o.Status != worker.StatusSuccess || o.Reason != "" || s.starting != 1 || s.pid == 0 || s.start == 0 {
		t.Fatalf("outcome %+v, sink %+v\n%s", o, s, text(o))
	}
	if diff := cmp.Diff(map[string]string{"DB_PASSWORD": "env"}, o.Secrets); diff != "" {
		t.Errorf("secrets of the outcome (-want +got):\n%s", diff)
	}
	report := filepath.Join(f.options.Work, "run-1", "out", "report.json")
	if got, want := read(t, f.dir+"/args"), "args: --debug ingest run -c - --report-to "+report+"\n"; got != want {
		t.Errorf("got %swant %s", got, want)
	}
	var envelope struct {
		Recipe  string            `json:"__recipe_yaml__"`
		Secrets map[string]string `json:"__secrets__"`
	}
	must(t, json.Unmarshal([]byte(read(t, f.dir+"/stdin")), &envelope))
	wantRecipe := `{"source": {"type": "mysql", "config": {"password": "${DB_PASSWORD}", "level": "${SOURCE_LEVEL}"}}, ` +
		`"pipeline_name": "urn:li:dataHubIngestionSource:x", "run_id": "run-1", ` +
		`"sink": {"config": {"server": "https://gms.example/gms", "token": "${EXECUTOR_OWN_GMS_TOKEN}"}, "type": "datahub-rest"}}`
	if diff := cmp.Diff(wantRecipe, envelope.Recipe); diff != "" {
		t.Errorf("recipe (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"DB_PASSWORD": "hunter2hunter2", "EXECUTOR_OWN_GMS_TOKEN": "t0ken-of-the-executor"}, envelope.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	cwd := strings.TrimSpace(read(t, f.dir+"/cwd"))
	artifacts := filepath.Join(f.options.Logs.Dir, "run-1", "artifacts")
	wantEnv := []string{
		"DATAHUB_DEBUG=true", "DATAHUB_ENABLE_SECRET_MASKING=true", "DATAHUB_GMS_URL=https://gms.example/gms",
		"HOME=" + cwd, "INGESTION_ARTIFACT_DIR=" + artifacts, "LANG=C.UTF-8", "PWD=" + cwd,
		"PYTHONDONTWRITEBYTECODE=1", "SOURCE_FLAG=true", "SOURCE_LEVEL=3", "TMPDIR=" + cwd,
	}
	if diff := cmp.Diff(wantEnv, strings.Split(strings.TrimSpace(read(t, f.dir+"/env")), "\n")); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	log := read(t, filepath.Join(f.options.Logs.Dir, "run-1", "executor-logs", "ingestion-logs.log"))
	for _, outlet := range []string{text(o), log, s.progress(1 << 20)} {
		if strings.Contains(outlet, "hunter2") || strings.Contains(outlet, "t0ken") || !strings.Contains(outlet, "***REDACTED:DB_PASSWORD***") {
			t.Errorf("not masked as it should:\n%s", outlet)
		}
	}
	if filepath.Dir(cwd) != filepath.Join(f.options.Work, "run-1") {
		t.Errorf("ran in %s", cwd)
	}
}

func TestReportIsReadMaskedAndKept(t *testing.T) {
	f := newFixture(t, `while [ $# -gt 1 ]; do shift; done; echo '{"source": {"report": {"said": "hunter2hunter2"}}}' >$1`)
	o, _ := f.run(ingest("run-1"))
	text, structured := o.Report(4 << 20)
	const want = `{"source":{"report":{"said":"***REDACTED:DB_PASSWORD***"}}}`
	if string(structured) != want || !strings.Contains(text, "~~~~ Ingestion Report ~~~~") || !strings.Contains(text, "Execution finished successfully!") {
		t.Errorf("structured %s, text\n%s", structured, text)
	}
	if got := read(t, filepath.Join(f.options.Logs.Dir, "run-1", "artifacts", "ingestion_report.json")); got != want {
		t.Errorf("kept %s", got)
	}
}

func TestTestConnectionNeedsNoSink(t *testing.T) {
	f := newFixture(t, `echo "$*" >$DIR/args; cat >$DIR/stdin; while [ $# -gt 1 ]; do shift; done; echo '{"basic_connectivity": {"capable": true}}' >$1`)
	f.options.GMS = &ingestion.GMS{URL: "https://gms.example"}
	q := ingest("run-1")
	q.Task = queue.TestConnection
	o, _ := f.run(q)
	text, structured := o.Report(4 << 20)
	if o.Status != worker.StatusSuccess || string(structured) != `{"basic_connectivity":{"capable":true}}` || !strings.Contains(text, "Successfully executed 'datahub test connection'") {
		t.Errorf("%+v %s\n%s", o, structured, text)
	}
	if args := read(t, f.dir+"/args"); !strings.HasPrefix(args, "ingest -c - --test-source-connection --report-to /") {
		t.Errorf("args %s", args)
	}
	if strings.Contains(read(t, f.dir+"/stdin"), "datahub-rest") {
		t.Error("a connection test got a sink")
	}
}

func TestOldCLIGetsTheValuesInTheRecipe(t *testing.T) {
	f := newFixture(t, "")
	f.image("1.5.0.14", "cat >"+f.dir+"/stdin\n")
	f.options.GMS = &ingestion.GMS{URL: "https://gms.example", Authorization: func(context.Context) (string, error) { return "Basic __datahub_system:s3cr3t-of-the-system", nil }}
	o, _ := f.run(ingest("run-1", "recipe", `{"source": {"type": "mysql", "config": {"password": "${DB_PASSWORD}", "host": "${DATAHUB_GMS_URL}", "${DB_PASSWORD}": 1}}}`))
	want := `{"source": {"type": "mysql", "config": {"password": "hunter2hunter2", "host": "https://gms.example", "${DB_PASSWORD}": 1}}, "run_id": "run-1", ` +
		`"sink": {"config": {"extra_headers": {"Authorization": "Basic __datahub_system:s3cr3t-of-the-system"}, "server": "https://gms.example"}, "type": "datahub-rest"}}`
	if diff := cmp.Diff(want, read(t, f.dir+"/stdin")); diff != "" {
		t.Errorf("%+v\n%s", o, diff)
	}
}

func TestRefusedRequestsStartNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		q     queue.Request
		kinds []ingestion.Kind
		says  string
	}{
		"id with dots":        {ingest("../victim"), []ingestion.Kind{ingestion.Malformed}, "no id of a run"},
		"malformed":           {queue.Request{ID: "a", Problem: "args is no object"}, []ingestion.Kind{ingestion.Malformed}, "args is no object"},
		"unknown task":        {queue.Request{ID: "a", Task: "RUN_ASSERTION"}, []ingestion.Kind{ingestion.Malformed}, "RUN_ASSERTION"},
		"no recipe":           {ingest("a", "recipe", " "), []ingestion.Kind{ingestion.Malformed}, "args.recipe is missing"},
		"duplicate keys":      {ingest("a", "recipe", `{"source": {"type": "mysql"}, "source": {"type": "evil"}}`), []ingestion.Kind{ingestion.BadRecipe}, "given twice"},
		"huge recipe":         {ingest("a", "recipe", `{"a": "`+strings.Repeat("a", 11<<20)+`"}`), []ingestion.Kind{ingestion.BadRecipe}, "more than"},
		"deep recipe":         {ingest("a", "recipe", strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)), []ingestion.Kind{ingestion.BadRecipe}, "nest"},
		"type with dots":      {ingest("a", "recipe", `{"source": {"type": "../evil/x"}}`), []ingestion.Kind{ingestion.NotBundled}, "../evil/x"},
		"a class":             {ingest("a", "recipe", `{"source": {"type": "evil.Source"}}`), []ingestion.Kind{ingestion.NotBundled}, "evil.Source"},
		"no venv":             {ingest("a", "recipe", `{"source": {"type": "oracle"}}`), []ingestion.Kind{ingestion.NotBundled}, "bundled are: mysql"},
		"no source":           {ingest("a", "recipe", `{}`), []ingestion.Kind{ingestion.NotBundled}, "plugin name"},
		"a foreign sink":      {ingest("a", "recipe", `{"source": {"type": "mysql"}, "sink": {"type": "evil.Sink"}}`), []ingestion.Kind{ingestion.Forbidden}, "RP004"},
		"unknown secret":      {ingest("a", "recipe", `{"source": {"type": "mysql", "config": {"password": "${NOPE}"}}}`), []ingestion.Kind{ingestion.Secrets}, "NOPE (asked: env)"},
		"the executor's name": {ingest("a", "recipe", `{"source": {"type": "mysql", "config": {"password": "${EXECUTOR_OWN_GMS_TOKEN}"}}}`), []ingestion.Kind{ingestion.Forbidden}, "executor's own"},
		"the executor's token": {ingest("a", "recipe", `{"source": {"type": "mysql", "config": {"password": "${DATAHUB_GMS_TOKEN}"}}}`),
			[]ingestion.Kind{ingestion.Secrets}, "DATAHUB_GMS_TOKEN"},
		"latest":          {ingest("a", "version", "latest"), []ingestion.Kind{ingestion.Version}, `CLI version to "bundled"`},
		"the same":        {ingest("a", "version", "1.7.0.17"), []ingestion.Kind{ingestion.Version}, "1.7.0.17"},
		"packages":        {ingest("a", "extra_pip_requirements", `["evil==1.0"]`), []ingestion.Kind{ingestion.Packages}, "nothing is installed"},
		"plugins":         {ingest("a", "extra_pip_plugins", `["evil"]`), []ingestion.Kind{ingestion.Packages}, "args.extra_pip_plugins"},
		"no list":         {ingest("a", "extra_pip_plugins", `evil`), []ingestion.Kind{ingestion.Malformed}, "no JSON list"},
		"variables":       {ingest("a", "extra_env_vars", `{"PIP_INDEX_URL": "x", "LD_PRELOAD": "y"}`), []ingestion.Kind{ingestion.Variables}, `"LD_PRELOAD", "PIP_INDEX_URL"`},
		"no object":       {ingest("a", "extra_env_vars", `[]`), []ingestion.Kind{ingestion.Malformed}, "no JSON object"},
		"nested variable": {ingest("a", "extra_env_vars", `{"A": {}}`), []ingestion.Kind{ingestion.Malformed}, `"A"`},
		"memory, no unit": {ingest("a", "extra_env_vars", `{"EXECUTOR_TASK_MEMORY_LIMIT": 128000000}`), []ingestion.Kind{ingestion.Limits}, "unit is missing"},
		"too much memory": {ingest("a", "extra_env_vars", `{"EXECUTOR_TASK_MEMORY_LIMIT": "9GiB"}`), []ingestion.Kind{ingestion.Limits}, "more than the 8GiB"},
		"all at once": {ingest("a", "version", "latest", "extra_pip_plugins", `["x"]`, "extra_env_vars", `{"HOME": "/"}`, "recipe", `{"source": {"type": "mysql"}, "x": 1}`),
			[]ingestion.Kind{ingestion.Packages, ingestion.Forbidden, ingestion.Variables, ingestion.Version}, "RP001"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, "echo started >$DIR/started")
			f.options.Memory = 8 << 30
			o, s := f.run(tc.q)
			kinds := make([]string, len(tc.kinds))
			for i, k := range tc.kinds {
				kinds[i] = string(k)
			}
			slices.Sort(kinds)
			if o.Status != worker.StatusFailure || !slices.Equal(o.Refused, kinds) {
				t.Errorf("outcome %+v, want refusal for %v", o, kinds)
			}
			if report := text(o); !strings.Contains(unwrapped(report), tc.says) || !strings.Contains(report, "Execution finished with errors.") {
				t.Errorf("no word about %q in\n%s", tc.says, report)
			}
			if _, err := os.Stat(f.dir + "/started"); err == nil || s.starting != 0 || s.pid != 0 {
				t.Error("a child was started")
			}
			if strings.ContainsAny(o.Reason, "\n\r") || o.Reason == "" {
				t.Errorf("reason %q", o.Reason)
			}
		})
	}
}

// unwrapped takes the line breaks out of a report that pprint puts into texts.
func unwrapped(report string) string {
	var out strings.Builder
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		out.WriteString(strings.Trim(line, `'`))
	}
	return out.String()
}

func TestVersionPolicies(t *testing.T) {
	for _, tc := range []struct {
		policy    ingestion.VersionPolicy
		requested string
		runs      bool
		note      string
	}{
		{ingestion.Strict, "bundled", true, ""},
		{ingestion.Strict, " bundled ", true, ""},
		{ingestion.Strict, "", true, ""},
		{ingestion.Strict, "native", false, ""},
		{ingestion.SameVersion, "1.7.0.17", true, "is the bundled one"},
		{ingestion.SameVersion, "v1.7.0.17", true, "is the bundled one"},
		{ingestion.SameVersion, "1.7.0.16", false, ""},
		{ingestion.SameVersion, "latest", false, ""},
		{ingestion.AlwaysBundled, "latest", true, "the bundled 1.7.0.17 runs instead"},
		{ingestion.AlwaysBundled, "1.4.0.3", true, "the bundled 1.7.0.17 runs instead"},
	} {
		t.Run(string(tc.policy)+" "+tc.requested, func(t *testing.T) {
			f := newFixture(t, "true")
			f.options.Version = tc.policy
			o, _ := f.run(ingest("a", "version", tc.requested))
			if runs := o.Status == worker.StatusSuccess; runs != tc.runs || !strings.Contains(unwrapped(text(o)), tc.note) {
				t.Errorf("%+v\n%s", o, text(o))
			}
		})
	}
}

func TestJSONOfTheServerMayHaveLineBreaksInStrings(t *testing.T) {
	f := newFixture(t, "cat >$DIR/stdin")
	o, _ := f.run(ingest("a", "recipe", "{\"source\": {\"type\": \"mysql\", \"config\": {\"key\": \"a\n\tb\\\"\"}}}"))
	if o.Status != worker.StatusSuccess || !strings.Contains(read(t, f.dir+"/stdin"), `\"a\\n\\tb\\\"\"`) {
		t.Errorf("%+v; stdin %s", o, read(t, f.dir+"/stdin"))
	}
}

func TestNothingStartsWithoutTheJournal(t *testing.T) {
	f := newFixture(t, "echo started >$DIR/started")
	s := &sink{refuse: errors.New("disk full")}
	o := f.runner().Prepare(ingest("a"))(t.Context(), s)
	if _, err := os.Stat(f.dir + "/started"); err == nil || o.Status != worker.StatusFailure || !strings.Contains(o.Reason, "disk full") {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestOptionsReportEveryMistake(t *testing.T) {
	_, err := ingestion.New(ingestion.Options{
		Venvs: "venvs", Work: "/", Version: "latest", Allow: []string{"A B", "LD_PRELOAD", "PYTHON*"},
		GMS: &ingestion.GMS{URL: "gms"},
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{`"venvs"`, `"/"`, `"latest"`, `"A B"`, "LD_PRELOAD", "PYTHON*", "recipe policy", "URL is not"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word about %s in\n%v", want, err)
		}
	}
}

// What cannot be masked is not given to a child, and the run is not begun.
func TestTooManySecretsToMask(t *testing.T) {
	f := newFixture(t, "echo ran >$DIR/ran")
	var environ, names, used []string
	for i := range 12 {
		name := fmt.Sprintf("LARGE_%d", i)
		names = append(names, name)
		environ = append(environ, name+"="+strings.Repeat(string(rune('a'+i)), 60<<10))
		used = append(used, fmt.Sprintf("%q: %q", name, "${"+name+"}"))
	}
	f.options.Stores = []secret.Store{secret.Env{Environ: environ, Allow: names}}
	o, s := f.run(ingest("run-1", "recipe", `{"source": {"type": "mysql", "config": {`+strings.Join(used, ", ")+`}}}`))
	if diff := cmp.Diff([]string{string(ingestion.Secrets)}, o.Refused); diff != "" || s.starting != 0 {
		t.Errorf("refused (-want +got):\n%s\nstarting %d, %s", diff, s.starting, text(o))
	}
	if _, err := os.Stat(filepath.Join(f.dir, "ran")); err == nil {
		t.Error("the child ran")
	}
}
