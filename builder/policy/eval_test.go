package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
)

// custom is a rule file of a user, with a body for its package.
func custom(body string) fs.FS {
	return fstest.MapFS{"acme.rego": {Data: []byte(`# METADATA
# title: Acme
# description: A rule of the user's own.
# custom:
#   id: ACME-1
#   severity: low
#   fix: ask the platform team
package acme.images
` + body)}}
}

func TestMissingFactsAreAnErrorForEveryRule(t *testing.T) {
	verdict, err := policy.Eval(t.Context(), shipped(t), policy.Input{})
	if !fault.Is(err, fault.Policy) {
		t.Fatalf("error = %v, want a policy fault", err)
	}
	if !verdict.Denied {
		t.Error("a verdict without facts must deny")
	}
	for _, r := range verdict.Rules {
		if r.Status != policy.Failed || r.Error == "" {
			t.Errorf("%s = %s without any facts, want error", r.ID, r.Status)
		}
	}
	if got, want := len(fault.All(err)), len(verdict.Rules); got != want {
		t.Errorf("%d problems reported, want one per rule (%d)", got, want)
	}
}

func TestNoRulesIsAnError(t *testing.T) {
	for _, set := range []*policy.Set{nil, {}} {
		if _, err := policy.Eval(t.Context(), set, input(t, "")); !fault.Is(err, fault.Policy) {
			t.Errorf("error = %v, want a policy fault", err)
		}
	}
}

func TestVerdictIsDeterministic(t *testing.T) {
	in := input(t, "LF002-shell.json")
	in.Tools = append(in.Tools,
		policy.Tool{Name: "zsh", Path: "/usr/bin/zsh", Layer: 0, Kind: "shell", By: "name"},
		policy.Tool{Name: "bash", Path: "/usr/bin/bash", Layer: 1, Kind: "shell", By: "name"},
		policy.Tool{Name: "git", Path: "/usr/bin/git", Layer: 0, Kind: "downloader", By: "name"})
	in.Allow = []policy.Allow{{Program: "git", Reason: "lookml clones"}, {Program: "git", Reason: "looker clones"}}
	var first string
	for i := range 10 {
		verdict, err := policy.Eval(t.Context(), shipped(t), in)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(verdict)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = string(text)
			want := []policy.Exception{
				{Rule: "LF003-downloader", What: "/usr/bin/git", Reason: "looker clones"},
				{Rule: "LF003-downloader", What: "/usr/bin/git", Reason: "lookml clones"},
			}
			if diff := cmp.Diff(want, verdict.Allowed); diff != "" {
				t.Errorf("exceptions (-want +got):\n%s", diff)
			}
		} else if diff := cmp.Diff(first, string(text)); diff != "" {
			t.Fatalf("run %d differs:\n%s", i, diff)
		}
	}
}

func TestCustomRuleIsEvaluatedBesideTheShipped(t *testing.T) {
	set, err := policy.Load(custom(`
ready if input.config
deny contains {"msg": "wrong user", "layer": 1} if input.config.user != "2000"
`))
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := policy.Eval(t.Context(), set, input(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.RuleResult{
		ID: "ACME-1", Title: "Acme", Severity: "low", Status: policy.Deny, Fix: "ask the platform team",
		Findings: []policy.Finding{{Msg: "wrong user", Layer: "python"}},
	}
	if diff := cmp.Diff(want, result(verdict, "ACME-1")); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if len(verdict.Rules) != len(shipped(t).Rules())+1 {
		t.Errorf("%d rules, want the shipped ones and one more", len(verdict.Rules))
	}
	if set.Digest() == shipped(t).Digest() {
		t.Error("another rule set has the same digest")
	}
}

func TestBrokenRuleSetIsRefused(t *testing.T) {
	tests := map[string]fs.FS{
		"syntax of Rego v0":      custom("deny[msg] { msg := 1 }"),
		"network":                custom(`ready if http.send({"method": "GET", "url": "http://127.0.0.1"})` + "\ndeny contains 1"),
		"name lookup":            custom(`ready if net.lookup_ip_addr("mirror.example")` + "\ndeny contains 1"),
		"environment":            custom("ready if opa.runtime().env\ndeny contains 1"),
		"clock":                  custom("ready if time.now_ns() > 0\ndeny contains 1"),
		"unused import":          custom("import data.lockforge.lib\nready if true\ndeny contains 1"),
		"no ready":               custom("deny contains 1"),
		"no deny":                custom("ready if true"),
		"denial without an id":   fstest.MapFS{"x.rego": {Data: []byte("package x\ndeny contains 1")}},
		"package of the shipped": fstest.MapFS{"x.rego": {Data: []byte("package lockforge.lib\nlist(x) if x")}},
		"id of the shipped": fstest.MapFS{"x.rego": {Data: []byte("# METADATA\n# title: a\n# description: b\n# custom:\n" +
			"#   id: LF001-installer\n#   severity: low\n#   fix: c\npackage x\nready if true\ndeny contains 1 if false")}},
		"huge file": fstest.MapFS{"x.rego": {Data: []byte("package x\n#" + strings.Repeat("x", 1<<20))}},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.Load(files); !fault.Is(err, fault.Policy) {
				t.Errorf("error = %v, want a policy fault", err)
			}
		})
	}
}

