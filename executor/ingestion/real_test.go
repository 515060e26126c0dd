package ingestion_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/worker"
	"github.com/lockforge/lockforge/internal/testenv"
)

// real is a fixture with the real CLI in real bundled venvs, file-bundled and
// datahub-mock-data-bundled among them.
func real(t testing.TB) *fixture {
	t.Helper()
	root := os.Getenv("LOCKFORGE_DATAHUB_VENVS")
	if root == "" {
		testenv.Missing(t, "LOCKFORGE_DATAHUB_VENVS names no directory of venvs")
	}
	root, err := filepath.EvalSymlinks(root)
	must(t, err)
	f := &fixture{t: t, root: root, dir: t.TempDir(), base: t.TempDir()}
	f.options, err = options(root, f.dir, f.base)
	must(t, err)
	policy := *f.options.Policy
	policy.Paths.Allow = append(slices.Clone(policy.Paths.Allow), f.dir)
	f.options.Policy = &policy
	// A venv of a test may lie where a locked image has no programs.
	f.options.Sandbox = &sandbox.Policy{Write: []string{f.dir}, Exec: []string{"/usr", "/lib", "/lib64", "/bin", root}}
	if python, err := filepath.EvalSymlinks(filepath.Join(root, "file-bundled", "bin", "python")); err == nil {
		f.options.Sandbox.Exec = append(f.options.Sandbox.Exec, filepath.Dir(filepath.Dir(python)))
	}
	f.options.Env = append(f.options.Env, "DATAHUB_TELEMETRY_ENABLED=false")
	f.options.Echo = testWriter{t}
	return f
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// oneDataset is a file of metadata.
const oneDataset = `[{"proposedSnapshot": {"com.linkedin.pegasus2avro.metadata.snapshot.DatasetSnapshot": {"urn": "urn:li:dataset:(urn:li:dataPlatform:mysql,a.b,PROD)", "aspects": [{"com.linkedin.pegasus2avro.common.Status": {"removed": false}}]}}}]`

func (f *fixture) fileRecipe(sink string) string {
	path := filepath.Join(f.dir, "in.json")
	must(f.t, os.WriteFile(path, []byte(oneDataset), 0o600))
	return `{"source": {"type": "file", "config": {"path": "` + path + `"}}` + sink + `}`
}

func TestRealCLIWritesAFile(t *testing.T) {
	f := real(t)
	out := filepath.Join(f.dir, "out.json")
	start := time.Now()
	o, _ := f.run(ingest("a", "recipe", f.fileRecipe(`, "sink": {"type": "file", "config": {"filename": "`+out+`"}}`)))
	t.Logf("took %v; %v", time.Since(start), o.Facts)
	var written []map[string]any
	must(t, json.Unmarshal([]byte(read(t, out)), &written))
	metadata, _ := written[0]["systemMetadata"].(map[string]any)
	if o.Status != worker.StatusSuccess || len(written) != 1 || metadata["runId"] != "a" {
		t.Errorf("%+v; wrote %v", o, written)
	}
}

func TestRealCLIUsesTheDefaultSink(t *testing.T) {
	const token = "t0ken-of-the-executor"
	for name, tc := range map[string]struct {
		gms  ingestion.GMS
		want string
	}{
		"bearer token":  {ingestion.GMS{Authorization: header("Bearer " + token)}, "Bearer " + token},
		"system client": {ingestion.GMS{Authorization: header("Basic __datahub_system:" + token)}, "Basic __datahub_system:" + token},
		"short-lived":   {ingestion.GMS{Authorization: header("Bearer " + token), Fresh: header("unused")}, "Bearer " + token},
	} {
		t.Run(name, func(t *testing.T) {
			f := real(t)
			server := gmstest.Start(t, gmstest.Options{Credentials: []string{tc.want}, Base: "/gms"})
			tc.gms.URL = server.URL()
			f.options.GMS = &tc.gms
			q := ingest("run-1", "recipe", f.fileRecipe(""))
			q.IngestionSource = "urn:li:dataHubIngestionSource:x"
			o, _ := f.run(q)
			if _, ok := server.Aspect("urn:li:dataset:(urn:li:dataPlatform:mysql,a.b,PROD)", "status"); !ok || o.Status != worker.StatusSuccess {
				t.Errorf("%+v\n%s", o, text(o))
			}
			_, structured := o.Report(4 << 20)
			var report struct{ Sink struct{ Type string } }
			if err := json.Unmarshal(structured, &report); err != nil || report.Sink.Type != "datahub-rest" {
				t.Errorf("structured report %.500s: %v", structured, err)
			}
			if strings.Contains(text(o)+string(structured), token) {
				t.Error("the token is in the report")
			}
		})
	}
}

func header(value string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return value, nil }
}

func TestRealCLIGeneratesData(t *testing.T) {
	f := real(t)
	server := gmstest.Start(t, gmstest.Options{})
	f.options.GMS = &ingestion.GMS{URL: server.URL()}
	f.options.Stores = []secret.Store{secret.Env{Environ: []string{"PREFIX=from_a_secret"}, Allow: []string{"PREFIX"}}}
	o, _ := f.run(ingest("run-1", "recipe", `{"source": {"type": "datahub-mock-data", "config": {"gen_1": {"enabled": true, "emit_lineage": true, "lineage_fan_out": 2, "lineage_hops": 1, "table_name_prefix": "${PREFIX}_"}}}}`))
	if o.Status != worker.StatusSuccess {
		t.Fatalf("%+v\n%s", o, text(o))
	}
	found := slices.ContainsFunc(server.Exchanges(), func(e gmstest.Exchange) bool { return strings.Contains(e.Body, "from_a_secret_hops_1_f_2_h0_t0") })
	if !found || strings.Contains(text(o), "from_a_secret") {
		t.Errorf("the secret did not arrive, or is in the report:\n%s", text(o))
	}
}

func TestRealCLITestsAConnection(t *testing.T) {
	f := real(t)
	q := ingest("run-1", "recipe", f.fileRecipe(""))
	q.Task = queue.TestConnection
	o, _ := f.run(q)
	if _, structured := o.Report(4 << 20); o.Status != worker.StatusSuccess || string(structured) != `{"basic_connectivity":{"capable":true}}` {
		t.Errorf("%+v; %s", o, structured)
	}
}

func TestRealCLIFailsWithItsReport(t *testing.T) {
	f := real(t)
	o, _ := f.run(ingest("run-1", "recipe", `{"source": {"type": "file", "config": {"path": "`+f.dir+`/nothing.json"}}, "sink": {"type": "blackhole"}}`))
	if o.Status != worker.StatusFailure || !strings.Contains(text(o), "nothing.json") {
		t.Errorf("%+v\n%s", o, text(o))
	}
}
