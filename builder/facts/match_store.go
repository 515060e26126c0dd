package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/rootfs"
	"github.com/lockforge/lockforge/builder/store"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/executor/contract"
)

// expected is what an entry has to be. sha256 is of files; "" is any content,
// for the files of which Match checks the content.
type expected struct {
	kind   venv.Type
	mode   uint32
	sha256 string
	target string
}

// MatchStore compares an image with the locked files themselves: it plans the
// whole file system anew from the wheels and packages in s, and every entry of
// the image, links and directories included, has to be as planned. Where Match
// believes an image's own RECORD and md5sums, MatchStore believes nothing but
// the locked hashes. programs are the manifest's allowed OS programs.
//
// Errors: fault.Integrity with all differences, or where a file of the store
// is damaged; whatever opening a missing file gives.
func MatchStore(f *Facts, l *lock.Lock, s *store.Store, programs []string) error {
	d, err := newDifferences(f, l)
	if err != nil {
		return err
	}
	m := &matcher{differences: d, store: s, want: map[string]expected{}}
	if err := m.plan(programs); err != nil {
		return err
	}
	m.compare()
	return d.err()
}

type matcher struct {
	*differences
	store *store.Store
	want  map[string]expected
}

func (m *matcher) plan(programs []string) error {
	if err := m.planWheels(); err != nil {
		return err
	}
	if m.p.Base.Image == "" {
		if err := m.planSystem(programs); err != nil {
			return err
		}
	}
	venvs := m.f.venvRoot()
	for _, p := range []string{
		"/etc/pip.conf", "/etc/uv/uv.toml", contract.BuildInfoPath,
		path.Join(venvs, contract.MetadataFile), path.Join(venvs, contract.ConstraintsFile),
	} {
		m.put(p, expected{kind: venv.Regular, mode: 0o644})
	}
	m.put(contract.ExecutorPath, expected{kind: venv.Regular, mode: 0o755})
	for _, p := range []string{contract.StartLink, contract.HealthLink} {
		m.put(p, expected{kind: venv.Link, mode: 0o777, target: strings.TrimPrefix(contract.ExecutorPath, "/")})
	}
	m.put(contract.StatePath, expected{kind: venv.Dir, mode: 0o1777})
	return nil
}

// put notes a path and the directories above it.
func (m *matcher) put(p string, e expected) {
	p = strings.TrimPrefix(p, "/")
	m.want[p] = e
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if _, ok := m.want[dir]; ok {
			return
		}
		m.want[dir] = expected{kind: venv.Dir, mode: 0o755}
	}
}

func (m *matcher) putEntry(e venv.Entry) {
	x := expected{kind: e.Type, mode: unixMode(e.Mode), target: e.Target}
	if e.Type == venv.Regular {
		sum := sha256.Sum256([]byte(e.Content))
		x.sha256 = hex.EncodeToString(sum[:])
	}
	m.put(e.Path, x)
}

func unixMode(mode fs.FileMode) uint32 {
	unix := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		unix |= 0o1000
	}
	return unix
}

// planWheels plans the store and, over it, the venvs.
func (m *matcher) planWheels() error {
	sites := map[string]*venv.SiteTree{}
	for _, w := range m.p.Wheels {
		site, err := m.site(w)
		if err != nil {
			return err
		}
		sites[w.File] = site
		for _, f := range site.Files {
			m.put(path.Join(storeRoot, site.Key, f.Path), expected{kind: venv.Regular, mode: unixMode(f.Mode), sha256: f.SHA256})
		}
	}
	for _, v := range m.p.Venvs {
		var mine []*venv.SiteTree
		for _, file := range v.Wheels {
			if sites[file] == nil {
				return fault.New(fault.LockDrift, "planning venv %s: its wheel %s is not in the lock", v.Dir, file)
			}
			mine = append(mine, sites[file])
		}
		tree, err := venv.Links(venv.Spec{Path: path.Join(m.f.venvRoot(), v.Dir), StoreRoot: contract.StorePath, Python: venv.Python(m.p.Python)}, mine)
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "planning venv %s", v.Dir)
		}
		for _, e := range tree.Entries {
			m.putEntry(e)
		}
		for _, name := range v.Links {
			m.put(path.Join(m.f.venvRoot(), name), expected{kind: venv.Link, mode: 0o777, target: v.Dir})
		}
	}
	return nil
}