func TestAllProblemsOfARuleSetAreReported(t *testing.T) {
	files := fstest.MapFS{
		"a.rego": {Data: []byte("package a\ndeny[x] { x := 1 }")},
		"b.rego": {Data: []byte("package lockforge.lib\nx := 1")},
	}
	_, err := policy.Load(files)
	if got := len(fault.All(err)); got != 2 {
		t.Errorf("%d problems reported, want 2: %v", got, err)
	}
}

func TestRuleThatBreaksIsAnError(t *testing.T) {
	tests := map[string]string{
		"built-in error":      "ready if true\ndeny contains {\"msg\": \"x\"} if to_number(input.config.user) / 0 > 1",
		"unknown member":      "ready if true\ndeny contains {\"msg\": \"x\", \"file\": \"y\"}",
		"no message":          "ready if true\ndeny contains {\"path\": \"y\"}",
		"text as denial":      "ready if true\ndeny contains \"x\"",
		"undefined deny":      "ready if true\ndeny := [] if input.nothing",
		"deny is no set":      "ready if true\ndeny := true",
		"conflicting outputs": "ready if true\nf(x) := 1 if x\nf(x) := 2 if x\ndeny contains {\"msg\": \"x\"} if f(true) == 1",
		"not ready":           "ready if input.nothing\ndeny contains {\"msg\": \"x\"} if false",
		"ready is no boolean": "ready := \"yes\"\ndeny contains {\"msg\": \"x\"} if false",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := policy.Load(custom("\n" + body + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			verdict, err := policy.Eval(t.Context(), set, input(t, ""))
			if !fault.Is(err, fault.Policy) {
				t.Fatalf("error = %v, want a policy fault", err)
			}
			if got := result(verdict, "ACME-1"); got.Status != policy.Failed || !verdict.Denied {
				t.Errorf("result = %+v, want an error that denies", got)
			}
		})
	}
}

func TestCancelledEvaluation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := policy.Eval(ctx, shipped(t), input(t, "")); !fault.Is(err, fault.Cancelled) {
		t.Errorf("error = %v, want cancelled", err)
	}
}

// BenchmarkEval judges an image of the size that fifty venvs make.
func BenchmarkEval(b *testing.B) {
	set, err := policy.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	epoch := int64(1)
	in := policy.Input{Expect: &policy.Expect{Writable: []string{"/tmp"}, Epoch: &epoch, Layers: 48}}
	group := policy.Group{Type: "file", Mode: 0o644, MTime: 1}
	for i := range 100_000 {
		group.Paths = append(group.Paths, policy.Place{Path: fmt.Sprintf("/opt/datahub/store/x/%d.py", i)})
	}
	in.Entries = []policy.Group{group}
	for b.Loop() {
		if verdict, _ := policy.Eval(b.Context(), set, in); verdict == nil {
			b.Fatal("no verdict")
		}
	}
}
