package recipe_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// uv finds uv as every test of the project does.
func uv(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LOCKFORGE_UV"); path != "" {
		return path
	}
	path, err := exec.LookPath("uv")
	switch {
	case err == nil:
		return path
	case os.Getenv("REQUIRE_ALL") == "1":
		t.Fatal("REQUIRE_ALL=1, but there is no uv: run `make setup`, or set LOCKFORGE_UV")
	default:
		t.Skip("no uv: run `make setup`, or set LOCKFORGE_UV")
	}
	return ""
}

// The loader of the CLI itself has the last word on what a text means.
func TestCorpusAgainstTheLoader(t *testing.T) {
	type pair struct {
		Source    string `json:"source"`
		Canonical string `json:"canonical"`
	}
	var pairs []pair
	for _, r := range readings {
		pairs = append(pairs, pair{r.source, r.canonical})
	}
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(uv(t), "run", "--quiet", "--no-project", "--with", "pyyaml==6.0.3", "python", "testdata/corpus.py")
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
