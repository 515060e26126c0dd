package pypi

import (
	"errors"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
)

// checkRequirement refuses whatever is not a named requirement: options,
// editables, paths, URLs, version control.
func checkRequirement(text string) error {
	if strings.ContainsAny(text, "\r\n\x00\\#") {
		return errors.New("more than one requirement, or a comment")
	}
	if strings.HasPrefix(strings.TrimSpace(text), "-") {
		return errors.New("options and editables cannot be locked")
	}
	r, err := pep508.Parse(text)
	switch {
	// uv would also take what is no requirement by PEP 508: a path or an address.
	case strings.Contains(text, "://"), err == nil && r.URL != "":
		return errors.New("a requirement by URL cannot be locked")
	case err != nil:
		return err
	}
	return nil
}

// checkRequirements refuses, all at once, every requirement and constraint
// that uv must not see.
func checkRequirements(p *plan.Plan) error {
	var problems []error
	for _, v := range p.Venvs {
		for _, text := range v.Requirements {
			if err := checkRequirement(text); err != nil {
				problems = append(problems, fault.Wrap(fault.Resolve, err, "venv %s: using requirement %q", v.Dir, redact(text)).
					Hint("require a version of a project; private ones can be given under wheels: or indexes:"))
			}
		}
	}
	for _, c := range p.Manifest.CLI.ConstraintLines {
		if err := checkRequirement(c.Requirement); err != nil {
			problems = append(problems, fault.Wrap(fault.Resolve, err, "using constraint %q", redact(c.Requirement)).At(c.Pos))
		}
	}
	return errors.Join(problems...)
}

// redact keeps the name of a requirement whose address may hold credentials.
func redact(text string) string {
	if at := strings.Index(text, "://"); at >= 0 {
		return text[:at] + "://..."
	}
	return text
}

// pin is an exact version that something asks for.
type pin struct {
	project string
	version pep440.Version
	text    string
	pos     fault.Pos // of a constraint line
}

// exactPin reads "name==1.2" (extras and markers aside).
func exactPin(requirement string) (pin, bool) {
	r, err := pep508.Parse(requirement)
	if err != nil {
		return pin{}, false
	}
	text, exact := strings.CutPrefix(r.Specifier, "==")
	if !exact || strings.ContainsAny(text, ",*") {
		return pin{}, false
	}
	version, err := pep440.Parse(strings.TrimSpace(strings.TrimPrefix(text, "=")))
	if err != nil {
		return pin{}, false
	}
	return pin{project: pep508.Normalise(r.Name), version: version, text: requirement}, true
}

// pins lists the exact versions that requirements and constraints ask for.
func pins(requirements []string, constraints []manifest.Constraint) []pin {
	var all []pin
	for _, text := range requirements {
		if p, ok := exactPin(text); ok {
			all = append(all, p)
		}
	}
	for _, c := range constraints {
		if p, ok := exactPin(c.Requirement); ok {
			p.pos = c.Pos
			all = append(all, p)
		}
	}
	return all
}
