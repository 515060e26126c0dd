package lock

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// FormatVersion is the version of the lock format that this package writes.
const FormatVersion = 1

// The forms of the fields. They leave no room for a URL, a host with a path or
// an absolute path in any of them.
var (
	digestForm   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	hexForm      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	nameForm     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`) // PEP 503, normalised
	versionForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_-]*$`)
	indexForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	fileForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_-]*$`)
	pythonForm   = regexp.MustCompile(`^3\.[1-9][0-9]?$`)
	debNameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)   // Debian policy 5.6.1
	debVerForm   = regexp.MustCompile(`^[0-9][A-Za-z0-9.+:~-]*$`) // Debian policy 5.6.12
	poolPathForm = regexp.MustCompile(`^pool/[A-Za-z0-9][A-Za-z0-9.+_~%:/-]*$`)
	labelForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	classForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$`)
)

var (
	knownPlatforms = []string{"linux/amd64", "linux/arm64"}
	knownSuites    = []string{"bookworm", "trixie"}
	knownArchives  = []string{"main", "security", "updates"}
	compressions   = []string{"gzip", "zstd"}
)

// checker collects every problem of a lock.
type checker struct{ problems []error }

func (c *checker) failf(format string, args ...any) {
	c.problems = append(c.problems, fault.New(fault.LockDrift, format, args...))
}

// form reports a field that does not have its form.
func (c *checker) form(re *regexp.Regexp, value, where string) {
	if !re.MatchString(value) || len(value) > 512 {
		c.failf("checking lock: %s: %q is not allowed here", where, value)
	}
}

func (c *checker) oneOf(known []string, value, where string) {
	if !slices.Contains(known, value) {
		c.failf("checking lock: %s: %q is none of %s", where, value, strings.Join(known, ", "))
	}
}

// text reports free text that could carry an address, or that YAML would not
// give back as it is.
func (c *checker) text(value, where string) {
	control := strings.ContainsFunc(value, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffd'
	})
	if control || strings.Contains(value, "://") || strings.HasPrefix(value, "/") || len(value) > 1024 {
		c.failf("checking lock: %s: %q is not allowed here", where, value)
	}
}

// validate reports everything that a lock must not hold, all problems joined.
func validate(l *Lock) error {
	c := &checker{}
	if l.Version != FormatVersion {
		c.failf("checking lock: format version %d; this lockforge knows version %d", l.Version, FormatVersion)
	}
	c.form(digestForm, l.Manifest, "manifest")
	if _, err := time.Parse(time.DateOnly, l.Resolved); err != nil {
		c.failf("checking lock: resolved: %q is no date", l.Resolved)
	}
	c.form(versionForm, l.CLIVersion, "cliVersion")
	for _, t := range l.Tools {
		c.form(nameForm, t.Name, "tools")
		c.form(versionForm, t.Version, "tools: "+t.Name)
	}
	c.unique("tools", len(l.Tools), func(i int) string { return l.Tools[i].Name })
	c.layers(l.Layers)
	if len(l.Platforms) == 0 {
		c.failf("checking lock: it has no platform")
	}
	for i, p := range l.Platforms {
		if p == nil {
			c.failf("checking lock: platforms[%d] is empty", i)
			return errors.Join(c.problems...)
		}
		c.platform(p)
	}
	c.unique("platforms", len(l.Platforms), func(i int) string { return l.Platforms[i].Platform })
	c.sameFiles(l)
	return errors.Join(c.problems...)
}

func (c *checker) layers(y Layers) {
	c.oneOf(compressions, y.Compression, "layers: compression")
	if y.Budget < 1 || y.Buckets < 1 || y.Buckets > y.Budget || y.OwnAbove < 1 {
		c.failf("checking lock: layers: budget %d, buckets %d and ownAbove %d do not fit together", y.Budget, y.Buckets, y.OwnAbove)
	}
}

