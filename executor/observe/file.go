package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// Bounds of a monitors file: its length in bytes, how deep its values are
// nested, and how many monitors one executor can reasonably keep up with.
const (
	maxFileBytes = 4 << 20
	maxDepth     = 50
	maxMonitors  = 10_000
)

// Load reads and checks a monitors file. All problems are in the error, each a
// *Problem with its place.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading monitors: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading monitors: %w", err)
	}
	file, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("reading monitors %s:\n%w", path, err)
	}
	return file, nil
}

// Parse is Load of the content of a file.
func Parse(content []byte) (*File, error) {
	if len(content) > maxFileBytes {
		return nil, &Problem{Text: fmt.Sprintf("more than %d bytes", maxFileBytes)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		return nil, &Problem{Text: "not YAML: " + err.Error()}
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, &Problem{Text: "more than one document"}
	}
	r := &reader{}
	if !r.shallow(&document, 0) {
		return nil, r.err()
	}
	file := r.file(document.Content[0])
	if err := r.err(); err != nil {
		return nil, err
	}
	return file, nil
}

// shallow refuses aliases, which can make a small file huge, and deep nesting.
func (r *reader) shallow(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		r.wrong(n, "nested deeper than %d", maxDepth)
		return false
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.wrong(n, "anchors and aliases are not allowed")
		return false
	}
	for _, below := range n.Content {
		if !r.shallow(below, depth+1) {
			return false
		}
	}
	return true
}

func (r *reader) file(n *yaml.Node) *File {
	file := &File{Connections: map[string]Connection{}}
	top := r.mapping(n, "connections", "monitors")
	r.required(n, top, "monitors")
	if connections := top["connections"]; connections != nil {
		for name, value := range r.mapping(connections) {
			file.Connections[name] = r.connection(name, value)
		}
	}
	entries := r.list(top["monitors"])
	if len(entries) > maxMonitors {
		r.wrong(top["monitors"], "more than %d monitors", maxMonitors)
		return file
	}
	lines := map[string]int{}
	for _, entry := range entries {
		m := r.monitor(entry, file.Connections)
		if first := lines[m.Assertion]; first != 0 && m.Assertion != "" {
			r.wrong(entry, "the assertion has a monitor in line %d already", first)
		}
		lines[m.Assertion] = entry.Line
		file.Monitors = append(file.Monitors, m)
	}
	return file
}

// sourceType is the form of a source type that can name a bundled venv.
var sourceType = lazyregexp.New(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (r *reader) connection(name string, n *yaml.Node) Connection {
	c := Connection{Name: name}
	found := r.mapping(n, "type", "config")
	r.required(n, found, "type", "config")
	if node := found["type"]; node != nil {
		if c.Source = r.text(node); !sourceType.MatchString(c.Source) {
			r.wrong(node, "%q can't be a source type of DataHub", c.Source)
		}
	}
	if node := found["config"]; node != nil {
		config, err := asJSON(node)
		if err != nil {
			r.wrong(node, "%v", err)
		}
		c.Config = config
	}
	return c
}

func asJSON(n *yaml.Node) (json.RawMessage, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("want keys and values, not %s", describe(n))
	}
	var value map[string]any
	if err := n.Decode(&value); err != nil {
		return nil, fmt.Errorf("not to be read: %w", err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, errors.New("not to be written as JSON: every key must be a text")
	}
	return text, nil
}
