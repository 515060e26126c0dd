package main

import (
	"bytes"
	"fmt"
	"strings"
)

// document is a Markdown page under construction: blocks with one empty line
// between them.
type document struct{ bytes.Buffer }

func (d *document) block(text string) {
	if d.Len() > 0 {
		d.WriteByte('\n')
	}
	d.WriteString(strings.TrimRight(text, "\n") + "\n")
}

func (d *document) heading(level int, text string) {
	d.block(strings.Repeat("#", level) + " " + text)
}

func (d *document) paragraph(format string, args ...any) { d.block(fmt.Sprintf(format, args...)) }

func (d *document) code(text string) { d.block("```\n" + strings.TrimRight(text, "\n") + "\n```") }

func (d *document) table(head []string, rows [][]string) {
	var b strings.Builder
	row := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + inCell(cell) + " ")
		}
		b.WriteString("|\n")
	}
	row(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, cells := range rows {
		row(cells)
	}
	d.block(b.String())
}

// inCell keeps a text within its cell of a table.
func inCell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}