func (c *checker) platform(p *Platform) {
	at := p.Platform + ": "
	c.oneOf(knownPlatforms, p.Platform, "platforms")
	c.form(pythonForm, p.Python, at+"python")
	c.base(p, at)
	for _, d := range p.Debs {
		c.deb(p, d, at+"debs: "+d.Name)
	}
	c.unique(at+"debs", len(p.Debs), func(i int) string { return p.Debs[i].Name })
	files := map[string]Wheel{}
	for _, w := range p.Wheels {
		c.wheel(w, at+"wheels: "+w.File)
		files[w.File] = w
	}
	c.unique(at+"wheels", len(p.Wheels), func(i int) string { return p.Wheels[i].File })
	for _, w := range p.BuildTools {
		c.wheel(w, at+"buildTools: "+w.File)
	}
	c.unique(at+"buildTools", len(p.BuildTools), func(i int) string { return p.BuildTools[i].Name })
	c.sdists(p, at)
	for _, r := range p.Reviewed {
		c.reviewed(r, files, at+"reviewed: "+r.File)
	}
	for _, e := range p.Exceptions {
		c.exception(e, at+"exceptions: "+e.Name)
	}
	c.venvs(p, files, at)
}

func (c *checker) base(p *Platform, at string) {
	b := p.Base
	switch {
	case b.Suite != "" && b.Image != "":
		c.failf("checking lock: %sbase: suite and image exclude each other", at)
	case b.Image != "":
		c.form(digestForm, b.Image, at+"base: image")
		if len(b.Layers) == 0 {
			c.failf("checking lock: %sbase: layers of the image are missing", at)
		}
	default:
		c.oneOf(knownSuites, b.Suite, at+"base: suite")
	}
	if b.Image == "" && len(b.Layers) > 0 {
		c.failf("checking lock: %sbase: layers without an image", at)
	}
	for _, layer := range b.Layers {
		c.form(digestForm, layer, at+"base: layers")
	}
	for _, a := range b.Archives {
		c.oneOf(knownArchives, a.Name, at+"base: archives")
		if _, err := time.Parse(time.RFC3339, a.Date); err != nil {
			c.failf("checking lock: %sbase: archive %s: %q is no date", at, a.Name, a.Date)
		}
	}
	c.unique(at+"base: archives", len(b.Archives), func(i int) string { return b.Archives[i].Name })
}

func (c *checker) deb(p *Platform, d Deb, at string) {
	c.form(debNameForm, d.Name, at)
	c.form(debVerForm, d.Version, at+": version")
	c.form(debNameForm, d.Source, at+": source")
	c.oneOf([]string{"all", strings.TrimPrefix(p.Platform, "linux/")}, d.Arch, at+": arch")
	c.form(poolPathForm, d.Path, at+": path")
	if path.Clean(d.Path) != d.Path || strings.Contains(d.Path, "..") {
		c.failf("checking lock: %s: path %q leaves its place", at, d.Path)
	}
	if !slices.ContainsFunc(p.Base.Archives, func(a Archive) bool { return a.Name == d.Archive }) {
		c.failf("checking lock: %s: archive %q is not listed in base", at, d.Archive)
	}
	c.blob(d.Size, d.SHA256, at)
}

func (c *checker) wheel(w Wheel, at string) {
	c.form(nameForm, w.Name, at+": name")
	c.form(versionForm, w.Version, at+": version")
	c.form(fileForm, w.File, at)
	c.form(indexForm, w.Index, at+": index")
	if !strings.HasSuffix(w.File, ".whl") || strings.Contains(w.File, "..") {
		c.failf("checking lock: %s: not the name of a wheel", at)
	}
	c.blob(w.Size, w.SHA256, at)
}

func (c *checker) blob(size int64, sum, at string) {
	if size < 1 {
		c.failf("checking lock: %s: size %d", at, size)
	}
	c.form(hexForm, sum, at+": sha256")
}

