package manifest

import (
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

// Defaults of what a manifest may leave out. The CLI version and the plugins
// have none: an image's content is never chosen for its user.
const (
	FormatVersion      = 1
	DefaultName        = "datahub-executor-locked"
	DefaultVenvPath    = "/opt/datahub/venvs"
	DefaultSuite       = "trixie"
	DefaultUser        = 1000
	DefaultBudget      = 48
	DefaultCompression = "zstd"
	DefaultPlatform    = "linux/amd64"
	// DefaultIndex is the name of the default index unless the manifest gives one.
	DefaultIndex = "default"
)

// defaults returns a manifest with nothing but defaults. A key that is given
// replaces its default, so that a wrong zero is seen and not filled in.
func defaults() *Manifest {
	return &Manifest{
		Version:   FormatVersion,
		Name:      DefaultName,
		Base:      Base{Debian: &Debian{Suite: DefaultSuite}},
		Runtime:   Runtime{Executor: true, User: DefaultUser},
		VenvPath:  DefaultVenvPath,
		Layers:    Layers{Budget: DefaultBudget, Compression: DefaultCompression},
		Platforms: []string{DefaultPlatform},
	}
}

// complete brings values into their one spelling: versions and project names
// normalised, empty lists nil. It runs before validation and leaves what it
// can't read as it is.
func (m *Manifest) complete() {
	// Upstream strips one leading "v", so that a git tag can be given.
	m.CLI.Version = strings.TrimPrefix(m.CLI.Version, "v")
	if v, err := pep440.Parse(m.CLI.Version); err == nil {
		m.CLI.Version = v.String()
	}
	for i := range m.Plugins {
		m.Plugins[i].Extras = normaliseAll(m.Plugins[i].Extras)
	}
	if d := m.Indexes.Default; d != nil && d.Name == "" {
		d.Name = DefaultIndex
	}
	for i := range m.Indexes.Extra {
		x := &m.Indexes.Extra[i]
		x.Packages = normaliseAll(x.Packages)
		x.Mirrors = nilIfEmpty(x.Mirrors)
	}
	if d := m.Indexes.Default; d != nil {
		d.Mirrors, d.Packages = nilIfEmpty(d.Mirrors), nilIfEmpty(d.Packages)
	}
	if d := m.Base.Debian; d != nil {
		d.Mirrors, d.SecurityMirrors = nilIfEmpty(d.Mirrors), nilIfEmpty(d.SecurityMirrors)
	}
	m.Groups, m.Custom = nilIfEmpty(m.Groups), nilIfEmpty(m.Custom)
	m.Indexes.Extra = nilIfEmpty(m.Indexes.Extra)
	m.Wheels, m.Reviewed, m.Allow = nilIfEmpty(m.Wheels), nilIfEmpty(m.Reviewed), nilIfEmpty(m.Allow)
}

func normaliseAll(names []string) []string {
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = pep508.Normalise(n)
	}
	return nilIfEmpty(names)
}

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}
