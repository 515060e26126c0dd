package debian

import (
	"bytes"
	"encoding/hex"
	"io"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
)

// maxPackages bounds an unpacked package index; the largest measured has 57 MB.
const maxPackages = 512 << 20

// candidate is one package of an index, with the fields a closure needs.
type candidate struct {
	name, version, arch, source string
	archive                     ArchiveName
	path, sha256                string
	size                        int64
	depends, provides           string // unparsed: few of the many are ever looked at
}

// catalog holds the highest version of each package over all archives.
type catalog struct {
	arch      string
	byName    map[string]*candidate
	providers map[string][]provider // of virtual packages; made by index
}

type provider struct {
	pkg     *candidate
	version string // "" where the Provides has none
}

func newCatalog(arch string) *catalog {
	return &catalog{arch: arch, byName: map[string]*candidate{}}
}

// unpack adds a compressed Packages index of at most limit unpacked bytes.
func (c *catalog) unpack(packed []byte, archive ArchiveName, limit int64) error {
	plain, err := deb.XZ(bytes.NewReader(packed), limit)
	if err != nil {
		return err
	}
	return c.read(plain, archive)
}

// read adds an uncompressed Packages index. Of several versions the highest
// stays; of equal ones the archive that was read first.
func (c *catalog) read(r io.Reader, archive ArchiveName) error {
	return deb.Stanzas(r, func(s *deb.Stanza) error {
		name, arch := s.Get("Package"), s.Get("Architecture")
		if arch != c.arch && arch != "all" {
			return nil
		}
		p, err := parseCandidate(s, name, arch, archive)
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading package %q", name)
		}
		if old := c.byName[name]; old == nil || compareVersions(p.version, old.version) > 0 {
			c.byName[name] = p
		}
		return nil
	})
}

func parseCandidate(s *deb.Stanza, name, arch string, archive ArchiveName) (*candidate, error) {
	p := &candidate{
		name:    strings.Clone(name),
		version: strings.Clone(s.Get("Version")),
		arch:    strings.Clone(arch),
		archive: archive,
		path:    strings.Clone(s.Get("Filename")),
		sha256:  strings.Clone(s.Get("SHA256")),
	}
	var err error
	if p.size, err = strconv.ParseInt(s.Get("Size"), 10, 64); err != nil || p.size <= 0 {
		return nil, fault.New(fault.Integrity, "size %q", s.Get("Size"))
	}
	if sum, err := hex.DecodeString(p.sha256); err != nil || len(sum) != 32 {
		return nil, fault.New(fault.Integrity, "sha256 %q", p.sha256)
	}
	if p.path == "" || path.IsAbs(p.path) || path.Clean(p.path) != p.path || strings.HasPrefix(p.path, "../") {
		return nil, fault.New(fault.Integrity, "file name %q", p.path)
	}
	if err := checkVersion(p.version); err != nil {
		return nil, err
	}
	// "Source: name (version)"; absent where it equals the package.
	source, _, _ := strings.Cut(s.Get("Source"), " ")
	if source == "" {
		source = name
	}
	p.source = strings.Clone(source)
	depends := []string{}
	for _, field := range []string{"Pre-Depends", "Depends"} {
		if value := s.Get(field); value != "" {
			depends = append(depends, value)
		}
	}
	p.depends = strings.Clone(strings.Join(depends, ", "))
	p.provides = strings.Clone(s.Get("Provides"))
	return p, nil
}

// index makes the table of virtual packages, when every archive was read.
func (c *catalog) index() error {
	c.providers = map[string][]provider{}
	for _, p := range c.byName {
		clauses, err := parseDependencies(p.provides)
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading what %s provides", p.name)
		}
		for _, clause := range clauses {
			virtual := clause[0]
			c.providers[virtual.name] = append(c.providers[virtual.name], provider{p, virtual.version})
		}
	}
	for _, list := range c.providers {
		sort.Slice(list, func(i, j int) bool { return list[i].pkg.name < list[j].pkg.name })
	}
	return nil
}
