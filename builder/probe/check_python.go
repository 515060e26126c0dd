package probe

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

var pythonChecks = []check{
	{static("E08-record", High, "Each file of a site directory is one that a distribution lists, with its hash", "install wheels as they are; what is dropped from one has to leave its RECORD as well"),
		records},
	{static("E09-bytecode", High, "All bytecode is compiled from the source beside it, and says so by hash", "compile with --invalidation-mode unchecked-hash after the sources have their final content; ship no bytecode without source"),
		bytecode},
	{static("E10-startup", Critical, "Nothing runs at the start of each interpreter", "remove .pth and .start files, egg links, sitecustomize and usercustomize; install no package as editable"),
		startup},
	{static("E41-origin", High, "No distribution comes from a directory, a repository or an address", "install wheels of an index, by hash; build what has none once, and lock the wheel"),
		origin},
}

// origin reports what PEP 610 has installers write when a distribution does
// not come from an index.
func origin(s *Scan, f *findings) {
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if dir, base := path.Split(e.Path); base == "direct_url.json" && strings.HasSuffix(dir, ".dist-info/") {
			f.add(e.Layer, e.Path, "its distribution was not installed from an index")
		}
	}
	if len(s.facts.Python) == 0 {
		f.notRun("the image holds no Python distribution")
	}
}

func bytecode(s *Scan, f *findings) {
	for _, b := range s.facts.Bytecode {
		switch {
		case b.Source == "":
			f.add(b.Layer, b.Path, "bytecode without source")
		case b.Flags != 1:
			f.add(b.Layer, b.Path, map[bool]string{true: "checked against its source by time, which a copy changes", false: "checked against its source at each start"}[b.Flags == 0])
		case !b.Matches:
			f.add(b.Layer, b.Path, "not compiled from its source by any of Python 3.11 to 3.14")
		}
	}
	f.hits(hitBytecode)
	if len(s.facts.Bytecode) == 0 {
		f.notRun("the image holds no bytecode")
	}
}

func startup(s *Scan, f *findings) {
	for _, u := range s.facts.Startup {
		f.add(u.Layer, u.Path, strings.TrimSuffix(u.Kind+", sha256 "+u.SHA256, ", sha256 ")) // links have no hash
	}
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if base := path.Base(e.Path); strings.HasPrefix(base, "__editable__") && !strings.HasSuffix(base, ".pth") && siteDir.MatchString(path.Dir(e.Path)) {
			f.add(e.Layer, e.Path, "part of an editable install")
		}
	}
}

// listing says what packages say about their files.
type listing struct {
	rows  map[string]facts.RecordRow // by path in the image
	rooms []string                   // directories whose content has to be listed
	md5   map[string]string          // of files of Debian packages, by path
}

func (s *Scan) listing() *listing {
	l := &listing{rows: map[string]facts.RecordRow{}, md5: map[string]string{}}
	for _, d := range s.facts.Python {
		if at := s.visible.Get(d.Path + "/METADATA"); d.Kind != "dist-info" || at == nil || at.Layer != d.Layer {
			continue
		}
		for _, r := range d.Record {
			l.rows[path.Join(path.Dir(d.Path), r.Path)] = r
		}
		l.rooms = append(l.rooms, path.Dir(d.Path))
	}
	for dir := range s.pythonDirs() {
		if siteDir.MatchString(dir) || path.Dir(dir) == storeDir {
			l.rooms = append(l.rooms, dir)
		}
	}
	for _, p := range s.facts.Debian {
		for _, m := range p.Files {
			l.md5[m.Path] = m.MD5
		}
	}
	return l
}

// roomOf returns the outermost directory of distributions that p lies in.
// Metadata further inside belongs to vendored copies, whose lists may say less.
func (l *listing) roomOf(rooms map[string]bool, p string) string {
	found := ""
	for _, dir := range parents(p) {
		if rooms[dir] {
			found = dir
		}
	}
	return found
}

