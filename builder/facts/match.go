package facts

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/executor/contract"
)

// maxDifferences is how many differences an error spells out; all are counted.
const maxDifferences = 50

// differences collects what does not match.
type differences struct {
	f     *Facts
	lock  *lock.Lock
	p     *lock.Platform
	tree  *tree
	epoch int64
	// base is how many of the lowest layers are those of a base image. They
	// are what they have to be when their diff IDs are.
	base int

	problems []error
	count    int
}

func (d *differences) add(format string, args ...any) {
	if d.count++; d.count <= maxDifferences {
		d.problems = append(d.problems, fault.New(fault.Integrity, format, args...))
	}
}

// err joins the differences, or is nil if there are none.
func (d *differences) err() error {
	if d.count == 0 {
		return nil
	}
	if more := d.count - len(d.problems); more > 0 {
		d.problems = append(d.problems, fault.New(fault.Integrity, "and %d more differences", more))
	}
	return fault.Wrap(fault.Integrity, errors.Join(d.problems...), "matching image %s against its lock: %d differences", d.f.Digest, d.count)
}

func newDifferences(f *Facts, l *lock.Lock) (*differences, error) {
	d := &differences{f: f, lock: l, tree: newTree(f.Entries, f.Whiteouts)}
	for _, p := range l.Platforms {
		if p.Platform == f.Platform {
			d.p = p
		}
	}
	if d.p == nil {
		return nil, fault.New(fault.Integrity, "matching image %s against its lock: the lock has nothing for %s", f.Digest, f.Platform)
	}
	resolved, err := time.Parse(time.DateOnly, l.Resolved)
	if err != nil {
		return nil, fault.Wrap(fault.LockDrift, err, "reading the lock's date")
	}
	d.epoch = resolved.Unix()
	d.matchBase()
	return d, nil
}

// Match compares an image with its lock, both ways: what is locked is there,
// and nothing else. All differences are in the error, which is fault.Integrity;
// the first of them in full, the rest by number.
//
//   - Each store directory is a locked wheel's and holds what its RECORD lists,
//     with these hashes and sizes, and bytecode made from these very sources.
//   - Each venv is a locked one, is made of links into the store directories of
//     its locked wheels, and gives access to every file of them.
//   - The layers of a base image, if there is one, are the locked ones, byte by
//     byte; what follows is said of the other layers only.
//   - The Debian packages are the locked ones, and each file outside the store
//     and the venvs is a package's, with its checksum, or one that the build
//     is known to generate.
//   - Each entry is root's, has a plain mode and the lock's time, and no path
//     is in two layers.
func Match(f *Facts, l *lock.Lock) error {
	d, err := newDifferences(f, l)
	if err != nil {
		return err
	}
	d.entries()
	d.wheels()
	d.venvs()
	d.debian()
	d.metadata()
	for _, p := range f.Problems {
		if p.Layer < d.base {
			continue
		}
		if key, _ := storeKey(p.Path); key != "" || strings.HasPrefix(p.Path, "var/lib/dpkg/") || strings.HasPrefix(p.Path, "usr/") {
			d.add("%s: %s", p.Path, p.What)
		}
	}
	return d.err()
}

// matchBase compares the lowest layers with the base image of the lock.
func (d *differences) matchBase() {
	want := d.p.Base.Layers
	if len(d.f.Layers) < len(want) {
		d.add("the image has %d layers, its base alone has %d", len(d.f.Layers), len(want))
		return
	}
	for n, diffID := range want {
		if got := d.f.Layers[n].DiffID; got != diffID {
			d.add("layer %d is %s, that of the base image is %s", n+1, got, diffID)
			return
		}
	}
	d.base = len(want)
}

// Paths that are not 0755 directories, or not root's alone.
var sticky = []string{"tmp", strings.TrimPrefix(contract.StatePath, "/")}

// entries compares what every entry has, whatever it is for.
func (d *differences) entries() {
	f := d.f
	if f.Config.Created.Unix() != d.epoch {
		d.add("the image was created at %s, the lock says %s", f.Config.Created.Format(time.RFC3339), d.lock.Resolved)
	}
	for _, w := range f.Whiteouts {
		if w.Layer < d.base {
			continue
		}
		d.add("%s: layer %d removes it from the layers below", w.Path, w.Layer+1)
	}
	for n := range f.Entries {
		e := &f.Entries[n]
		if e.Layer < d.base {
			continue
		}
		d.attributes(e)
		if n > 0 && f.Entries[n-1].Path == e.Path && f.Entries[n-1].Layer >= d.base && (e.Type != image.Dir || f.Entries[n-1].Type != image.Dir) {
			d.add("%s: it is in layer %d and in layer %d", e.Path, f.Entries[n-1].Layer+1, e.Layer+1)
		}
	}
}

func (d *differences) attributes(e *Entry) {
	want := uint32(0o644)
	switch e.Type {
	case image.Dir:
		want = 0o755
		if slices.Contains(sticky, e.Path) {
			want = 0o1777
		}
	case image.Symlink:
		want = 0o777
	case image.File:
		if e.Mode == 0o755 {
			want = 0o755
		}
	default:
		d.add("%s: a %s", e.Path, e.Type)
		return
	}
	if e.Mode != want {
		d.add("%s: mode %o, want %o", e.Path, e.Mode, want)
	}
	if e.UID != 0 || e.GID != 0 {
		d.add("%s: owner %d:%d, want 0:0", e.Path, e.UID, e.GID)
	}
	if e.MTime != d.epoch {
		d.add("%s: modified at %s, want %s", e.Path, time.Unix(e.MTime, 0).UTC().Format(time.RFC3339), d.lock.Resolved)
	}
	if len(e.Xattrs) > 0 {
		d.add("%s: it has extended attributes", e.Path)
	}
}

// metadata compares what the image says of itself.
func (d *differences) metadata() {
	m, b := d.f.Metadata, d.f.Build
	if m == nil || b == nil {
		d.add("the image lacks its metadata.json or build_info.json")
		return
	}
	if m.CLIVersion != d.lock.CLIVersion || b.CLIVersion != d.lock.CLIVersion {
		d.add("the image says CLI %s and %s, the lock %s", m.CLIVersion, b.CLIVersion, d.lock.CLIVersion)
	}
	if b.ManifestDigest != d.lock.Manifest || b.Python != d.p.Python {
		d.add("the image says manifest %s and Python %s, the lock %s and %s", b.ManifestDigest, b.Python, d.lock.Manifest, d.p.Python)
	}
	d.lockDigest(b.LockDigest)
	want := map[string]lock.Venv{}
	for _, v := range d.p.Venvs {
		want[v.Dir] = v
	}
	for _, v := range m.Venvs {
		w, ok := want[v.Dir]
		if !ok || !equalSets(w.Plugins, v.Plugins) || !equalSets(w.Links, v.Links) {
			d.add("metadata.json: venv %s with plugins %v and links %v is not in the lock so", v.Dir, v.Plugins, v.Links)
		}
		delete(want, v.Dir)
	}
	for dir := range want {
		d.add("metadata.json: venv %s is missing", dir)
	}
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
