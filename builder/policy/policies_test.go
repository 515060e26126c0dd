package policy_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/policies"
)

const evilDir = "../../testdata/evil/policy"

func shipped(t *testing.T) *policy.Set {
	t.Helper()
	set, err := policy.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// input reads the good input, overlaid with the members of another file.
func input(t *testing.T, overlay string) policy.Input {
	t.Helper()
	var in policy.Input
	for _, name := range []string{"good.json", overlay} {
		if name == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(evilDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &in); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return in
}

func TestRegoTests(t *testing.T) {
	files, err := policies.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]*ast.Module{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".rego") {
			continue
		}
		text, err := policies.Files.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		modules[f.Name()], err = ast.ParseModuleWithOpts(f.Name(), string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results, err := tester.NewRunner().SetModules(modules).RunTests(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]map[string]bool{}
	for r := range results {
		if !r.Pass() {
			t.Errorf("%s.%s: %v", r.Package, r.Name, r.Error)
		}
		pkg := strings.TrimSuffix(r.Package, "_test")
		if ran[pkg] == nil {
			ran[pkg] = map[string]bool{}
		}
		ran[pkg][r.Name] = true
	}
	for _, rule := range shipped(t).Rules() {
		for _, name := range []string{"test_pass", "test_deny", "test_missing_input"} {
			if !ran[rule.Package][name] {
				t.Errorf("rule %s has no %s", rule.ID, name)
			}
		}
	}
}

func TestEveryRuleHasAPage(t *testing.T) {
	for _, rule := range shipped(t).Rules() {
		for _, part := range []string{"# " + rule.ID + ": " + rule.Title, "## Denied", "## Passes", rule.Fix, rule.Severity} {
			if !strings.Contains(rule.Page, part) {
				t.Errorf("the page of %s lacks %q", rule.ID, part)
			}
		}
	}
}

// The examples of a page are evaluated: what it calls denied is denied, what
// it calls passing passes. Only the rule itself needs enough input.
func TestPageExamplesAreTrue(t *testing.T) {
	set := shipped(t)
	for _, rule := range set.Rules() {
		parts := strings.Split(rule.Page, "```json\n")
		if len(parts) != 3 {
			t.Errorf("the page of %s has %d examples, want 2", rule.ID, len(parts)-1)
			continue
		}
		for i, want := range []policy.Status{policy.Deny, policy.Pass} {
			in := input(t, "")
			example, _, _ := strings.Cut(parts[i+1], "```")
			if err := json.Unmarshal([]byte(example), &in); err != nil {
				t.Errorf("%s, example %d: %v", rule.ID, i, err)
				continue
			}
			verdict, err := policy.Eval(t.Context(), set, in)
			if verdict == nil {
				t.Fatal(err)
			}
			if got := result(verdict, rule.ID); got.Status != want {
				t.Errorf("%s, example %d: %+v, want %s", rule.ID, i, got, want)
			}
		}
	}
}

func result(v *policy.Verdict, id string) policy.RuleResult {
	for _, r := range v.Rules {
		if r.ID == id {
			return r
		}
	}
	return policy.RuleResult{}
}

func TestGoodInputPasses(t *testing.T) {
	verdict, err := policy.Eval(t.Context(), shipped(t), input(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Denied || len(verdict.Rules) < 12 {
		t.Errorf("denied %v by %d rules: %+v", verdict.Denied, len(verdict.Rules), verdict.Rules)
	}
}

func TestEveryRuleDeniesItsEvilInput(t *testing.T) {
	set := shipped(t)
	for _, rule := range set.Rules() {
		verdict, err := policy.Eval(t.Context(), set, input(t, rule.ID+".json"))
		if err != nil {
			t.Errorf("%s: %v", rule.ID, err)
			continue
		}
		var denying []string
		for _, r := range verdict.Rules {
			if r.Status == policy.Deny {
				denying = append(denying, r.ID)
			}
		}
		if diff := cmp.Diff([]string{rule.ID}, denying); diff != "" || !verdict.Denied {
			t.Errorf("rules that deny the evil input of %s (-want +got):\n%s", rule.ID, diff)
		}
	}
}
