package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/lockforge/lockforge/builder/fault"
)

// Eval judges in by every rule of the set. A denial is a value; the error is
// fault.Policy and lists every rule that could not be evaluated, for want of
// its facts or because it broke. The verdict is returned in both cases, with
// the status of each rule.
func Eval(ctx context.Context, set *Set, in Input) (*Verdict, error) {
	if set == nil || len(set.rules) == 0 {
		return nil, fault.New(fault.Policy, "no rule to evaluate")
	}
	document, err := parsed(in)
	if err != nil {
		return nil, fault.Wrap(fault.Policy, err, "preparing the policy input")
	}
	v := &Verdict{Platform: in.Platform, PolicyDigest: set.digest}
	var problems []error
	for _, rule := range set.rules {
		result, allowed, err := set.judge(ctx, rule, document, in.Layers)
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "evaluating rules")
		}
		if err != nil {
			result.Status, result.Error = Failed, err.Error()
			problems = append(problems, fault.Wrap(fault.Policy, err, "evaluating rule %s", rule.ID))
		}
		v.Denied = v.Denied || result.Status != Pass
		v.Rules = append(v.Rules, result)
		v.Allowed = append(v.Allowed, allowed...)
	}
	return v, errors.Join(problems...)
}

func parsed(in Input) (ast.Value, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return ast.ValueFromReader(bytes.NewReader(text))
}

// outcome is what a rule's package evaluates to.
type outcome struct {
	Deny    []denial
	Allowed []Exception
}

type denial struct {
	Msg      string `json:"msg"`
	Path     string `json:"path"`
	Layer    *int   `json:"layer"`
	Evidence string `json:"evidence"`
}

func (s *Set) judge(ctx context.Context, rule Rule, document ast.Value, layers []Layer) (RuleResult, []Exception, error) {
	result := RuleResult{ID: rule.ID, Title: rule.Title, Severity: rule.Severity, Fix: rule.Fix, Status: Pass}
	out, err := s.query(ctx, rule, document)
	if err != nil {
		return result, nil, err
	}
	for _, d := range out.Deny {
		if d.Msg == "" {
			return result, nil, errors.New("a denial without a message")
		}
		f := Finding{Msg: d.Msg, Path: d.Path, Evidence: d.Evidence}
		if d.Layer != nil {
			f.Layer = layerName(layers, *d.Layer)
		}
		result.Findings = append(result.Findings, f)
	}
	if len(result.Findings) > 0 {
		result.Status = Deny
		slices.SortFunc(result.Findings, compareFindings)
	}
	for i := range out.Allowed {
		out.Allowed[i].Rule = rule.ID
	}
	slices.SortFunc(out.Allowed, func(a, b Exception) int {
		return strings.Compare(a.What+"\x00"+a.Reason, b.What+"\x00"+b.Reason)
	})
	return result, out.Allowed, nil
}

// query evaluates one rule alone, so that a broken rule fails by its own name.
func (s *Set) query(ctx context.Context, rule Rule, document ast.Value) (*outcome, error) {
	results, err := rego.New(
		rego.Query(rule.Package), rego.Compiler(s.compiler), rego.ParsedInput(document),
		rego.StrictBuiltinErrors(true), rego.Time(time.Unix(0, 0)), rego.Capabilities(capabilities()),
	).Eval(ctx)
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return nil, errors.New("the rule has no value")
	}
	values, ok := results[0].Expressions[0].Value.(map[string]any)
	if !ok {
		return nil, errors.New("the rule's package is no object")
	}
	if ready, _ := values["ready"].(bool); !ready {
		return nil, errors.New("facts that the rule needs are missing from the input")
	}
	if _, defined := values["deny"].([]any); !defined {
		return nil, errors.New("deny is no set")
	}
	out := &outcome{}
	if err := strict(values["deny"], &out.Deny); err != nil {
		return nil, err
	}
	return out, strict(values["allowed"], &out.Allowed)
}

// strict decodes a Rego value and refuses members that Go does not know: a
// misspelt one would silently lose what the rule wanted to say.
func strict(value any, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func layerName(layers []Layer, index int) string {
	if index < 0 || index >= len(layers) {
		return ""
	}
	if layers[index].Name != "" {
		return layers[index].Name
	}
	return layers[index].Digest
}

func compareFindings(a, b Finding) int {
	for _, pair := range [][2]string{{a.Path, b.Path}, {a.Msg, b.Msg}, {a.Evidence, b.Evidence}, {a.Layer, b.Layer}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}
