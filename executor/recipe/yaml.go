package recipe

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// yamlReader turns the nodes of a YAML document into values. The types that
// yaml.v3 gives to scalars are not used: resolve gives those of the CLI.
type yamlReader struct {
	lines [][]byte
	found *problems
}

func readYAML(source []byte, found *problems) value {
	if at := oddBreak(source); at >= 0 {
		found.add(place(source, at), Encoding, "end lines with a line feed, or escape the character in double quotes",
			"a line break that not every reader takes for one")
		return value{}
	}
	documents := yaml.NewDecoder(bytes.NewReader(source))
	var document, second yaml.Node
	switch err := documents.Decode(&document); {
	case errors.Is(err, io.EOF):
		return value{} // comments only
	case err != nil:
		found.addYAML(err)
		return value{}
	}
	switch err := documents.Decode(&second); {
	case err == nil:
		found.add(position{second.Line, second.Column}, Structure, "", "a second document")
		return value{}
	case !errors.Is(err, io.EOF):
		found.addYAML(err)
		return value{}
	}
	r := yamlReader{lines: bytes.Split(source, []byte("\n")), found: found}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return value{}
	}
	return r.value(document.Content[0], 0)
}

// oddBreak finds a carriage return that stands alone, or one of the line
// breaks that YAML 1.1 knows and 1.2 does not; -1 if there is none.
func oddBreak(source []byte) int {
	for i, r := range string(source) {
		switch r {
		case '\u0085', '\u2028', '\u2029':
			return i
		case '\r':
			if i+1 == len(source) || source[i+1] != '\n' {
				return i
			}
		}
	}
	return -1
}

// yamlLine finds the place in an error of yaml.v3, which tells it in words only.
var yamlLine = lazyregexp.New(`^yaml: (?:line ([0-9]+): )?`)

func (p *problems) addYAML(err error) {
	var at position
	words := err.Error()
	m := yamlLine.FindStringSubmatch(words)
	if m != nil {
		words = words[len(m[0]):]
		if line, err := strconv.Atoi(m[1]); err == nil {
			at = position{line, 1}
		}
	}
	p.add(at, Syntax, "", "%s", words)
}

func (r yamlReader) value(n *yaml.Node, depth int) value {
	at := position{n.Line, n.Column}
	v := value{at: at}
	switch {
	case r.found.full():
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.found.add(at, Alias, "write the value out where it is used", "an anchor or alias")
	case r.tagged(at):
		r.found.add(at, Tag, "quote a value that is to be a string", "an explicit type")
	case n.Kind == yaml.ScalarNode:
		return r.scalar(n, at)
	case depth == MaxDepth:
		r.found.add(at, TooLarge, "", "nesting deeper than %d", MaxDepth)
	case n.Kind == yaml.SequenceNode:
		v.kind = list
		for _, item := range n.Content {
			v.items = append(v.items, r.value(item, depth+1))
		}
	case n.Kind == yaml.MappingNode:
		v.kind = mapping
		keys := newKeys(r.found)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if name, ok := r.key(n.Content[i]); ok {
				at := position{n.Content[i].Line, n.Content[i].Column}
				keys.check(name, at)
				v.fields = append(v.fields, field{name: name, at: at, value: r.value(n.Content[i+1], depth+1)})
			}
		}
	}
	return v
}

// tagged reports an explicit tag. The source is asked, because yaml.v3 keeps
// no trace of the tag "!", which makes a string of what follows it.
func (r yamlReader) tagged(at position) bool {
	if at.line < 1 || at.line > len(r.lines) {
		return false
	}
	line := r.lines[at.line-1]
	for column := 1; len(line) > 0; column++ {
		c, size := utf8.DecodeRune(line)
		if column == at.column {
			return c == '!'
		}
		line = line[size:]
	}
	return false
}

func (r yamlReader) scalar(n *yaml.Node, at position) value {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return resolve(n.Value, at, r.found)
	}
	checkString(n.Value, at, r.found)
	return value{kind: text, at: at, text: n.Value}
}

// key returns the name of a key, which has to be a string to every reader.
func (r yamlReader) key(n *yaml.Node) (string, bool) {
	at := position{n.Line, n.Column}
	before := len(*r.found)
	v := r.value(n, MaxDepth-1)
	switch {
	case len(*r.found) > before:
		return "", false
	case v.kind != text:
		r.found.add(at, Key, "quote it", "a key that is no string")
		return "", false
	}
	return v.text, true
}
