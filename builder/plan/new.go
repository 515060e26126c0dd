package plan

import (
	"errors"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Project is the distribution of the DataHub CLI.
const Project = "acryl-datahub"

// Suffixes of directories in the venv path, as upstream names them.
const (
	pluginSuffix = "-bundled"
	groupSuffix  = "-venv"
)

// Catalog is what the plan needs to know about the CLI release.
type Catalog interface {
	// Version is the release, in its PEP 440 normal form.
	Version() string
	// SourceClasses maps each source's name to its "module:Class".
	SourceClasses() map[string]string
	// HasExtra reports whether the release has an extra of this normalised name.
	HasExtra(name string) bool
	// Dropped lists the requirements of an extra that the release's markers
	// take away on a platform ("linux/arm64") although another platform gets
	// them with the same Python ("3.13").
	Dropped(extra, platform, python string) []Dropped
	// Supports reports whether the release runs on a Python ("3.13").
	Supports(python string) bool
}

// Dropped is a requirement that a marker takes away on a platform.
type Dropped struct {
	Requirement string // name, as the release spells it
	Marker      string
}

// Options is what a plan depends on besides the manifest.
type Options struct {
	Catalog Catalog
	Indexes []Index // as package index describes them
	// Python is the minor version ("3.11") of the interpreter in a base that
	// is an image or a layout. With a Debian base the suite decides.
	Python string
}

// New plans the venvs of a manifest for one CLI release: groups in the order
// of their labels, then the other plugins in theirs, then custom sources.
// Every problem is reported at once, joined, as fault.Manifest with its place.
func New(m *manifest.Manifest, o Options) (*Plan, error) {
	b := &builder{m: m, catalog: o.Catalog, classes: o.Catalog.SourceClasses(), needs: map[string][]string{}}
	p := &Plan{
		CLIVersion: m.CLI.Version, Slim: m.CLI.Slim, VenvPath: m.VenvPath, Platforms: slices.Clone(m.Platforms),
		Python: python(m, o), Venvs: []Venv{}, OSPackages: []OSPackage{}, Indexes: append([]Index{}, o.Indexes...), Manifest: m,
	}
	if p.Python == "" {
		return nil, fault.New(fault.Usage, "planning %s: the Python of the base image is not known", m.Path)
	}
	if !o.Catalog.Supports(p.Python) {
		b.problem("cli.version", "choose another suite or release", "%s %s does not run on Python %s", Project, m.CLI.Version, p.Python)
	}
	b.python = p.Python
	b.checkPlugins()
	for _, g := range m.Groups {
		p.Venvs = append(p.Venvs, b.group(g))
	}
	for i, plugin := range m.Plugins {
		if !b.grouped(plugin.Name) {
			p.Venvs = append(p.Venvs, b.single(i))
		}
	}
	for i := range m.Custom {
		p.Venvs = append(p.Venvs, b.custom(i))
	}
	p.OSPackages = append(p.OSPackages, b.osPackages(p.Venvs)...)
	if err := errors.Join(b.problems...); err != nil {
		return nil, err
	}
	return p, nil
}

// python is the interpreter's minor version; "" where nothing says it.
func python(m *manifest.Manifest, o Options) string {
	if d := m.Base.Debian; d != nil {
		return Pythons[d.Suite]
	}
	return o.Python
}

// Pythons gives the minor version of each suite's interpreter.
var Pythons = map[string]string{"trixie": "3.13", "bookworm": "3.11"}

// builder makes the venvs of one plan and collects problems.
type builder struct {
	m        *manifest.Manifest
	catalog  Catalog
	classes  map[string]string
	python   string
	needs    map[string][]string // OS package -> plugins
	problems []error
}

func (b *builder) problem(path, hint, format string, args ...any) {
	e := fault.New(fault.Manifest, format, args...).At(b.m.Pos(path))
	if hint != "" {
		e = e.Hint("%s", hint)
	}
	b.problems = append(b.problems, e)
}

func (b *builder) grouped(name string) bool {
	return slices.ContainsFunc(b.m.Groups, func(g manifest.Group) bool { return slices.Contains(g.Plugins, name) })
}

// plugin returns the manifest's entry of a name.
func (b *builder) plugin(name string) manifest.Plugin {
	i := slices.IndexFunc(b.m.Plugins, func(p manifest.Plugin) bool { return p.Name == name })
	if i < 0 {
		return manifest.Plugin{Name: name}
	}
	return b.m.Plugins[i]
}

// group makes one shared venv: the extras of all members, sorted.
func (b *builder) group(g manifest.Group) Venv {
	members := slices.Sorted(slices.Values(g.Plugins))
	v := Venv{Dir: g.Label + groupSuffix, Label: g.Label, Plugins: members, Links: []string{}, Extras: []string{}, Sources: []Source{}}
	for _, name := range members {
		v.Extras = append(v.Extras, b.extras(b.plugin(name))...)
		v.Links = append(v.Links, links(name, v.Dir)...)
		v.Sources = append(v.Sources, b.source(name)...)
	}
	slices.Sort(v.Extras)
	v.Extras = slices.Compact(v.Extras)
	slices.Sort(v.Links)
	v.Requirements = []string{b.requirement(v.Extras)}
	return v
}

// single makes the venv of one plugin.
func (b *builder) single(i int) Venv {
	plugin := b.m.Plugins[i]
	v := Venv{Dir: plugin.Name + pluginSuffix, Label: plugin.Name, Plugins: []string{plugin.Name}, Extras: b.extras(plugin), Sources: b.source(plugin.Name)}
	v.Links = links(plugin.Name, v.Dir)
	v.Requirements = []string{b.requirement(v.Extras)}
	return v
}

// links names a plugin's venv by each of its names except the directory's own.
func links(plugin, dir string) []string {
	found := []string{}
	for _, name := range manifest.Aliases(plugin) {
		if link := name + pluginSuffix; link != dir {
			found = append(found, link)
		}
	}
	slices.Sort(found)
	return found
}

// requirement asks for the CLI with extras, in the one version of the manifest.
func (b *builder) requirement(extras []string) string {
	r := Project
	if len(extras) > 0 {
		r += "[" + strings.Join(extras, ",") + "]"
	}
	return r + "==" + b.m.CLI.Version
}

// source is what must be importable for a plugin.
func (b *builder) source(plugin string) []Source {
	name := b.sourceName(plugin)
	if name == "" {
		return []Source{} // reported by checkPlugins
	}
	return []Source{{Plugin: plugin, Name: name, Class: b.classes[name]}}
}
