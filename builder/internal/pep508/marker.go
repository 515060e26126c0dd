package pep508

import (
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// maxDepth bounds the nesting of parentheses in a marker.
const maxDepth = 64

// Environment gives the marker variables of one target; every variable that
// PEP 508 names must be present. The variable "extra" is given apart from it.
type Environment map[string]string

// Linux returns the environment of CPython on Linux with glibc. The machine is
// the kernel's word ("x86_64", "aarch64"), python the minor version ("3.13").
// Variables that the target's patch level or kernel decides hold the lowest
// value ("3.13.0", "").
func Linux(machine, python string) Environment {
	return Environment{
		"os_name":                        "posix",
		"sys_platform":                   "linux",
		"platform_system":                "Linux",
		"platform_machine":               machine,
		"platform_release":               "",
		"platform_version":               "",
		"platform_python_implementation": "CPython",
		"implementation_name":            "cpython",
		"implementation_version":         python + ".0",
		"python_version":                 python,
		"python_full_version":            python + ".0",
	}
}

// versionVariables are compared as versions, the others as text.
var versionVariables = map[string]bool{
	"python_version": true, "python_full_version": true, "implementation_version": true,
}

// Marker is a parsed environment marker.
type Marker struct {
	text string
	root node
}

// ParseMarker reads a marker such as `python_version < "3.11" and extra == "db2"`.
func ParseMarker(s string) (*Marker, error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, fmt.Errorf("reading marker %q: %w", strings.TrimSpace(s), err)
	}
	p := &parser{tokens: tokens}
	root, err := p.or(0)
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("unexpected %q", p.tokens[0].text)
	}
	if err != nil {
		return nil, fmt.Errorf("reading marker %q: %w", strings.TrimSpace(s), err)
	}
	return &Marker{text: strings.TrimSpace(s), root: root}, nil
}

// String gives the marker as written.
func (m *Marker) String() string { return m.text }

// Holds evaluates the marker in env with one extra asked for ("" for none).
// A nil marker holds everywhere.
func (m *Marker) Holds(env Environment, extra string) bool {
	return m == nil || m.root.holds(env, Normalise(extra))
}

// WithoutExtra gives the marker's text without its conditions on "extra", which
// METADATA files append to each optional requirement; "" where none is left.
func (m *Marker) WithoutExtra() string {
	if m == nil {
		return ""
	}
	return m.root.withoutExtra()
}

type node interface {
	holds(env Environment, extra string) bool
	withoutExtra() string
	names(extra string) bool
}

type operation struct {
	and         bool
	left, right node
}

func (o operation) holds(env Environment, extra string) bool {
	if o.and {
		return o.left.holds(env, extra) && o.right.holds(env, extra)
	}
	return o.left.holds(env, extra) || o.right.holds(env, extra)
}

func (o operation) withoutExtra() string {
	l, r := o.left.withoutExtra(), o.right.withoutExtra()
	switch {
	case l == "":
		return r
	case r == "":
		return l
	}
	if !o.and {
		return l + " or " + r
	}
	return group(o.left, l) + " and " + group(o.right, r)
}

// group puts an alternative inside a conjunction into parentheses.
func group(n node, text string) string {
	if o, ok := n.(operation); ok && !o.and {
		return "(" + text + ")"
	}
	return text
}

type comparison struct {
	op          string
	left, right token
}

func (c comparison) holds(env Environment, extra string) bool {
	l, r := c.left.value(env, extra), c.right.value(env, extra)
	if c.left.variable && c.left.text == "extra" || c.right.variable && c.right.text == "extra" {
		l, r = Normalise(l), Normalise(r)
	} else if c.comparesVersions() {
		if holds, ok := compareVersions(l, c.op, r); ok {
			return holds
		}
	}
	switch c.op {
	case "==", "===":
		return l == r
	case "!=":
		return l != r
	case "in":
		return strings.Contains(r, l)
	case "not in":
		return !strings.Contains(r, l)
	case "<":
		return l < r
	case "<=":
		return l <= r
	case ">":
		return l > r
	case ">=":
		return l >= r
	default: // "~=" has no meaning for text
		return false
	}
}

func (c comparison) comparesVersions() bool {
	return c.left.variable && versionVariables[c.left.text] || c.right.variable && versionVariables[c.right.text]
}

func (c comparison) withoutExtra() string {
	if c.left.variable && c.left.text == "extra" || c.right.variable && c.right.text == "extra" {
		return ""
	}
	return c.left.String() + " " + c.op + " " + c.right.String()
}

// compareVersions applies a version clause; ok is false where one of the two
// sides is no version, and the text decides (PEP 508).
func compareVersions(l, op, r string) (holds, ok bool) {
	if op == "in" || op == "not in" {
		return false, false
	}
	v, err := pep440.Parse(l)
	if err != nil {
		return false, false
	}
	clauses, err := pep440.ParseSpecifiers(op + r)
	if err != nil {
		return false, false
	}
	return clauses.Contain(v), true
}

// Names reports whether the marker asks for an extra by its normalised name.
func (m *Marker) Names(extra string) bool { return m != nil && m.root.names(extra) }

func (o operation) names(extra string) bool { return o.left.names(extra) || o.right.names(extra) }

func (c comparison) names(extra string) bool {
	isExtra := func(t token) bool { return t.variable && t.text == "extra" }
	return c.op == "==" && (isExtra(c.left) && Normalise(c.right.text) == extra || isExtra(c.right) && Normalise(c.left.text) == extra)
}
