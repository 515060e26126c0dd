package manifest

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/lockforge/lockforge/builder/fault"
	"gopkg.in/yaml.v3"
)

// Marshal writes a manifest in the YAML form, with comments. Read back, it is
// the same manifest, except that index addresses are written without
// credentials: those belong into a netrc file or the environment.
func Marshal(m *Manifest) ([]byte, error) { return marshal(m, "") }

// marshal writes a manifest; schema is the address for editors, "" for none.
func marshal(m *Manifest, schema string) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	w := writer{root}
	w.scalar("", "version", m.Version)
	w.scalar("Name of the image, without registry.", "name", m.Name)
	w.node("Release of the DataHub CLI, the same for every venv.", "cli", cliNode(m.CLI))
	if len(m.Plugins) > 0 {
		w.node("Connectors, as recipes name them. Each gets its own venv, NAME-bundled.", "plugins", pluginNodes(m.Plugins))
	}
	if len(m.Groups) > 0 {
		w.node("Plugins that share one venv, LABEL-venv.", "groups", groupNodes(m.Groups))
	}
	w.encode("Sources of your own.", "custom", m.Custom, len(m.Custom) > 0)
	w.node("Where wheels come from. Credentials stay in netrc or the environment.", "indexes", indexNodes(m.Indexes))
	if d := m.Resolve.CooldownDays; d > 0 {
		w.node("", "resolve", mapping(entry("cooldown", strconv.Itoa(d)+"d")))
	}
	w.encode("Local wheels, by hash.", "wheels", m.Wheels, len(m.Wheels) > 0)
	w.encode("Start-up files that were read and accepted.", "reviewed", m.Reviewed, len(m.Reviewed) > 0)
	w.encode("Programs that a locked image lacks and a plugin needs.", "allow", m.Allow, len(m.Allow) > 0)
	w.encode("The OS under the venvs.", "base", m.Base, true)
	w.encode("", "runtime", m.Runtime, true)
	w.scalar("", "venvPath", m.VenvPath)
	w.encode("", "layers", m.Layers, true)
	w.encode("", "platforms", m.Platforms, true)

	var out bytes.Buffer
	if schema != "" {
		fmt.Fprintf(&out, "# yaml-language-server: $schema=%s\n", schema)
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding manifest %s", m.Path)
	}
	return out.Bytes(), nil
}

// writer appends keys to a mapping.
type writer struct{ to *yaml.Node }

func (w writer) node(comment, key string, value *yaml.Node) {
	if value == nil || value.Kind != yaml.ScalarNode && len(value.Content) == 0 {
		return
	}
	k := text(key)
	if comment != "" {
		k.HeadComment = "# " + comment
	}
	w.to.Content = append(w.to.Content, k, value)
}

func (w writer) scalar(comment, key string, value any) {
	w.encode(comment, key, value, true)
}

// encode writes any value by its yaml tags, in one line where it is short.
func (w writer) encode(comment, key string, value any, present bool) {
	if !present {
		return
	}
	var n yaml.Node
	// Strings, integers and booleans in structs always encode.
	if err := n.Encode(value); err == nil {
		flow(&n)
		w.node(comment, key, &n)
	}
}

// flow writes collections of scalars in one line; items of a list each have
// their own.
func flow(n *yaml.Node) {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode && !hasMappings(n) {
		n.Style = yaml.FlowStyle
		return
	}
	for _, c := range n.Content {
		flow(c)
	}
}

func hasMappings(n *yaml.Node) bool {
	for _, c := range n.Content {
		if c.Kind == yaml.MappingNode {
			return true
		}
	}
	return false
}

type pair struct {
	key   string
	value *yaml.Node
}

func entry(key, value string) pair { return pair{key, text(value)} }

func mapping(pairs ...pair) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, p := range pairs {
		n.Content = append(n.Content, text(p.key), p.value)
	}
	return n
}

// text is a string scalar; the encoder quotes it where YAML would read it as
// something else.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func texts(list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, s := range list {
		n.Content = append(n.Content, text(s))
	}
	return n
}

func cliNode(c CLI) *yaml.Node {
	pairs := []pair{entry("version", c.Version), {"slim", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(c.Slim)}}}
	if c.Constraints != "" {
		pairs = append(pairs, entry("constraints", c.Constraints))
	}
	return mapping(pairs...)
}

func pluginNodes(plugins []Plugin) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range plugins {
		item := text(p.Name)
		if len(p.Extras) > 0 {
			item = mapping(entry("name", p.Name), pair{"extras", texts(p.Extras)})
		}
		list.Content = append(list.Content, item)
	}
	return list
}

func groupNodes(groups []Group) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, g := range groups {
		value := texts(g.Plugins)
		if g.Primary != "" {
			value = mapping(pair{"plugins", value}, entry("primary", g.Primary))
		}
		n.Content = append(n.Content, text(g.Label), value)
	}
	return n
}

func indexNodes(x Indexes) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	w := writer{n}
	if x.Default != nil {
		w.node("", "default", indexNode(*x.Default))
	}
	if len(x.Extra) > 0 {
		extra := &yaml.Node{Kind: yaml.SequenceNode}
		for _, i := range x.Extra {
			extra.Content = append(extra.Content, indexNode(i))
		}
		w.node("", "extra", extra)
	}
	return n
}

func indexNode(i Index) *yaml.Node {
	r := i.redacted()
	pairs := []pair{entry("name", r.Name), entry("url", r.URL)}
	if len(r.Mirrors) > 0 {
		pairs = append(pairs, pair{"mirrors", texts(r.Mirrors)})
	}
	if len(r.Packages) > 0 {
		pairs = append(pairs, pair{"packages", texts(r.Packages)})
	}
	return mapping(pairs...)
}
