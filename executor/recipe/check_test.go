package recipe_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/recipe"
)

const evil = "../../testdata/evil/recipes"

func parse(t *testing.T, text string) *recipe.Recipe {
	t.Helper()
	r, err := recipe.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func evilPolicy(t *testing.T) *recipe.Policy {
	t.Helper()
	p, err := recipe.LoadPolicy(filepath.Join(evil, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rules lists which rules a verdict names, each once.
func rules(v recipe.Verdict) []string {
	var ids []string
	for _, f := range v.Findings {
		ids = append(ids, f.Rule)
	}
	return slices.Compact(ids)
}

// Every evil recipe breaks the rule in its name and no other, so that each
// rule is the only thing between that recipe and a run.
func TestEvilRecipesAreRefused(t *testing.T) {
	policy := evilPolicy(t)
	files, err := filepath.Glob(filepath.Join(evil, "RP*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, file := range files {
		number, _, _ := strings.Cut(filepath.Base(file), "-")
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			verdict := policy.Check(parse(t, string(text)), "mysql")
			got := rules(verdict)
			if len(got) != 1 || !strings.HasPrefix(got[0], number+"-") {
				t.Fatalf("findings %v, want %s alone", got, number)
			}
			if verdict.Allowed() {
				t.Error("allowed")
			}
			for _, f := range verdict.Findings {
				if f.Line == 0 || f.Column == 0 || f.Text == "" || f.Severity == "" {
					t.Errorf("finding without place, text or severity: %+v", f)
				}
			}
			tried[got[0]] = true
		})
	}
	for _, r := range recipe.Rules() {
		if !tried[r.ID] {
			t.Errorf("no evil recipe for %s", r.ID)
		}
	}
}

func TestEveryRuleHasAPage(t *testing.T) {
	pages := map[string]bool{"README.md": true}
	index, err := os.ReadFile("../../docs/recipe-rules/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recipe.Rules() {
		page, err := os.ReadFile(filepath.Join("../..", r.Page()))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"# " + r.ID + ":", r.Text, "Severity: " + r.Severity} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s lacks %q", r.Page(), want)
			}
		}
		if !strings.Contains(string(index), "("+r.ID+".md)") {
			t.Errorf("the list of rules lacks %s", r.ID)
		}
		pages[r.ID+".md"] = true
	}
	files, err := os.ReadDir("../../docs/recipe-rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !pages[f.Name()] {
			t.Errorf("%s is the page of no rule", f.Name())
		}
	}
}

func TestGoodRecipesAreAllowed(t *testing.T) {
	for name, tc := range map[string]struct {
		text    string
		sources []string
	}{
		"mysql to rest": {`
source:
  type: mysql
  config:
    host_port: db.example:3306
    username: reader
    password: "${MYSQL_PASSWORD}"
    schema_pattern: {allow: ["^sales$", '\.x']}
    stateful_ingestion: {enabled: true, state_provider: {type: datahub, config: {}}}
sink:
  type: datahub-rest
  config: {server: "${DATAHUB_GMS_URL}", token: "${TOKEN}", ca_certificate_path: /etc/ssl/certs/ca.pem}
transformers:
  - type: set_dataset_browse_path
    config: {path_templates: [/ENV/PLATFORM/DATASET_PARTS]}
  - {type: set_browse_path, config: {path: [/prod/x]}}
reporting: [{type: file, config: {filename: report.json}, required: false}]
pipeline_name: urn:li:dataHubIngestionSource:1
run_id: 3f
flags: {generate_browse_path_v2: true}
`, []string{"mysql"}},
		"alias":         {`source: {type: presto-on-hive, config: {}}`, []string{"hive-metastore", "presto-on-hive"}},
		"file to file":  {`{"source": {"type": "file", "config": {"path": "/data/in.json"}}, "sink": {"type": "file", "config": {"filename": "out.json"}}}`, []string{"file"}},
		"remote path":   {`source: {type: dbt, config: {manifest_path: "s3://bucket/manifest.json"}}`, []string{"dbt"}},
		"json path":     {`source: {type: notion, config: {path: "$.text", class: plain}}`, []string{"notion"}},
		"allowed class": {`source: {type: kafka, config: {schema_registry_class: datahub.ingestion.source.confluent_schema_registry.ConfluentSchemaRegistry}}`, []string{"kafka"}},
		"directive":     {`source: {type: kafka, config: {__DATAHUB_TO_FILE_ssl.ca.location: "${CA}"}}`, []string{"kafka"}},
		"kafka":         {`{source: {type: mysql}, sink: {type: datahub-kafka, config: {connection: {bootstrap: "${DATAHUB_GMS_URL}"}}}}`, []string{"mysql"}},
		"empty parts":   {`{source: {type: mysql, config: }, sink: , transformers: , reporting: []}`, []string{"mysql"}},
		"long in deny":  {`source: {type: mysql, config: {note: /process/x, path: /data/proc/x}}`, []string{"mysql"}},
	} {
		t.Run(name, func(t *testing.T) {
			if v := evilPolicy(t).Check(parse(t, tc.text), tc.sources...); !v.Allowed() {
				t.Error(v)
			}
		})
	}
}

func TestCheckReportsAllFindings(t *testing.T) {
	r := parse(t, `
source: {type: postgres, config: {path: /etc/shadow, oauth_cb: "os:system"}}
sink: {type: evil.Sink}
transformers: [{type: a.B}, {type: nothing}]
`)
	got := rules(evilPolicy(t).Check(r, "mysql"))
	want := []string{"RP003-source", "RP004-class", "RP006-transformer", "RP010-path", "RP015-import"}
	slices.Sort(got)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	text := "source: {type: mysql, config: {paths: [" + strings.Repeat("/etc/x, ", 5000) + "]}}"
	policy := evilPolicy(t)
	policy.MaxBytes = recipe.MaxBytes
	if n := len(policy.Check(parse(t, text), "mysql").Findings); n != 100 {
		t.Errorf("%d findings, want 100", n)
	}
}

func TestNames(t *testing.T) {
	m := contract.Metadata{Venvs: []contract.Venv{
		{Dir: "hive-metastore-bundled", Plugins: []string{"hive-metastore"}, Links: []string{"presto-on-hive-bundled"}},
		{Dir: "common-venv", Plugins: []string{"file", "mysql"}, Links: []string{"file-bundled", "mysql-bundled"}},
	}}
	for plugin, want := range map[string][]string{
		"hive-metastore": {"hive-metastore", "presto-on-hive"},
		"presto-on-hive": {"hive-metastore", "presto-on-hive"},
		"mysql":          {"file", "mysql"},
		"postgres":       {"postgres"},
	} {
		if diff := cmp.Diff(want, recipe.Names(m, plugin)); diff != "" {
			t.Errorf("%s: %s", plugin, diff)
		}
	}
}
