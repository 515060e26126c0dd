// Package pep508 reads dependency specifiers as PEP 508 defines them, and
// evaluates their environment markers.
package pep508

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// maxLength bounds one requirement, in bytes.
const maxLength = 16 << 10

// Requirement is one dependency: what is wanted, and when.
type Requirement struct {
	Name      string   // as written
	Extras    []string // normalised, in the order written
	Specifier string   // version clauses as written, "" for any
	URL       string   // of a direct reference, instead of a Specifier
	Marker    *Marker  // nil: always
}

var (
	nameGrammar   = regexp.MustCompile(`^(?i)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?`)
	extrasGrammar = regexp.MustCompile(`^\[([^\]]*)\]`)
	separators    = regexp.MustCompile(`[-_.]+`)
)

// Normalise gives the one spelling of a project or extra name (PEP 503, PEP 685).
func Normalise(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

// Parse reads one requirement, such as `acme[crm]>=2,<3; python_version < "3.14"`.
func Parse(s string) (Requirement, error) {
	if len(s) > maxLength {
		return Requirement{}, fmt.Errorf("a requirement of %d bytes, more than %d", len(s), maxLength)
	}
	rest := strings.Trim(s, " \t")
	name := nameGrammar.FindString(rest)
	if name == "" {
		return Requirement{}, fmt.Errorf("%q does not start with a project name", s)
	}
	r := Requirement{Name: name}
	rest = strings.TrimLeft(rest[len(name):], " \t")
	if strings.HasPrefix(rest, "[") {
		var err error
		if r.Extras, rest, err = parseExtras(rest); err != nil {
			return Requirement{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	if url, ok := strings.CutPrefix(rest, "@"); ok {
		// The marker of a direct reference is set off by a space (PEP 508).
		r.URL, rest, _ = cutMarker(strings.TrimLeft(url, " \t"), " ;")
		if r.URL == "" {
			return Requirement{}, fmt.Errorf("%q has an empty address", s)
		}
	} else {
		r.Specifier, rest, _ = cutMarker(rest, ";")
		if err := r.checkSpecifier(); err != nil {
			return Requirement{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	if rest == "" {
		return r, nil
	}
	marker, err := ParseMarker(rest[1:])
	if err != nil {
		return Requirement{}, fmt.Errorf("%q: %w", s, err)
	}
	r.Marker = marker
	return r, nil
}

// checkSpecifier takes off the parentheses that METADATA files may have.
func (r *Requirement) checkSpecifier() error {
	if inner, ok := strings.CutPrefix(r.Specifier, "("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); !ok {
			return fmt.Errorf("a parenthesis is not closed")
		}
		r.Specifier = strings.TrimSpace(inner)
	}
	_, err := pep440.ParseSpecifiers(r.Specifier)
	return err
}

func parseExtras(s string) (extras []string, rest string, err error) {
	m := extrasGrammar.FindStringSubmatch(s)
	if m == nil {
		return nil, "", fmt.Errorf("a bracket is not closed")
	}
	rest = strings.TrimLeft(s[len(m[0]):], " \t")
	if strings.TrimSpace(m[1]) == "" {
		return nil, rest, nil
	}
	for _, e := range strings.Split(m[1], ",") {
		e = strings.TrimSpace(e)
		if e == "" || nameGrammar.FindString(e) != e {
			return nil, "", fmt.Errorf("%q is no name of an extra", e)
		}
		extras = append(extras, Normalise(e))
	}
	return extras, rest, nil
}

// cutMarker splits s before its marker; the returned marker starts with ";".
func cutMarker(s, sep string) (before, marker string, found bool) {
	i := strings.Index(s, sep)
	if i < 0 {
		return strings.TrimSpace(s), "", false
	}
	return strings.TrimSpace(s[:i]), s[i+len(sep)-1:], true
}
