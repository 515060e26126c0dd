package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/lockforge/lockforge/builder/fault"
	"gopkg.in/yaml.v3"
)

// maxDepth bounds how deep a manifest's values may nest. A manifest needs five.
const maxDepth = 16

// parseYAML reads exactly one document whose root is a mapping.
func parseYAML(data []byte, path string, p *problems) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		p.add(fault.Pos{File: path, Line: 1, Column: 1}, "`lockforge init` writes a manifest to start from", "the manifest is empty")
		return nil
	}
	if err != nil {
		p.list = append(p.list, fault.Wrap(fault.Manifest, err, "reading YAML").At(syntaxPos(data, path, err)))
		return nil
	}
	root := doc.Content[0]
	at := nodePos(root, path)
	if root.Kind != yaml.MappingNode {
		p.add(at, "start with `version: 1`", "a manifest is a mapping, not %s", describe(root))
		return nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if at = nodePos(&second, path); at.Line == 0 {
			at = fault.Pos{File: path}
		}
		p.add(at, "keep one document per file", "more than one YAML document")
		return nil
	}
	if !checkPlain(root, path, 0, p) {
		return nil
	}
	return root
}

// checkPlain refuses what makes YAML hard to review or expensive to read:
// anchors, aliases, merge keys, explicit tags, deep nesting.
func checkPlain(n *yaml.Node, path string, depth int, p *problems) bool {
	at := nodePos(n, path)
	switch {
	case depth > maxDepth:
		p.add(at, "", "values nest deeper than %d levels", maxDepth)
		return false
	case n.Kind == yaml.AliasNode:
		p.add(at, "write the value out", "the alias *%s is not allowed", n.Value)
		return false
	case n.Anchor != "":
		p.add(at, "write the value out where it is needed", "the anchor &%s is not allowed", n.Anchor)
		return false
	case n.Style&yaml.TaggedStyle != 0:
		p.add(at, "leave the tag out", "the tag %s is not allowed", n.Tag)
		return false
	case n.ShortTag() == "!!merge":
		p.add(at, "write the keys out", "the merge key << is not allowed")
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = checkPlain(c, path, depth+1, p) && ok
	}
	return ok
}

func nodePos(n *yaml.Node, path string) fault.Pos {
	return fault.Pos{File: path, Line: n.Line, Column: n.Column}
}

// describe names a node's kind in the words of an error message.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "empty"
	default:
		return quote(n.Value)
	}
}

// syntaxPos finds the line of a syntax error: the first one with which the
// file stops being readable in the same way. The library says a line in its
// text, but not always, and for some errors the one before.
func syntaxPos(data []byte, path string, err error) fault.Pos {
	at := fault.Pos{File: path}
	if _, scanErr := fmt.Sscanf(err.Error(), "yaml: line %d:", &at.Line); scanErr != nil {
		at.Line = 1
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	const tries, largest = 50, 64 << 10 // each try reads the file anew
	for n := at.Line; n <= min(len(lines), at.Line+tries) && len(data) <= largest; n++ {
		var ignored yaml.Node
		try := yaml.Unmarshal(bytes.Join(lines[:n], nil), &ignored)
		if try != nil && try.Error() == err.Error() {
			at.Line = n
			break
		}
	}
	if at.Line <= len(lines) {
		line := lines[at.Line-1]
		at.Column = len(line) - len(bytes.TrimLeft(line, " \t")) + 1 // the line's first word
	}
	return at
}