func (m *matcher) site(w lock.Wheel) (*venv.SiteTree, error) {
	blob, err := m.store.Open(w.SHA256)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	opened, err := wheel.Open(blob, blob.Size(), w.File)
	if err != nil {
		return nil, err
	}
	site, err := venv.Site(opened, venv.Python(m.p.Python))
	if err != nil {
		return nil, err
	}
	site.Key = w.StoreKey()
	return site, nil
}

// planSystem plans the OS part as the build does.
func (m *matcher) planSystem(programs []string) error {
	_, arch, _ := strings.Cut(m.p.Platform, "/")
	user, err := m.user()
	if err != nil {
		return err
	}
	var packages []*deb.Archive
	for _, p := range m.p.Debs {
		blob, err := m.store.Open(p.SHA256)
		if err != nil {
			return err
		}
		defer blob.Close()
		opened, err := deb.Open(blob, blob.Size())
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "opening package %s", p.Name)
		}
		packages = append(packages, opened)
	}
	tree, err := rootfs.Build(rootfs.Spec{Suite: m.p.Base.Suite, Arch: arch, User: user, Programs: programs}, packages)
	if err != nil {
		return err
	}
	for _, part := range []rootfs.Part{rootfs.OS, rootfs.Python} {
		for _, e := range tree.Of(part) {
			m.putEntry(e)
		}
	}
	return nil
}

// compare goes both ways. Bytecode is planned by its name only: what it was
// compiled from is in its header.
func (m *matcher) compare() {
	seen := map[string]bool{}
	baseDir := "" // the last directory of the base: the same path of higher layers follows
	for n := range m.f.Entries {
		e := &m.f.Entries[n]
		if e.Layer < m.base {
			if e.Type == image.Dir {
				baseDir = e.Path
			}
			continue
		}
		seen[e.Path] = true
		want, ok := m.want[e.Path]
		switch {
		case ok:
			m.entry(e, want)
		case e.Type == image.File && strings.HasSuffix(e.Path, ".pyc"):
			m.compiled(e)
		case e.Type == image.Dir && (path.Base(e.Path) == "__pycache__" || e.Path == "." || e.Path == baseDir):
		default:
			m.add("%s: neither locked nor made by the build", e.Path)
		}
	}
	for _, p := range sortedKeys(m.want) {
		if !seen[p] {
			m.add("%s: it is missing", p)
		}
	}
}

// kinds are the names that plan and image have for the same types.
var kinds = map[venv.Type]image.Type{venv.Dir: image.Dir, venv.Regular: image.File, venv.Link: image.Symlink}

func (m *matcher) entry(e *Entry, want expected) {
	switch {
	case e.Type != kinds[want.kind]:
		m.add("%s: a %s, want a %s", e.Path, e.Type, want.kind)
	case e.Mode != want.mode:
		m.add("%s: mode %o, want %o", e.Path, e.Mode, want.mode)
	case e.Link != want.target:
		m.add("%s: a link to %q, want %q", e.Path, e.Link, want.target)
	case want.sha256 != "" && e.SHA256 != want.sha256:
		m.add("%s: sha256 %s, want %s", e.Path, e.SHA256, want.sha256)
	}
}

// user is the uid that the image runs as; the build writes it into passwd.
func (m *matcher) user() (int, error) {
	name, _, _ := strings.Cut(m.f.Config.User, ":")
	uid, err := strconv.Atoi(name)
	if err != nil || uid <= 0 {
		return 0, fault.New(fault.Integrity, "matching image %s: user %q is no numeric uid above 0", m.f.Digest, m.f.Config.User)
	}
	return uid, nil
}
