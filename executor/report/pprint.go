package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineWidth is the width in characters to which upstream's dump is wrapped.
const lineWidth = 150

// repr returns text as Python's repr writes it.
func repr(text string) string {
	quote := '\''
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteRune(quote)
	for _, r := range text {
		switch {
		case r == quote || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteRune(quote)
	return out.String()
}

// pretty writes text as pprint writes a string in a list: where one literal is
// longer than lineWidth a literal per line, and several for a longer line, all
// but the first indented.
func pretty(out *strings.Builder, text string, indent int) {
	const after = 1 // a comma or a bracket follows
	if whole := repr(text); utf8.RuneCountInString(whole) <= lineWidth-indent-after {
		out.WriteString(whole)
		return
	}
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" && len(lines) > 1 {
		lines = lines[:len(lines)-1]
	}
	var literals []string
	for i, line := range lines {
		width := lineWidth - indent
		if i == len(lines)-1 {
			width -= after
		}
		literals = append(literals, wrap(line, width)...)
	}
	out.WriteString(strings.Join(literals, "\n"+strings.Repeat(" ", indent)))
}

// wrap returns literals of at most width characters; only a single word may be
// longer.
func wrap(line string, width int) []string {
	if whole := repr(line); utf8.RuneCountInString(whole) <= width {
		return []string{whole}
	}
	var literals []string
	current := ""
	for _, word := range words(line) {
		if current != "" && utf8.RuneCountInString(repr(current+word)) > width {
			literals = append(literals, repr(current))
			current = ""
		}
		current += word
	}
	return append(literals, repr(current))
}

// words splits a line after white space.
func words(line string) []string {
	var words []string
	start, space := 0, false
	for i, r := range line {
		if space && !unicode.IsSpace(r) {
			words = append(words, line[start:i])
			start = i
		}
		space = unicode.IsSpace(r)
	}
	return append(words, line[start:])
}
