package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/internal/testenv"
)

var expandValues = map[string]string{
	"A": "alpha", "EMPTY": "", "DOLLAR": "$A", "BRACES": `p\a${A}ss`, "PAIR": "a$$b", "UMLAUT": "äöü", "NL": "x\ny",
}

// expandCases are texts with what a connector is to see of them.
var expandCases = map[string]string{
	"plain":                      "plain",
	"pa$$word":                   "pa$$word",
	"$A":                         "$A", // not asked for; the old CLI leaves it as it is
	"${A}":                       "alpha",
	"x${A}y$A.":                  "xalphayalpha.",
	"${A}${EMPTY}":               "alpha",
	"${EMPTY:-none}":             "none",
	"${NOPE:-${A}}":              "alpha",
	"${NOPE-$A}":                 "alpha",
	"${NOPE:-}":                  "",
	"${A:-x}":                    "alpha",
	"${A:+yes}${EMPTY:+no}":      "yes",
	"${NOPE:=x}":                 "x",
	"${#UMLAUT}":                 "3",
	"${A:?needed}":               "alpha",
	`\${A}`:                      "${A}",
	`C:\dir\${A}\x`:              `C:\dir${A}\x`,
	"${BRACES}":                  `p\a${A}ss`,
	"${DOLLAR}":                  "$A",
	"${DOLLAR}/${DOLLAR}":        "$A/$A",
	"${PAIR}":                    "a$$b",
	"${NL} ${A}":                 "x\ny alpha",
	"costs 5$ ${A}":              "costs 5$ alpha",
	"{\"a\": \"${A}\"}":          `{"a": "alpha"}`,
	"${NOPE:-a}b}":               "ab}",
	"${NOPE:-{x}}":               "{x}",
	"line\n${A}\n$A and nothing": "line\nalpha\nalpha and nothing",
}

func TestExpandLeavesNothingForTheCLIToExpand(t *testing.T) {
	for text := range expandCases {
		once, err := secret.Expand(text, expandValues)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		// An old CLI has none of the values: what it makes of the text is
		// what Expand makes of it without any.
		twice, err := secret.Expand(once, nil)
		if err != nil {
			t.Errorf("%q became %q, which the CLI would not take: %v", text, once, err)
		}
		if got, err := secret.Expand(twice, nil); got != twice && err == nil {
			t.Errorf("%q became %q and then %q", text, once, got)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	var unresolved *secret.Unresolved
	for _, text := range []string{"${NOPE}", "${EMPTY:?needed}", "${NOPE?x}", "${A} $NOPE"} {
		if _, err := secret.Expand(text, expandValues); !errors.As(err, &unresolved) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"${A:2}", "${A:0:3}", "${!A}", "${A} $$", "${#A:-x}", "${A:}", "${}x}", "${A} ${", `${A}\`} {
		if got, err := secret.Expand(text, expandValues); !errors.Is(err, secret.ErrSyntax) {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	}
	big := map[string]string{"A": string(bytes.Repeat([]byte("x"), 1<<20))}
	if _, err := secret.Expand(string(bytes.Repeat([]byte("${A}"), 100)), big); !errors.Is(err, secret.ErrValue) {
		t.Errorf("a text of 100 MiB: %v", err)
	}
}

// TestExpandAgreesWithTheCLI has the CLI's own resolver read both the text
// with the values at hand and the expanded text without.
func TestExpandAgreesWithTheCLI(t *testing.T) {
	root := os.Getenv("LOCKFORGE_DATAHUB_VENVS")
	if root == "" {
		testenv.Missing(t, "LOCKFORGE_DATAHUB_VENVS names no directory of venvs")
	}
	type pair struct{ Text, Expanded string }
	var pairs []pair
	for text := range expandCases {
		once, err := secret.Expand(text, expandValues)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, pair{text, once})
	}
	input, err := json.Marshal(map[string]any{"pairs": pairs, "values": expandValues})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(root, "file-bundled", "bin", "python"), "-I", "-c", `
import json, sys
from datahub.configuration.config_loader import EnvResolver
given = json.load(sys.stdin)
def read(text, environ): return EnvResolver(environ=environ, register_secrets=False).resolve({"x": text})["x"]
json.dump({p["Text"]: [read(p["Text"], dict(given["values"])) if not p["Text"].startswith("$A") else p["Text"], read(p["Expanded"], {})] for p in given["pairs"]}, sys.stdout)
`)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string][2]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{}
	for text, seen := range expandCases {
		want[text] = [2]string{seen, seen}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the CLI makes of a text and of the expanded text (-want +got):\n%s", diff)
	}
}
