package recipe

import (
	"fmt"
	"strings"
)

// Rule is one reason to refuse a recipe.
type Rule struct {
	ID       string // "RP001-unknown-key"
	Severity string // "critical", "high" or "medium"
	Text     string // what holds for a good recipe
}

// Page is the rule's page, relative to the project's root.
func (r Rule) Page() string { return "docs/recipe-rules/" + r.ID + ".md" }

// Rules.
var (
	unknownKey    = Rule{"RP001-unknown-key", "high", "The recipe and its sections hold only keys that the CLI has."}
	shape         = Rule{"RP002-shape", "high", "Each section has the form that the CLI expects."}
	foreignSource = Rule{"RP003-source", "critical", "The source is the plugin whose venv was chosen."}
	customClass   = Rule{"RP004-class", "critical", "No type is a Python path."}
	sinkType      = Rule{"RP005-sink", "high", "The sink is one of the allowed."}
	transformer   = Rule{"RP006-transformer", "high", "Each transformer is one of the allowed."}
	reporter      = Rule{"RP007-reporter", "high", "Each reporter is one of the allowed."}
	stateProvider = Rule{"RP008-state-provider", "high", "The state provider is one of the allowed."}
	server        = Rule{"RP009-server", "high", "Metadata goes to an allowed server."}
	filePath      = Rule{"RP010-path", "high", "Each file lies in an allowed directory."}
	systemPath    = Rule{"RP011-system-path", "critical", "No value names a file of the system."}
	directive     = Rule{"RP012-directive", "high", "A directive replaces nothing that is judged."}
	reference     = Rule{"RP013-reference", "high", "What is judged is written out."}
	oversize      = Rule{"RP014-size", "medium", "The recipe is no larger than allowed."}
	imported      = Rule{"RP015-import", "critical", "Python imports only what is allowed."}
	library       = Rule{"RP016-library", "critical", "No value loads native code."}
)

// Rules returns every rule, in the order of their ids.
func Rules() []Rule {
	return []Rule{unknownKey, shape, foreignSource, customClass, sinkType, transformer, reporter, stateProvider,
		server, filePath, systemPath, directive, reference, oversize, imported, library}
}

// Finding is one place where a recipe breaks a rule. It never holds the value
// of a key that is not judged, which could be a secret.
type Finding struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Path     string `json:"path"` // "source.config.path"; "" is the whole recipe
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Text     string `json:"text"`
	Page     string `json:"page"`
}

// Verdict is the outcome of Check: all findings, of which the first 100 are
// listed.
type Verdict struct {
	Findings []Finding `json:"findings"`
}

// Allowed reports whether the recipe may run.
func (v Verdict) Allowed() bool { return len(v.Findings) == 0 }

// String gives a line for each finding.
func (v Verdict) String() string {
	var lines strings.Builder
	for _, f := range v.Findings {
		fmt.Fprintf(&lines, "%s: line %d, column %d: %s: %s; see %s\n", f.Rule, f.Line, f.Column, f.Path, f.Text, f.Page)
	}
	return lines.String()
}
