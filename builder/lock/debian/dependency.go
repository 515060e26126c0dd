package debian

import (
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// relation is one "name (op version)" of a dependency field.
type relation struct {
	name    string
	op      string // "", "<<", "<=", "=", ">=" or ">>"
	version string
}

// clause is a list of alternatives, one of which must hold.
type clause []relation

// parseDependencies reads a Depends, Pre-Depends or Provides field (Debian
// policy, section 7.1). Architecture qualifiers (":any") are dropped: only one
// architecture is ever looked at.
func parseDependencies(field string) ([]clause, error) {
	if strings.TrimSpace(field) == "" {
		return nil, nil
	}
	var clauses []clause
	for part := range strings.SplitSeq(field, ",") {
		var c clause
		for alternative := range strings.SplitSeq(part, "|") {
			r, err := parseRelation(strings.TrimSpace(alternative))
			if err != nil {
				return nil, err
			}
			c = append(c, r)
		}
		clauses = append(clauses, c)
	}
	return clauses, nil
}

func parseRelation(text string) (relation, error) {
	name, rest, versioned := strings.Cut(text, "(")
	name = strings.TrimSpace(name)
	name, _, _ = strings.Cut(name, ":")
	if name == "" || strings.ContainsAny(name, " []<>()") {
		return relation{}, fault.New(fault.Integrity, "dependency %q is not valid", text)
	}
	r := relation{name: name}
	if !versioned {
		return r, nil
	}
	rest, closed := strings.CutSuffix(strings.TrimSpace(rest), ")")
	r.version = strings.TrimLeft(rest, "<>= ")
	r.op = strings.TrimSpace(rest[:len(rest)-len(r.version)])
	r.version = strings.TrimSpace(r.version)
	switch r.op {
	case "<<", "<=", "=", ">=", ">>":
	default:
		closed = false
	}
	if !closed || checkVersion(r.version) != nil {
		return relation{}, fault.New(fault.Integrity, "dependency %q is not valid", text)
	}
	return r, nil
}

// admits reports whether a version satisfies the relation. An unversioned
// Provides ("") satisfies unversioned relations only (policy, section 7.5).
func (r relation) admits(version string) bool {
	if r.op == "" {
		return true
	}
	if version == "" {
		return false
	}
	c := compareVersions(version, r.version)
	switch r.op {
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	default:
		return c > 0
	}
}

func (r relation) String() string {
	if r.op == "" {
		return r.name
	}
	return r.name + " (" + r.op + " " + r.version + ")"
}

func (c clause) String() string {
	texts := make([]string, len(c))
	for i, r := range c {
		texts[i] = r.String()
	}
	return strings.Join(texts, " | ")
}
