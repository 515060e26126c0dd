package plan_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
)

// release is a small catalog in the shape of the real one.
type release struct {
	classes map[string]string
	extras  []string
	dropped map[string]plan.Dropped // "extra platform"
	pythons []string
}

func (r release) Version() string                  { return "1.7.0.17" }
func (r release) SourceClasses() map[string]string { return maps.Clone(r.classes) }
func (r release) HasExtra(name string) bool        { return slices.Contains(r.extras, name) }
func (r release) Supports(python string) bool      { return slices.Contains(r.pythons, python) }

func (r release) Dropped(extra, platform, _ string) []plan.Dropped {
	if d, ok := r.dropped[extra+" "+platform]; ok {
		return []plan.Dropped{d}
	}
	return nil
}

func catalog() release {
	r := release{
		classes: map[string]string{},
		extras: []string{
			"datahub-rest", "datahub-kafka", "mysql", "s3", "s3-slim", "gcs", "snowflake", "snowflake-slim", "unity-catalog", "databricks",
			"hive-metastore", "presto-on-hive", "db2", "mssql", "mssql-odbc", "ldap", "lookml", "datahub-gc", "sql-parser", "all",
		},
		dropped: map[string]plan.Dropped{"db2 linux/arm64": {Requirement: "ibm_db_sa", Marker: `platform_machine == "x86_64"`}},
		pythons: []string{"3.11", "3.13"},
	}
	for _, name := range []string{
		"mysql", "s3", "gcs", "snowflake", "unity-catalog", "hive-metastore", "presto-on-hive", "db2", "mssql", "ldap", "lookml",
		"datahub-gc", "file", "demo-data",
	} {
		r.classes[name] = "datahub.ingestion." + name[:2] + ":Source"
	}
	return r
}

