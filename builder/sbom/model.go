package sbom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/executor/contract"
)

// Options say what a document is about besides the facts.
type Options struct {
	Name        string // of the image, "" for its digest
	ToolVersion string // of lockforge
}

// bom is what both formats say.
type bom struct {
	name       string
	facts      *facts.Facts
	tool       string
	components []component
	venvs      []venv
	exceptions []string // sentences
	uuid       string
}

// component is one package.
type component struct {
	id         string // unique in the document, [a-zA-Z0-9.-]
	kind       string // pypi, deb or generic
	name       string
	version    string
	purl       string
	sha256     string // of the file it came in, hex
	licence    string // as its authors put it
	expression string // SPDX
	path       string // where the image says that it is there
	layer      facts.Layer
	venvs      []string // names
	plugins    []string
}

// venv is one virtual environment, with the plugins it is for.
type venv struct {
	id, name string
	plugins  []string
	holds    []string // ids of components
}

func newBOM(f *facts.Facts, l *lock.Lock, o Options) *bom {
	b := &bom{name: cmp.Or(o.Name, f.Digest), facts: f, tool: "lockforge-" + cmp.Or(o.ToolVersion, "devel"), uuid: uuidOf(f.Digest + " " + f.Platform)}
	hashes, exceptions := locked(f, l)
	b.exceptions = exceptions
	inVenvs := map[string][]facts.Venv{}
	for _, v := range f.Venvs {
		for _, p := range v.Distributions {
			inVenvs[p] = append(inVenvs[p], v)
		}
	}
	plugins := pluginsOf(f)
	for _, d := range f.Python {
		c := component{
			kind: "pypi", name: d.Name, version: d.Version, purl: "pkg:pypi/" + escape(d.Name) + "@" + escape(d.Version),
			sha256: hashes["store "+d.Store], licence: d.License, expression: d.Expression, path: d.Path, layer: f.Layers[d.Layer],
		}
		for _, v := range inVenvs[d.Path] {
			c.venvs = append(c.venvs, v.Name)
			c.plugins = append(c.plugins, plugins[v.Name]...)
		}
		slices.Sort(c.plugins)
		c.plugins = slices.Compact(c.plugins)
		b.components = append(b.components, c)
	}
	for _, d := range f.Debian {
		b.components = append(b.components, component{
			kind: "deb", name: d.Name, version: d.Version, purl: debURL(d, f.OSRelease),
			sha256: hashes["deb "+d.Name+" "+d.Version+" "+d.Arch], path: d.Path, layer: f.Layers[d.Layer],
		})
	}
	b.addExecutor()
	b.number()
	b.addVenvs(plugins)
	return b
}

// locked returns the hashes that the lock has for files of this platform, by
// store directory and by Debian package, and its exceptions as sentences.
func locked(f *facts.Facts, l *lock.Lock) (hashes map[string]string, exceptions []string) {
	hashes = map[string]string{}
	if l == nil {
		return hashes, nil
	}
	for _, p := range l.Platforms {
		if p.Platform != f.Platform {
			continue
		}
		for _, w := range p.Wheels {
			hashes["store "+w.StoreKey()] = w.SHA256
		}
		for _, d := range p.Debs {
			hashes["deb "+d.Name+" "+d.Version+" "+d.Arch] = d.SHA256
		}
		for _, e := range p.Exceptions {
			exceptions = append(exceptions, fmt.Sprintf("%s %s is declared by %s and not shipped: %s", e.Name, e.Version, strings.Join(e.NeededBy, ", "), e.Reason))
		}
	}
	return hashes, exceptions
}

// pluginsOf reads from the image's own metadata.json which plugins a venv is for.
func pluginsOf(f *facts.Facts) map[string][]string {
	plugins := map[string][]string{}
	if f.Metadata != nil {
		for _, v := range f.Metadata.Venvs {
			plugins[v.Dir] = v.Plugins
		}
	}
	return plugins
}

func (b *bom) addExecutor() {
	at := strings.TrimPrefix(contract.ExecutorPath, "/")
	for _, e := range b.facts.Entries {
		if e.Path != at || e.SHA256 == "" {
			continue
		}
		c := component{kind: "generic", name: "lockforge-executor", sha256: e.SHA256, path: e.Path, layer: b.facts.Layers[e.Layer]}
		c.version = "sha256-" + e.SHA256[:12]
		if b.facts.Build != nil && b.facts.Build.ToolVersion != "" {
			c.version = b.facts.Build.ToolVersion
		}
		c.purl = "pkg:generic/lockforge-executor@" + escape(c.version)
		b.components = append(b.components, c)
	}
}

// number gives every component an identity: what it is, and a number where
// the image holds it more than once.
func (b *bom) number() {
	slices.SortStableFunc(b.components, func(x, y component) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.name, y.name), cmp.Compare(x.version, y.version), cmp.Compare(x.path, y.path), cmp.Compare(x.layer.Index, y.layer.Index))
	})
	used := map[string]int{}
	for n := range b.components {
		c := &b.components[n]
		id := identifier(c.kind + "-" + c.name + "-" + c.version)
		used[id]++
		if used[id] > 1 {
			id = fmt.Sprintf("%s--%d", id, used[id])
		}
		c.id = id
	}
}

var notInIdentifiers = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

func identifier(s string) string { return notInIdentifiers.ReplaceAllString(s, "-") }

func (b *bom) addVenvs(plugins map[string][]string) {
	ids := map[string][]string{}
	for _, c := range b.components {
		ids[c.path] = append(ids[c.path], c.id)
	}
	for _, v := range b.facts.Venvs {
		e := venv{id: identifier("venv-" + v.Name), name: v.Name, plugins: plugins[v.Name], holds: []string{}}
		for _, p := range v.Distributions {
			e.holds = append(e.holds, ids[p]...)
		}
		slices.Sort(e.holds)
		b.venvs = append(b.venvs, e)
	}
}

// imageURL is the package URL of the image, purl-types "oci".
func (b *bom) imageURL() string {
	name := path.Base(b.name)
	name, _, _ = strings.Cut(name, ":")
	if b.name == b.facts.Digest || name == "" {
		name = "image"
	}
	_, arch, _ := strings.Cut(b.facts.Platform, "/")
	return "pkg:oci/" + escape(strings.ToLower(name)) + "@" + strings.Replace(b.facts.Digest, ":", "%3A", 1) + "?arch=" + escape(arch)
}

func debURL(d facts.Package, release map[string]string) string {
	distro := cmp.Or(release["ID"], "debian")
	u := "pkg:deb/" + escape(distro) + "/" + escape(d.Name) + "@" + escape(d.Version) + "?arch=" + escape(d.Arch)
	if release["VERSION_ID"] != "" {
		u += "&distro=" + escape(distro+"-"+release["VERSION_ID"])
	}
	if d.Source != "" && d.Source != d.Name {
		u += "&upstream=" + escape(d.Source)
	}
	return u
}

// escape encodes a part of a package URL: everything but letters, digits,
// ".-_~" and ":" (purl-spec, "character encoding").
func escape(s string) string {
	var b strings.Builder
	for n := range len(s) {
		c := s[n]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// uuidOf makes a name-based UUID (RFC 9562, version 8: a hash of our own choice).
func uuidOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
