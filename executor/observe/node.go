package observe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Problem is one mistake in a monitors file. Load joins all of them.
type Problem struct {
	Line, Column int // from 1; 0 is unknown
	Text         string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Text)
}

// maxProblems bounds how many are reported.
const maxProblems = 50

// reader takes nodes apart and collects what is wrong with them. What it
// returns for a wrong node is a zero value.
type reader struct{ problems []*Problem }

func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, &Problem{Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)})
	}
}

// err joins the problems in the order of the file.
func (r *reader) err() error {
	slices.SortStableFunc(r.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	var all []error
	for _, p := range r.problems {
		all = append(all, p)
	}
	return errors.Join(all...)
}

// fields are the values of a mapping by key.
type fields map[string]*yaml.Node

// mapping returns the values of a mapping that may have these keys only.
func (r *reader) mapping(n *yaml.Node, known ...string) fields {
	found := fields{}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "want keys and values, not %s", describe(n))
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			r.wrong(key, "want a plain key, not %s", describe(key))
		case found[key.Value] != nil:
			r.wrong(key, "%s is there twice", key.Value)
		case known != nil && !slices.Contains(known, key.Value):
			r.wrong(key, "unknown key %q; known are %s", key.Value, strings.Join(known, ", "))
		default:
			found[key.Value] = value
		}
	}
	return found
}

// list returns the elements of a list.
func (r *reader) list(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list, not %s", describe(n))
		return nil
	}
	return n.Content
}

// text returns a string; an absent one is "".
func (r *reader) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		r.wrong(n, "want a text, not %s", describe(n))
		return ""
	}
	return n.Value
}

// choice returns a text that is one of those given; an absent one is "".
func choice[T ~string](r *reader, n *yaml.Node, of ...T) T {
	v := T(r.text(n))
	if n != nil && v != "" && !slices.Contains(of, v) {
		r.wrong(n, "%q is none of %v", string(v), of)
		return ""
	}
	return v
}

// number returns a finite number.
func (r *reader) number(n *yaml.Node) float64 {
	var v float64
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || n.Decode(&v) != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		r.wrong(n, "want a number, not %s", describe(n))
		return 0
	}
	return v
}

// flag returns a bool; an absent one is false.
func (r *reader) flag(n *yaml.Node) bool {
	var v bool
	if n != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&v) != nil) {
		r.wrong(n, "want true or false, not %s", describe(n))
	}
	return v
}

// duration returns a time span from one second to most; an absent one is otherwise.
func (r *reader) duration(n *yaml.Node, otherwise, most time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	d, err := time.ParseDuration(r.text(n))
	if err != nil || d < time.Second || d > most {
		r.wrong(n, "want a time span from 1s to %s, such as 90m", most)
		return otherwise
	}
	return d
}

// required reports what a mapping lacks.
func (r *reader) required(at *yaml.Node, found fields, keys ...string) {
	for _, key := range keys {
		if found[key] == nil {
			r.wrong(at, "%s is missing", key)
		}
	}
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", clip(n.Value, 60))
}
