package manifest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decodeYAML reads the YAML form; nil where nothing can be said about its keys.
func decodeYAML(data []byte, path string, p *problems) *Manifest {
	root := parseYAML(data, path, p)
	if root == nil {
		return nil
	}
	m := defaults()
	m.Version, m.Path = 0, path
	d := &decoder{m: m, path: path, p: p}
	m.mark("", nodePos(root, path))
	d.mapping(root, "",
		field{"version", d.integer(&m.Version)},
		field{"name", d.str(&m.Name)},
		field{"cli", d.cli},
		field{"plugins", d.plugins},
		field{"groups", d.groups},
		field{"custom", items(d, &m.Custom, d.custom)},
		field{"indexes", d.indexes},
		field{"resolve", d.resolve},
		field{"wheels", items(d, &m.Wheels, d.wheel)},
		field{"reviewed", items(d, &m.Reviewed, d.review)},
		field{"allow", items(d, &m.Allow, d.allow)},
		field{"base", d.base},
		field{"runtime", d.runtime},
		field{"venvPath", d.str(&m.VenvPath)},
		field{"layers", d.layers},
		field{"platforms", d.strs(&m.Platforms)},
	)
	return m
}

func (d *decoder) cli(n *yaml.Node, path string) {
	d.mapping(n, path,
		field{"version", d.text(&d.m.CLI.Version)},
		field{"slim", d.boolean(&d.m.CLI.Slim)},
		field{"constraints", d.str(&d.m.CLI.Constraints)},
	)
}

// plugins reads names, or mappings of a name and additional extras.
func (d *decoder) plugins(n *yaml.Node, path string) {
	d.list(n, path, func(item *yaml.Node, path string) {
		var p Plugin
		if item.Kind == yaml.MappingNode {
			d.mapping(item, path, field{"name", d.str(&p.Name)}, field{"extras", d.strs(&p.Extras)})
		} else {
			d.str(&p.Name)(item, path)
		}
		d.m.Plugins = append(d.m.Plugins, p)
	})
}

// groups reads a mapping of labels to lists of plugins, or to mappings that
// name the primary plugin too.
func (d *decoder) groups(n *yaml.Node, path string) {
	d.pairs(n, path, func(key, value *yaml.Node) {
		if !d.p.label(nodePos(key, d.path), key.Value) {
			return
		}
		g := Group{Label: key.Value}
		sub := join(path, key.Value)
		d.m.mark(sub, nodePos(key, d.path))
		if value.Kind == yaml.MappingNode {
			d.mapping(value, sub, field{"plugins", d.strs(&g.Plugins)}, field{"primary", d.str(&g.Primary)})
			d.renamePositions(sub+".plugins[", sub+"[")
		} else {
			d.strs(&g.Plugins)(value, sub)
		}
		d.m.Groups = append(d.m.Groups, g)
	})
	slices.SortFunc(d.m.Groups, func(a, b Group) int { return cmp.Compare(a.Label, b.Label) })
}

// renamePositions makes both spellings of a group answer to the same paths.
func (d *decoder) renamePositions(from, to string) {
	for path, at := range d.m.positions {
		if rest, ok := strings.CutPrefix(path, from); ok {
			delete(d.m.positions, path)
			d.m.positions[to+rest] = at
		}
	}
}

func (d *decoder) custom(c *Custom) []field {
	return []field{
		{"name", d.str(&c.Name)},
		{"requirements", d.strs(&c.Requirements)},
		{"source", d.str(&c.Source)},
	}
}

func (d *decoder) indexes(n *yaml.Node, path string) {
	d.mapping(n, path,
		field{"default", func(n *yaml.Node, path string) {
			d.m.Indexes.Default = &Index{}
			d.mapping(n, path, d.index(d.m.Indexes.Default)...)
		}},
		field{"extra", items(d, &d.m.Indexes.Extra, d.index)},
	)
}

func (d *decoder) index(i *Index) []field {
	return []field{
		{"name", d.str(&i.Name)},
		{"url", d.str(&i.URL)},
		{"mirrors", d.strs(&i.Mirrors)},
		{"packages", d.strs(&i.Packages)},
	}
}

func (d *decoder) resolve(n *yaml.Node, path string) {
	d.mapping(n, path, field{"cooldown", func(n *yaml.Node, path string) {
		days, ok := strings.CutSuffix(n.Value, "d")
		count, err := strconv.ParseUint(days, 10, 16)
		if n.Kind != yaml.ScalarNode || !ok || err != nil {
			d.wrong(n, path, `a number of days such as "7d"`)
			return
		}
		d.m.Resolve.CooldownDays = int(count)
	}})
}

func (d *decoder) wheel(w *Wheel) []field {
	return []field{{"path", d.str(&w.Path)}, {"sha256", d.text(&w.SHA256)}}
}

func (d *decoder) review(r *Review) []field {
	return []field{{"file", d.str(&r.File)}, {"sha256", d.text(&r.SHA256)}, {"reason", d.str(&r.Reason)}}
}

func (d *decoder) allow(a *Allow) []field {
	return []field{{"program", d.str(&a.Program)}, {"reason", d.str(&a.Reason)}}
}

func (d *decoder) base(n *yaml.Node, path string) {
	b := &d.m.Base
	*b = Base{}
	d.mapping(n, path,
		field{"debian", func(n *yaml.Node, path string) {
			b.Debian = &Debian{Suite: DefaultSuite}
			d.mapping(n, path,
				field{"suite", d.str(&b.Debian.Suite)},
				field{"mirrors", d.strs(&b.Debian.Mirrors)},
				field{"securityMirrors", d.strs(&b.Debian.SecurityMirrors)},
			)
		}},
		field{"image", d.str(&b.Image)},
		field{"layout", d.str(&b.Layout)},
		field{"flatten", d.boolean(&b.Flatten)},
	)
}

func (d *decoder) runtime(n *yaml.Node, path string) {
	d.mapping(n, path,
		field{"executor", d.boolean(&d.m.Runtime.Executor)},
		field{"user", d.integer(&d.m.Runtime.User)},
	)
}

func (d *decoder) layers(n *yaml.Node, path string) {
	d.mapping(n, path,
		field{"budget", d.integer(&d.m.Layers.Budget)},
		field{"compression", d.str(&d.m.Layers.Compression)},
	)
}