// sdists checks that each wheel of index "sdist" has the sdist that it was
// built from, that there are no others, and that the tools are there.
func (c *checker) sdists(p *Platform, at string) {
	sources := map[string]bool{}
	for _, s := range p.Sdists {
		c.form(nameForm, s.Name, at+"sdists: name")
		c.form(versionForm, s.Version, at+"sdists: "+s.Name+": version")
		c.form(fileForm, s.File, at+"sdists: "+s.Name)
		c.form(indexForm, s.Index, at+"sdists: "+s.Name+": index")
		c.blob(s.Size, s.SHA256, at+"sdists: "+s.Name)
		sources[s.Name+"\x00"+s.Version] = true
	}
	c.unique(at+"sdists", len(p.Sdists), func(i int) string { return p.Sdists[i].Name + " " + p.Sdists[i].Version })
	for _, w := range p.Wheels {
		key := w.Name + "\x00" + w.Version
		if w.Index == BuiltIndex && !sources[key] {
			c.failf("checking lock: %swheels: %s: its sdist is missing", at, w.File)
		}
		if w.Index == BuiltIndex {
			delete(sources, key)
		}
	}
	for key := range sources {
		name, version, _ := strings.Cut(key, "\x00")
		c.failf("checking lock: %ssdists: no wheel was built from %s %s", at, name, version)
	}
	if len(p.Sdists) > 0 && len(p.BuildTools) == 0 {
		c.failf("checking lock: %sbuildTools: missing, but there are sdists", at)
	}
}

func (c *checker) reviewed(r Reviewed, files map[string]Wheel, at string) {
	if _, ok := files[r.Wheel]; !ok {
		c.failf("checking lock: %s: wheel %q is not locked", at, r.Wheel)
	}
	c.text(r.File, at)
	if r.File == "" || strings.ContainsAny(r.File, `\`) || path.Clean("/"+r.File) != "/"+r.File {
		c.failf("checking lock: %s: not a path in site-packages", at)
	}
	c.form(hexForm, r.SHA256, at+": sha256")
	c.text(r.Reason, at+": reason")
}

func (c *checker) exception(e Exception, at string) {
	c.form(nameForm, e.Name, at)
	c.form(versionForm, e.Version, at+": version")
	for _, n := range e.NeededBy {
		c.form(nameForm, n, at+": neededBy")
	}
	c.text(e.Reason, at+": reason")
}

func (c *checker) venvs(p *Platform, files map[string]Wheel, at string) {
	used := map[string]bool{}
	for _, v := range p.Venvs {
		where := at + "venvs: " + v.Dir
		c.form(labelForm, v.Dir, where)
		c.form(labelForm, v.Label, where+": label")
		for _, list := range [][]string{v.Plugins, v.Links, v.Extras} {
			for _, name := range list {
				c.form(labelForm, name, where)
			}
		}
		for _, s := range v.Sources {
			c.form(labelForm, s.Plugin, where+": sources")
			c.form(labelForm, s.Name, where+": sources")
			c.form(classForm, s.Class, where+": sources: "+s.Name)
		}
		names := map[string]string{}
		for _, file := range v.Wheels {
			w, ok := files[file]
			if !ok {
				c.failf("checking lock: %s: wheel %q is not locked", where, file)
			}
			if other, twice := names[w.Name]; ok && twice {
				c.failf("checking lock: %s: both %s and %s", where, other, file)
			}
			names[w.Name] = file
			used[file] = true
		}
	}
	c.unique(at+"venvs", len(p.Venvs), func(i int) string { return p.Venvs[i].Dir })
	for _, w := range p.Wheels {
		if !used[w.File] {
			c.failf("checking lock: %swheels: no venv uses %s", at, w.File)
		}
	}
}

// sameFiles reports a file name of one index that stands for different bytes.
func (c *checker) sameFiles(l *Lock) {
	seen := map[string]string{}
	check := func(index, file, sum string) {
		key := index + "/" + file
		if other, ok := seen[key]; ok && other != sum {
			c.failf("checking lock: %s has two hashes, %s and %s", key, other, sum)
		}
		seen[key] = sum
	}
	for _, p := range l.Platforms {
		for _, w := range slices.Concat(p.Wheels, p.BuildTools) {
			check(w.Index, w.File, w.SHA256)
		}
		for _, s := range p.Sdists {
			check(s.Index, s.File, s.SHA256)
		}
	}
}

func (c *checker) unique(where string, n int, key func(int) string) {
	seen := map[string]bool{}
	for i := range n {
		k := key(i)
		if seen[k] {
			c.failf("checking lock: %s: %s is listed twice", where, fmt.Sprintf("%q", k))
		}
		seen[k] = true
	}
}