func load(t *testing.T, body string) *manifest.Manifest {
	t.Helper()
	text := "version: 1\ncli: {version: 1.7.0.17}\n" + body
	m, err := manifest.Load(fstest.MapFS{"m.yaml": {Data: []byte(text)}}, "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newPlan(t *testing.T, m *manifest.Manifest) *plan.Plan {
	t.Helper()
	p, err := plan.New(m, plan.Options{Catalog: catalog()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVenvsOfGroupsSingletonsAndCustomSources(t *testing.T) {
	p := newPlan(t, load(t, `
plugins: [snowflake, s3, unity-catalog, {name: mssql, extras: [mssql-odbc]}, demo-data, file]
groups: {zoo: [unity-catalog, s3], common: [file, demo-data]}
custom:
  - {name: crm, requirements: ["acme-source==2.1"], source: "acme.crm:Crm"}
  - {name: erp, requirements: [acme-erp, "acryl_datahub[datahub-rest, sql-parser]"], source: "acme.erp:Erp"}
`))
	want := []plan.Venv{
		{
			Dir: "common-venv", Label: "common", Plugins: []string{"demo-data", "file"}, Links: []string{"demo-data-bundled", "file-bundled"},
			Extras: []string{"datahub-kafka", "datahub-rest", "s3"}, Requirements: []string{"acryl-datahub[datahub-kafka,datahub-rest,s3]==1.7.0.17"},
			Sources: []plan.Source{{Plugin: "demo-data", Name: "demo-data", Class: "datahub.ingestion.de:Source"}, {Plugin: "file", Name: "file", Class: "datahub.ingestion.fi:Source"}},
		},
		{
			Dir: "zoo-venv", Label: "zoo", Plugins: []string{"s3", "unity-catalog"}, Links: []string{"databricks-bundled", "s3-bundled", "unity-catalog-bundled"},
			Extras: []string{"datahub-kafka", "datahub-rest", "s3", "unity-catalog"}, Requirements: []string{"acryl-datahub[datahub-kafka,datahub-rest,s3,unity-catalog]==1.7.0.17"},
			Sources: []plan.Source{{Plugin: "s3", Name: "s3", Class: "datahub.ingestion.s3:Source"}, {Plugin: "unity-catalog", Name: "unity-catalog", Class: "datahub.ingestion.un:Source"}},
		},
		{
			Dir: "snowflake-bundled", Label: "snowflake", Plugins: []string{"snowflake"}, Links: []string{},
			Extras: []string{"datahub-rest", "datahub-kafka", "snowflake"}, Requirements: []string{"acryl-datahub[datahub-rest,datahub-kafka,snowflake]==1.7.0.17"},
			Sources: []plan.Source{{Plugin: "snowflake", Name: "snowflake", Class: "datahub.ingestion.sn:Source"}},
		},
		{
			Dir: "mssql-bundled", Label: "mssql", Plugins: []string{"mssql"}, Links: []string{},
			Extras: []string{"datahub-rest", "datahub-kafka", "mssql", "mssql-odbc"}, Requirements: []string{"acryl-datahub[datahub-rest,datahub-kafka,mssql,mssql-odbc]==1.7.0.17"},
			Sources: []plan.Source{{Plugin: "mssql", Name: "mssql", Class: "datahub.ingestion.ms:Source"}},
		},
		{
			Dir: "crm-bundled", Label: "crm", Plugins: []string{"crm"}, Links: []string{}, Extras: []string{"datahub-rest", "datahub-kafka"},
			Requirements: []string{"acryl-datahub[datahub-rest,datahub-kafka]==1.7.0.17", "acme-source==2.1"},
			Sources:      []plan.Source{{Plugin: "crm", Name: "crm", Class: "acme.crm:Crm"}},
		},
		{
			Dir: "erp-bundled", Label: "erp", Plugins: []string{"erp"}, Links: []string{}, Extras: []string{"datahub-rest", "sql-parser"},
			Requirements: []string{"acryl-datahub[datahub-rest,sql-parser]==1.7.0.17", "acme-erp"},
			Sources:      []plan.Source{{Plugin: "erp", Name: "erp", Class: "acme.erp:Erp"}},
		},
	}
	if diff := cmp.Diff(want, p.Venvs); diff != "" {
		t.Errorf("venvs (-want +got):\n%s", diff)
	}
	if p.Python != "3.13" {
		t.Errorf("python = %s", p.Python)
	}
}

func TestExtras(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"plain", "plugins: [mysql]", []string{"datahub-rest", "datahub-kafka", "mysql"}},
		{"no extra of its own", "plugins: [demo-data]", []string{"datahub-rest", "datahub-kafka"}},
		{"file brings s3", "plugins: [file]", []string{"datahub-rest", "datahub-kafka", "s3"}},
		{"alias uses the canonical extra", "plugins: [databricks]", []string{"datahub-rest", "datahub-kafka", "unity-catalog"}},
		{"additional extra given twice", "plugins: [{name: mysql, extras: [mysql]}]", []string{"datahub-rest", "datahub-kafka", "mysql"}},
	}
	slim := []struct {
		name, body string
		want       []string
	}{
		{"slim variant", "plugins: [s3]", []string{"datahub-rest", "datahub-kafka", "s3-slim"}},
		{"file brings slim s3", "plugins: [file]", []string{"datahub-rest", "datahub-kafka", "s3-slim"}},
		{"listed, but the release has none", "plugins: [gcs]", []string{"datahub-rest", "datahub-kafka", "gcs"}},
		{"the release has one that means something else", "plugins: [snowflake]", []string{"datahub-rest", "datahub-kafka", "snowflake"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, newPlan(t, load(t, tt.body)).Venvs[0].Extras); diff != "" {
				t.Errorf("extras (-want +got):\n%s", diff)
			}
		})
	}
	for _, tt := range slim {
		t.Run(tt.name, func(t *testing.T) {
			m := load(t, tt.body)
			m.CLI.Slim = true
			if diff := cmp.Diff(tt.want, newPlan(t, m).Venvs[0].Extras); diff != "" {
				t.Errorf("extras (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAliasesOfSingletons(t *testing.T) {
	p := newPlan(t, load(t, "plugins: [databricks, presto-on-hive]"))
	for i, want := range []plan.Venv{
		{Dir: "databricks-bundled", Links: []string{"unity-catalog-bundled"}, Sources: []plan.Source{{Plugin: "databricks", Name: "unity-catalog", Class: "datahub.ingestion.un:Source"}}},
		{Dir: "presto-on-hive-bundled", Links: []string{"hive-metastore-bundled"}, Sources: []plan.Source{{Plugin: "presto-on-hive", Name: "presto-on-hive", Class: "datahub.ingestion.pr:Source"}}},
	} {
		got := plan.Venv{Dir: p.Venvs[i].Dir, Links: p.Venvs[i].Links, Sources: p.Venvs[i].Sources}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("venv (-want +got):\n%s", diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, body, place, hint string
	}{
		{"misspelt", "plugins: [mysql, snowflke]", "m.yaml:3:18", "snowflke: did you mean snowflake?"},
		{"misspelt alias", "plugins: [databrick]", "m.yaml:3:11", "databrick: did you mean databricks?"},
		{"unknown", "plugins: [something-else]", "m.yaml:3:11", "`lockforge plugins` lists what the release has"},
		{"extra of a source", "plugins: [mssql-odbc]", "m.yaml:3:11", "write {name: mssql, extras: [mssql-odbc]}"},
		{"slim extra", "plugins: [s3-slim]", "m.yaml:3:11", "list s3, and set slim mode"},
		{"broken slim extra", "plugins: [snowflake-slim]", "m.yaml:3:11", "list snowflake: its -slim extra leaves out what the connector imports"},
		{"extra of no source", "plugins: [all]", "m.yaml:3:11", "name it as an extra of a plugin: {name: PLUGIN, extras: [all]}"},
		{"sink", "plugins: [datahub-rest]", "m.yaml:3:11", "name it as an extra of a plugin: {name: PLUGIN, extras: [datahub-rest]}"},
		{"unknown further extra", "plugins: [{name: mysql, extras: [odbc]}]", "m.yaml:3:34", "`lockforge plugins` lists what the release has"},
		{"custom with unknown extra", "custom: [{name: a, requirements: [x, \"acryl-datahub[no]\"], source: \"a:B\"}]", "m.yaml:3:38", "`lockforge plugins` lists what the release has"},
		{"driver missing", "plugins: [mysql, db2]\nplatforms: [linux/amd64, linux/arm64]", "m.yaml:3:18", "leave db2 out, or build without linux/arm64"},
		{"driver missing by further extra", "plugins: [{name: mysql, extras: [db2]}]\nplatforms: [linux/arm64]", "m.yaml:3:11", "leave mysql out, or build without linux/arm64"},
		{"program for nothing", "plugins: [mysql]\nallow: [{program: git, reason: x}]", "m.yaml:4:9", "remove the entry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plan.New(load(t, tt.body), plan.Options{Catalog: catalog()})
			all := fault.All(err)
			if len(all) != 1 || !fault.Is(err, fault.Manifest) {
				t.Fatalf("error = %v", err)
			}
			if got := all[0].Pos().String(); got != tt.place {
				t.Errorf("place = %s, want %s: %v", got, tt.place, err)
			}
			if hints := fault.Hints(err); !slices.Contains(hints, tt.hint) {
				t.Errorf("hints %q lack %q", hints, tt.hint)
			}
		})
	}
	_, err := plan.New(load(t, "plugins: [mysq, snowflke, all]"), plan.Options{Catalog: catalog()})
	if got := len(fault.All(err)); got != 3 {
		t.Errorf("%d problems, want all 3 at once: %v", got, err)
	}
}

func TestPythonOfTheBase(t *testing.T) {
	image := "plugins: [mysql, ldap]\nbase: {image: \"reg.example/a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"
	if p := newPlan(t, load(t, "plugins: [mysql]\nbase: {debian: {suite: bookworm}}")); p.Python != "3.11" {
		t.Errorf("bookworm has Python %s", p.Python)
	}
	if _, err := plan.New(load(t, image), plan.Options{Catalog: catalog()}); !fault.Is(err, fault.Usage) {
		t.Errorf("an image of unknown Python gives %v", err)
	}
	p, err := plan.New(load(t, image), plan.Options{Catalog: catalog(), Python: "3.11"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Python != "3.11" || len(p.OSPackages) != 0 {
		t.Errorf("python %s, packages %v", p.Python, p.OSPackages)
	}
	if _, err = plan.New(load(t, image), plan.Options{Catalog: catalog(), Python: "3.9"}); !fault.Is(err, fault.Manifest) {
		t.Errorf("a Python that the release refuses gives %v", err)
	}
}

func TestOSPackages(t *testing.T) {
	body := `plugins: [ldap, db2, {name: mssql, extras: [mssql-odbc]}, databricks, hive-metastore, lookml, mysql]
groups: {db: [db2, mssql, mysql]}
allow: [{program: git, reason: lookml clones}]
base: {debian: {suite: `
	for suite, ldap := range map[string]string{"trixie": "libldap2", "bookworm": "libldap-2.5-0"} {
		want := []plan.OSPackage{
			{Name: "git", NeededBy: []string{"lookml"}},
			{Name: "libgssapi-krb5-2", NeededBy: []string{"hive-metastore"}},
			{Name: ldap, NeededBy: []string{"ldap"}},
			{Name: "libodbc2", NeededBy: []string{"db2", "mssql"}},
			{Name: "libpam0g", NeededBy: []string{"db2"}},
		}
		got := newPlan(t, load(t, body+suite+"}}")).OSPackages
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: packages (-want +got):\n%s", suite, diff)
		}
	}
}

func TestJSONForm(t *testing.T) {
	p, err := plan.New(load(t, "plugins: [mysql]"), plan.Options{Catalog: catalog(), Indexes: []plan.Index{{Name: "default", URL: "https://mirror.example/simple", From: "manifest"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cliVersion":"1.7.0.17","slim":false,"venvPath":"/opt/datahub/venvs","platforms":["linux/amd64"],"python":"3.13",` +
		`"venvs":[{"dir":"mysql-bundled","label":"mysql","plugins":["mysql"],"links":[],"extras":["datahub-rest","datahub-kafka","mysql"],` +
		`"requirements":["acryl-datahub[datahub-rest,datahub-kafka,mysql]==1.7.0.17"],"sources":[{"plugin":"mysql","name":"mysql","class":"datahub.ingestion.my:Source"}]}],` +
		`"osPackages":[],"indexes":[{"name":"default","url":"https://mirror.example/simple","from":"manifest"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