func records(s *Scan, f *findings) {
	l := s.listing()
	if len(l.rooms) == 0 {
		f.notRun("the image holds no Python distribution")
		return
	}
	rooms := map[string]bool{}
	for _, r := range l.rooms {
		rooms[r] = true
	}
	for _, p := range s.visible.Paths() {
		e := s.visible.Get(p)
		row, listed := l.rows[p]
		switch room := l.roomOf(rooms, p); {
		case e.Type == image.Dir:
		case listed:
			if what := s.differs(row, p); what != "" {
				f.add(e.Layer, p, what)
			}
		case room == "" || l.owns(e):
		case e.Type == image.Symlink:
			if to, at := s.visible.Resolve(p); at == nil && len(s.visible.Below(to)) == 0 || l.roomOf(rooms, to+"/x") == "" {
				f.add(e.Layer, p, "a link out of the directories of distributions, to "+e.Link)
			}
		case strings.HasSuffix(p, ".pyc") && l.compiled(s, p):
		default:
			f.add(e.Layer, p, "no distribution lists it")
		}
	}
	s.missing(l, rooms, f)
}

// differs compares a file with its row.
func (s *Scan) differs(r facts.RecordRow, p string) string {
	_, e := s.visible.Resolve(p)
	if e != nil && e.Type == image.Hardlink {
		_, e = s.visible.Resolve(e.Link)
	}
	switch {
	case e == nil:
		return "a distribution lists it, and it leads nowhere"
	case r.SHA256 != "" && r.SHA256 != e.SHA256, r.Size >= 0 && r.Size != e.Size:
		return "not the bytes that its distribution lists"
	}
	return ""
}

// missing reports listed files that are not there. Bytecode may be left out:
// installers list what they compiled.
func (s *Scan) missing(l *listing, rooms map[string]bool, f *findings) {
	for _, d := range s.facts.Python {
		room := path.Dir(d.Path)
		if at := s.visible.Get(d.Path + "/METADATA"); d.Kind != "dist-info" || at == nil || at.Layer != d.Layer || l.roomOf(rooms, d.Path) != room {
			continue
		}
		if len(d.Record) == 0 {
			f.add(d.Layer, d.Path, "a distribution without a list of its files")
		}
		for _, r := range d.Record {
			p := path.Join(room, r.Path)
			if s.visible.Get(p) == nil && !strings.HasSuffix(p, ".pyc") {
				f.add(d.Layer, d.Path, "it lists "+r.Path+", which is not there")
			}
		}
	}
}

// owns reports whether a Debian package lists the file with these bytes.
func (l *listing) owns(e *facts.Entry) bool {
	sum, ok := l.md5[e.Path]
	return ok && sum == e.MD5
}

// compiled reports whether a bytecode file belongs to a listed source.
func (l *listing) compiled(s *Scan, p string) bool {
	dir, base := path.Split(p)
	name, _, _ := strings.Cut(strings.TrimSuffix(base, ".pyc"), ".cpython-")
	source := path.Join(strings.TrimSuffix(strings.TrimSuffix(dir, "/"), "/__pycache__"), name+".py")
	if _, ok := l.rows[source]; ok {
		return true
	}
	e := s.visible.Get(source)
	return e != nil && l.owns(e)
}

// published tells files that are as their package's list says, in any layer,
// and bytecode that is compiled from one of them.
func (s *Scan) published() func(p string, layer int) bool {
	compiled := map[string]string{}
	for _, b := range s.facts.Bytecode {
		if b.Matches {
			compiled[b.Path] = b.Source
		}
	}
	listed := s.listedIn()
	return func(p string, layer int) bool {
		if listed(p, layer) {
			return true
		}
		source, ok := compiled[p]
		at := s.visible.Get(source)
		return ok && (listed(source, layer) || at != nil && listed(source, at.Layer))
	}
}

// listedIn tells files that are in a list of a package with their hash.
func (s *Scan) listedIn() func(p string, layer int) bool {
	type place struct {
		path string
		hash string
	}
	lists := map[place]bool{}
	for _, d := range s.facts.Python {
		for _, r := range d.Record {
			if r.SHA256 != "" {
				lists[place{path.Join(path.Dir(d.Path), r.Path), r.SHA256}] = true
			}
		}
	}
	for _, p := range s.facts.Debian {
		for _, m := range p.Files {
			lists[place{m.Path, m.MD5}] = true
		}
	}
	return func(p string, layer int) bool {
		n, ok := slices.BinarySearchFunc(s.facts.Entries, facts.Entry{Path: p, Layer: layer}, func(a, b facts.Entry) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer))
		})
		if !ok {
			return false
		}
		e := &s.facts.Entries[n]
		return lists[place{p, e.SHA256}] || e.MD5 != "" && lists[place{p, e.MD5}]
	}
}
