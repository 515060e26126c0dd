package manifest

import (
	"cmp"
	"slices"
)

// Options are what `lockforge init` can be told. Empty values mean defaults,
// except the version and the plugins, which have none.
type Options struct {
	Name       string
	CLIVersion string
	Slim       bool
	Plugins    []string
	Groups     map[string][]string // label -> plugins, a part of Plugins
	Suite      string
	Platforms  []string
	// Schema is the address of schema.json for editors, "" for none.
	Schema string
}

// Init writes a commented YAML manifest. The options are checked as a
// manifest is: every problem at once, as fault.Manifest.
func Init(o Options) ([]byte, error) {
	m := defaults()
	m.Name = cmp.Or(o.Name, m.Name)
	m.CLI = CLI{Version: o.CLIVersion, Slim: o.Slim}
	for _, p := range o.Plugins {
		m.Plugins = append(m.Plugins, Plugin{Name: p})
	}
	for label, plugins := range o.Groups {
		m.Groups = append(m.Groups, Group{Label: label, Plugins: slices.Clone(plugins)})
	}
	slices.SortFunc(m.Groups, func(a, b Group) int { return cmp.Compare(a.Label, b.Label) })
	m.Base.Debian.Suite = cmp.Or(o.Suite, DefaultSuite)
	if len(o.Platforms) > 0 {
		m.Platforms = slices.Clone(o.Platforms)
	}
	var p problems
	m, err := finish(m, Disk{}, &p)
	if err != nil {
		return nil, err
	}
	return marshal(m, o.Schema)
}

// InitFrom writes a manifest that was made from upstream's variables as a
// commented YAML manifest, without credentials.
func InitFrom(m *Manifest, schema string) ([]byte, error) { return marshal(m, schema) }
