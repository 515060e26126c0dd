// Package policies holds the rules that an image has to meet. Each rule is
// three files: <rule>.rego, its tests in <rule>_test.rego, and a page for
// people in <rule>.md. Package builder/policy evaluates them.
package policies

import "embed"

// Files holds every file of the rule set.
//
//go:embed *.rego *.md
var Files embed.FS
