package pep440

import (
	"fmt"
	"regexp"
	"strings"
)

// Specifiers is a set of version clauses, all of which must hold (">=3.10,<4").
type Specifiers []clause

type clause struct {
	op     string
	text   string // the version as written, for ===
	v      Version
	prefix bool // "==1.2.*"
}

var clauseGrammar = regexp.MustCompile(`^\s*(===|==|!=|<=|>=|~=|<|>)\s*(\S+)\s*$`)

// ParseSpecifiers reads a comma separated list of clauses. The empty list
// holds for every version.
func ParseSpecifiers(s string) (Specifiers, error) {
	var set Specifiers
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	for _, part := range strings.Split(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue // a trailing comma is legal
		}
		c, err := parseClause(part)
		if err != nil {
			return nil, err
		}
		set = append(set, c)
	}
	return set, nil
}

func parseClause(s string) (clause, error) {
	m := clauseGrammar.FindStringSubmatch(s)
	if m == nil {
		return clause{}, fmt.Errorf("%q is no version clause", strings.TrimSpace(s))
	}
	c := clause{op: m[1], text: m[2]}
	if c.op == "===" {
		return c, nil
	}
	text := c.text
	if c.op == "==" || c.op == "!=" {
		text, c.prefix = strings.CutSuffix(text, ".*")
	}
	v, err := Parse(text)
	if err != nil {
		return clause{}, fmt.Errorf("clause %q: %w", strings.TrimSpace(s), err)
	}
	if len(v.local) > 0 && (c.prefix || c.op != "==" && c.op != "!=") {
		return clause{}, fmt.Errorf("clause %q: a local label is not allowed with %s", strings.TrimSpace(s), c.op)
	}
	if c.op == "~=" && len(v.release) < 2 {
		return clause{}, fmt.Errorf("clause %q: ~= needs at least two numbers", strings.TrimSpace(s))
	}
	c.v = v
	return c, nil
}

// Contain reports whether v satisfies every clause. Pre-releases are treated
// like any other version.
func (s Specifiers) Contain(v Version) bool {
	for _, c := range s {
		if !c.holds(v) {
			return false
		}
	}
	return true
}

func (c clause) holds(v Version) bool {
	switch c.op {
	case "===":
		return strings.EqualFold(v.String(), c.text)
	case "==":
		return c.equals(v)
	case "!=":
		return !c.equals(v)
	case "~=":
		head := c.v
		head.release = head.release[:len(head.release)-1]
		return v.withoutLocal().Compare(c.v) >= 0 && hasPrefix(v, Version{epoch: head.epoch, release: head.release})
	case "<=":
		return v.withoutLocal().Compare(c.v) <= 0
	case ">=":
		return v.withoutLocal().Compare(c.v) >= 0
	case "<":
		// PEP 440: "<1.0" excludes the pre-releases of 1.0.
		return v.Compare(c.v) < 0 && (c.v.isPre() || !v.isPre() || !sameRelease(v, c.v))
	default:
		// PEP 440: ">1.0" excludes 1.0.post1 and 1.0+local.
		if v.Compare(c.v) <= 0 || len(v.local) > 0 && v.withoutLocal().Compare(c.v) == 0 {
			return false
		}
		return c.v.post != "" || v.post == "" || !sameRelease(v, c.v)
	}
}

func (c clause) equals(v Version) bool {
	if c.prefix {
		return hasPrefix(v, c.v)
	}
	if len(c.v.local) == 0 {
		v = v.withoutLocal()
	}
	return v.Compare(c.v) == 0
}

func (v Version) withoutLocal() Version {
	v.local = nil
	return v
}

func (v Version) isPre() bool { return v.pre != "" || v.dev != "" }

func sameRelease(v, w Version) bool {
	return compareNumbers(v.epoch, w.epoch) == 0 && compareRelease(v.release, w.release) == 0
}

// hasPrefix reports whether v starts with the parts of p ("1.2.3" with "1.2",
// "1.2rc1" with "1.2rc1"); missing release numbers of v count as zero.
func hasPrefix(v, p Version) bool {
	if compareNumbers(v.epoch, p.epoch) != 0 {
		return false
	}
	release := v.release
	for len(release) < len(p.release) {
		release = append(release[:len(release):len(release)], "0")
	}
	if compareRelease(release[:len(p.release)], p.release) != 0 {
		return false
	}
	if p.pre != "" && (v.pre != p.pre || v.preNum != p.preNum) {
		return false
	}
	if p.post != "" && v.post != p.post {
		return false
	}
	return p.dev == "" || v.dev == p.dev
}
