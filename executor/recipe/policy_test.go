package recipe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/recipe"
)

func load(t *testing.T, text string) (*recipe.Policy, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return recipe.LoadPolicy(file)
}

func TestLoadPolicyKeepsWhatAFileLeavesOut(t *testing.T) {
	want, err := recipe.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Transformers) != 39 || len(want.Servers) != 0 {
		t.Errorf("the default has %d transformers and %d servers", len(want.Transformers), len(want.Servers))
	}
	got, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = load(t, "sinks: [console]\npaths: {allow: []}\n")
	if err != nil {
		t.Fatal(err)
	}
	want.Sinks, want.Paths.Allow = []string{"console"}, []string{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadPolicyRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":    "sink: [file]",
		"unknown path":   "paths: {denied: []}",
		"twice":          "sinks: []\nsinks: [file]",
		"wrong type":     "maxBytes: many",
		"two documents":  "sinks: []\n---\nsinks: []",
		"dotted sink":    "sinks: [a.b]",
		"dotted other":   "transformers: [a:b]",
		"no import":      "imports: [os]",
		"relative":       "paths: {allow: [data]}",
		"unclean":        "paths: {allow: [/data/]}",
		"everything":     "paths: {allow: [/]}",
		"local scheme":   "paths: {schemes: [file]}",
		"broken pattern": "paths: {keys: ['[']}",
		"no bytes":       "maxBytes: 0",
		"too many bytes": "maxBytes: 99999999",
		"empty server":   "servers: ['']",
		"too large":      "# " + strings.Repeat("x", 1<<20),
	} {
		if p, err := load(t, text); err == nil {
			t.Errorf("%s: accepted as %+v", name, p)
		}
	}
	if _, err := recipe.LoadPolicy(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that does not exist was accepted")
	}
}
