package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFileBytes bounds a configuration file: a thousand times of what every
// setting takes.
const maxFileBytes = 1 << 20

// file reads the YAML form of the table.
func (l *loader) file(path string) {
	root, err := readFile(path)
	if err != nil {
		l.problems.add(path, "%v", err)
		return
	}
	if root == nil {
		return
	}
	t := tree{loader: l, path: path, settings: map[string]Setting{}, families: map[string]Prefixed{}}
	for _, s := range Settings() {
		t.settings[s.Key] = s
	}
	for _, f := range Families() {
		t.families[f.Key] = f
	}
	t.mapping(root, "")
}

// readFile returns the root of the only document, nil where it is empty.
func readFile(path string) (*yaml.Node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("has more than %d bytes", maxFileBytes)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one document")
	}
	return document.Content[0], nil
}

// syntax keeps of the parser's errors what cannot have a secret in it: some of
// them quote the file, such as a password that begins as an alias does.
func syntax(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if quoted := strings.IndexAny(message, "'\"`"); quoted >= 0 {
		message = message[:quoted]
	}
	return fmt.Errorf("is no YAML: %s", strings.TrimSpace(message))
}

// tree walks a file along the table.
type tree struct {
	*loader
	path     string
	settings map[string]Setting
	families map[string]Prefixed
}

func (t *tree) at(n *yaml.Node, key string) string {
	return fmt.Sprintf("%s:%d:%d: %s", t.path, n.Line, n.Column, key)
}

// pairs calls each for every key and value of a mapping.
func (t *tree) pairs(n *yaml.Node, prefix string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		t.problems.add(t.at(n, strings.TrimSuffix(prefix, ".")), "is no mapping")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch line, again := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			t.problems.add(t.at(key, prefix), "a key must be a plain text")
		case again:
			t.problems.add(t.at(key, prefix+key.Value), "is there twice; the first is on line %d", line)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			t.problems.add(t.at(value, prefix+key.Value), "is an anchor or an alias; write the value itself")
		default:
			each(key, value)
		}
		seen[key.Value] = key.Line
	}
}

func (t *tree) mapping(n *yaml.Node, prefix string) {
	t.pairs(n, prefix, func(key, value *yaml.Node) {
		path := prefix + key.Value
		if s, ok := t.settings[path]; ok {
			t.setting(s, value)
		} else if f, ok := t.families[path]; ok {
			*f.field(t.config) = t.properties(value, path)
		} else if t.isGroup(path) {
			t.mapping(value, path+".")
		} else {
			t.problems.add(t.at(key, path), "is unknown%s", didYouMean(path, t.keys()))
		}
	})
}

func (t *tree) isGroup(path string) bool {
	return slices.ContainsFunc(t.keys(), func(key string) bool { return strings.HasPrefix(key, path+".") })
}

func (t *tree) keys() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for key := range maps.Keys(t.settings) {
			if !yield(key) {
				return
			}
		}
		for key := range maps.Keys(t.families) {
			if !yield(key) {
				return
			}
		}
	})
}

// setting takes the value of one key: a scalar, and for lists and mappings a
// sequence and a mapping.
func (t *tree) setting(s Setting, n *yaml.Node) {
	t.from[s.Key] = t.at(n, s.Key)
	var err error
	switch {
	case s.Form == List:
		values, ok := t.texts(n, s.Key)
		if !ok {
			return
		}
		err = s.setList(t.config, values)
	case s.Form == Pairs:
		*s.field(t.config).(*Properties) = t.properties(n, s.Key)
	case n.Kind != yaml.ScalarNode:
		err = fmt.Errorf("want one %s", s.Form)
	case n.Tag == "!!null" || n.Value == "":
		err = errors.New("has no value; leave the key out for the default")
	default:
		err = s.set(t.config, n.Value)
	}
	if err != nil {
		t.problems.add(t.at(n, s.Key), "%v", err)
	}
}

func (t *tree) texts(n *yaml.Node, key string) ([]string, bool) {
	if n.Kind != yaml.SequenceNode {
		t.problems.add(t.at(n, key), "want a list")
		return nil, false
	}
	var values []string
	for i, part := range n.Content {
		if part.Kind != yaml.ScalarNode || part.Tag == "!!null" {
			t.problems.add(t.at(part, fmt.Sprintf("%s[%d]", key, i)), "want a text")
			return nil, false
		}
		values = append(values, part.Value)
	}
	return values, true
}

func (t *tree) properties(n *yaml.Node, path string) Properties {
	properties := Properties{}
	t.pairs(n, path+".", func(key, value *yaml.Node) {
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			t.problems.add(t.at(value, path+"."+key.Value), "want a text")
			return
		}
		properties[key.Value] = value.Value
	})
	return properties
}
