// Package probes holds one page for each probe of the escape suite, named by
// the probe's ID. Package builder/probe shows them and knows the probes.
package probes

import "embed"

// Pages holds the pages, "<ID>.md".
//
//go:embed *.md
var Pages embed.FS
