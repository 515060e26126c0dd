package report

import "bytes"

// prettySection repeats the structured report for those who read the text. It
// is "" where that costs more than budget: deep nesting makes indentation many
// times as long as the document.
func prettySection(document []byte, budget int) string {
	if len(document) == 0 {
		return ""
	}
	out := indenter{left: budget - EncodedSize(titleReport) - EncodedSize("\n")}
	out.Buffer.WriteString(titleReport)
	if !out.document(document) {
		return ""
	}
	out.Buffer.WriteString("\n")
	return out.String()
}

// indenter writes a compact document with two spaces per level, as upstream
// does, as long as that is within what is left of a budget.
type indenter struct {
	bytes.Buffer
	left  int
	depth int
}

func (p *indenter) document(compact []byte) bool {
	for len(compact) > 0 && p.left >= 0 {
		b := compact[0]
		switch {
		case b == '"':
			n := stringLength(compact)
			p.write(string(compact[:n]))
			compact = compact[n:]
			continue
		case (b == '{' || b == '[') && len(compact) > 1 && compact[1] == b+2: // in ASCII, "{}" and "[]"
			p.write(string(compact[:2]))
			compact = compact[2:]
			continue
		case b == '{' || b == '[':
			p.depth++
			p.write(string(b))
			p.line()
		case b == '}' || b == ']':
			p.depth--
			p.line()
			p.write(string(b))
		case b == ',':
			p.write(",")
			p.line()
		case b == ':':
			p.write(": ")
		default:
			p.write(string(b))
		}
		compact = compact[1:]
	}
	return p.left >= 0
}

func (p *indenter) line() {
	p.write("\n")
	for range p.depth {
		p.write("  ")
	}
}

func (p *indenter) write(text string) {
	if p.left -= EncodedSize(text); p.left >= 0 {
		p.WriteString(text)
	}
}

// stringLength returns the length of the quoted string with which text begins.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
