package manifest

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML nodes into a manifest, noting places and problems.
type decoder struct {
	m    *Manifest
	path string // of the file
	p    *problems
}

// field is one key of a mapping and what to do with its value. The key's own
// path ("cli.version") is passed on.
type field struct {
	key    string
	decode func(n *yaml.Node, path string)
}

// mapping reads a mapping with known keys. Unknown and repeated keys are problems.
func (d *decoder) mapping(n *yaml.Node, path string, fields ...field) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	d.pairs(n, path, func(key, value *yaml.Node) {
		for _, f := range fields {
			if f.key == key.Value {
				sub := join(path, f.key)
				d.mark(sub, key, value)
				f.decode(value, sub)
				return
			}
		}
		where := "the manifest"
		if path != "" {
			where = path
		}
		d.p.add(nodePos(key, d.path), d.p.didYouMean(key.Value, known), "unknown key %s in %s", quote(key.Value), where)
	})
}

// pairs visits the pairs of a mapping whose keys are distinct strings.
func (d *decoder) pairs(n *yaml.Node, path string, visit func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "a mapping")
		return
	}
	if !d.short(len(n.Content)/2, path) {
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			d.p.add(nodePos(key, d.path), "", "a key must be a string, not %s", describe(key))
			continue
		}
		if line, dup := first[key.Value]; dup {
			d.p.add(nodePos(key, d.path), "keep one of them", "the key %s is given twice, first in line %d", quote(key.Value), line)
			continue
		}
		first[key.Value] = key.Line
		visit(key, value)
	}
}

// list visits the items of a sequence; each gets the path "key[i]".
func (d *decoder) list(n *yaml.Node, path string, visit func(item *yaml.Node, path string)) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "a list")
		return
	}
	if !d.short(len(n.Content), path) {
		return
	}
	for i, item := range n.Content {
		sub := fmt.Sprintf("%s[%d]", path, i)
		d.m.mark(sub, nodePos(item, d.path))
		visit(item, sub)
	}
}

// maxItems bounds every list and mapping, so that checks which compare items
// with each other stay cheap.
const maxItems = 1000

func (d *decoder) short(items int, path string) bool {
	if items <= maxItems {
		return true
	}
	at := d.m.Pos(path)
	d.p.add(at, "", "%s has %d items, more than %d", path, items, maxItems)
	d.p.skip(at)
	return false
}

// mark notes the place of a scalar's value, or of a collection's key: a
// collection's value may start lines below.
func (d *decoder) mark(path string, key, value *yaml.Node) {
	if value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" {
		key = value
	}
	d.m.mark(path, nodePos(key, d.path))
}

func (d *decoder) wrong(n *yaml.Node, path, want string) {
	at := d.m.Pos(path)
	d.p.add(at, "", "%s must be %s, not %s", path, want, describe(n))
	d.p.skip(at)
}

// str decodes a string.
func (d *decoder) str(into *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			d.wrong(n, path, "a string")
			return
		}
		*into = n.Value
	}
}

// text decodes a string that YAML may take for a number (1.10, 1234e5): it
// keeps what is written.
func (d *decoder) text(into *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		if n.Kind == yaml.ScalarNode {
			switch n.ShortTag() {
			case "!!str", "!!int", "!!float":
				*into = n.Value
				return
			}
		}
		d.wrong(n, path, "a string")
	}
}

// integer decodes a decimal integer.
func (d *decoder) integer(into *int) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			d.wrong(n, path, "a whole number")
			return
		}
		*into = i
	}
}

// boolean decodes true or false.
func (d *decoder) boolean(into *bool) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			d.wrong(n, path, "true or false")
			return
		}
		*into = n.Value[0] == 't' || n.Value[0] == 'T'
	}
}

// strs decodes a list of strings.
func (d *decoder) strs(into *[]string) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		*into = []string{}
		d.list(n, path, func(item *yaml.Node, path string) {
			var s string
			d.str(&s)(item, path)
			*into = append(*into, s)
		})
	}
}

// items decodes a list of mappings, each with the given fields of its value.
func items[T any](d *decoder, into *[]T, fields func(*T) []field) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		*into = []T{}
		d.list(n, path, func(item *yaml.Node, path string) {
			var v T
			d.mapping(item, path, fields(&v)...)
			*into = append(*into, v)
		})
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
