package probe

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/executor/contract"
)

var ownerChecks = []check{
	{static("E07-setuid", Critical, "No file gains privileges when it is started", "clear setuid and setgid bits and file capabilities where the file is made"),
		setuid},
	{static("E07-device", High, "No device and no pipe in any layer", "leave it out where it comes in; the runtime makes what belongs into /dev"),
		devices},
	{static("E07-writable", Critical, "The image's user can write nowhere but to scratch space", "build files as 0:0 with modes 0644 and 0755; leave only /tmp (sticky) and the executor's state directory writable"),
		writable},
	{static("E07-owner", High, "All code and configuration belongs to root", "build everything below /opt, /usr, /etc, /bin, /sbin and /lib with owner 0:0"),
		owner},
	{static("E17-site", Critical, "Nothing that Python imports can be changed by the image's user", "make site-packages, the standard library and all metadata root's, with modes 0644 and 0755"),
		siteWritable},
	{static("E34-startup", Critical, "No directory that Python searches at start takes new files from the image's user", "make each of these directories root's with mode 0755"),
		startupWritable},
	{static("E35-code", Critical, "Store, venvs and the directories above them cannot be changed or replaced", "make venvs, their bin directories and pyvenv.cfg, and every directory above them, root's"),
		codeWritable},
}

func setuid(s *Scan, f *findings) {
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if e.Type != image.File && e.Type != image.Hardlink {
			continue
		}
		if e.Mode&0o6000 != 0 {
			f.add(e.Layer, e.Path, fmt.Sprintf("mode %04o", e.Mode))
		}
		if _, has := e.Xattrs["security.capability"]; has {
			f.add(e.Layer, e.Path, "it has file capabilities")
		}
	}
}

// devices reports what a container could reach the machine through, or wait
// at, wherever /dev is not mounted over it.
func devices(s *Scan, f *findings) {
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		switch {
		case e.Type == image.CharDevice && e.Device == "0:0":
			f.add(e.Layer, e.Path, "a character device 0:0, by which overlays hide the path in lower layers")
		case e.Type.Special():
			f.add(e.Layer, e.Path, strings.TrimSpace("a "+string(e.Type)+" "+e.Device))
		}
	}
}

// scratch tells the two directories that are meant to be written, empty as
// they are. Whoever lets everybody write has to keep one user from renaming
// another's files, by the sticky bit.
func scratch(e *facts.Entry) bool {
	return e.Type == image.Dir && (e.Path == "tmp" || e.Path == stateDir) && (e.Mode&0o1000 != 0 || e.Mode&0o002 == 0)
}

func writable(s *Scan, f *findings) {
	if s.user.root() {
		f.config(s.rootReason())
		return
	}
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if e.Type.Special() {
			continue // E07-device: what is written to it does not stay
		}
		if why := s.user.can(e); why != "" && !scratch(e) {
			f.add(e.Layer, e.Path, why)
		} else if why == "" && e.Type != image.Symlink && e.Mode&0o002 != 0 && !scratch(e) {
			f.add(e.Layer, e.Path, "writable for everybody")
		}
	}
}

func (s *Scan) rootReason() string {
	if s.user.why != "" {
		return s.user.why + ", so it runs as root, which writes everywhere"
	}
	return "the image runs as root, which writes everywhere"
}

// ownedDirs hold code and configuration; elsewhere is data.
var ownedDirs = []string{"opt", "usr", "etc", "bin", "sbin", "lib", "lib64"}

func owner(s *Scan, f *findings) {
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if e.UID == 0 && e.GID == 0 {
			continue
		}
		for _, dir := range ownedDirs {
			// A group such as shadow is the distribution's own; only what it may write is another's.
			if within(e.Path, dir) && (e.UID != 0 || e.Mode&0o020 != 0) && e.Type != image.Symlink {
				f.add(e.Layer, e.Path, fmt.Sprintf("owner %d:%d, mode %04o", e.UID, e.GID, e.Mode))
			}
		}
	}
}

var (
	stdlibDir = regexp.MustCompile(`^(?:.*/)?(?:lib|lib64)/python[23](?:\.[0-9]+)?$`)
	siteDir   = regexp.MustCompile(`(?:^|/)(?:site-packages|dist-packages)$`)
	storeDir  = strings.TrimPrefix(contract.StorePath, "/")
	stateDir  = strings.TrimPrefix(contract.StatePath, "/")
)

// pythonDirs are the directories that a container's Python imports from: the
// standard libraries, site directories, and the store. Callers must not change it.
func (s *Scan) pythonDirs() map[string]bool {
	if s.python != nil {
		return s.python
	}
	s.python = map[string]bool{}
	seen := map[string]bool{}
	for _, p := range s.visible.Paths() {
		for dir := path.Dir(p); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			if stdlibDir.MatchString(dir) || siteDir.MatchString(dir) || dir == storeDir || path.Dir(dir) == storeDir {
				s.python[dir] = true
			}
		}
	}
	return s.python
}

const noPython = "the image holds no directory that Python imports from"

// siteWritable reports what below these directories the user could change.
func siteWritable(s *Scan, f *findings) {
	dirs := s.pythonDirs()
	if len(dirs) == 0 {
		f.notRun(noPython)
		return
	}
	for _, p := range s.visible.Paths() {
		in := dirs[p]
		for _, dir := range parents(p) {
			in = in || dirs[dir]
		}
		if e := s.visible.Get(p); in {
			if why := s.user.can(e); why != "" {
				f.add(e.Layer, p, why)
			}
		}
	}
}

// startupWritable reports directories that take a .pth file, a sitecustomize
// module, or a whole pythonXY.zip, and such files that could be changed.
func startupWritable(s *Scan, f *findings) {
	dirs := s.pythonDirs()
	if len(dirs) == 0 {
		f.notRun(noPython)
		return
	}
	dirs = maps.Clone(dirs)
	for dir := range s.pythonDirs() {
		if stdlibDir.MatchString(dir) {
			dirs[path.Dir(dir)] = true // python313.zip comes first on the path
		}
	}
	startup := map[string]bool{}
	for _, u := range s.facts.Startup {
		startup[u.Path] = true
	}
	for _, p := range s.visible.Paths() {
		e := s.visible.Get(p)
		if !startup[p] && (!dirs[p] || e.Type != image.Dir) {
			continue
		}
		if why := s.user.can(e); why != "" {
			f.add(e.Layer, p, why)
		}
	}
}

// codeWritable reports venvs and the store, and the directories above, whose
// renaming would put something else in their place.
func codeWritable(s *Scan, f *findings) {
	var roots []string
	for _, v := range s.facts.Venvs {
		roots = append(roots, v.Path)
	}
	for dir := range s.pythonDirs() {
		if dir == storeDir {
			roots = append(roots, dir)
		}
	}
	if len(roots) == 0 {
		f.notRun("the image holds neither a venv nor the store")
		return
	}
	code := map[string]bool{}
	above := map[string]bool{}
	for _, r := range roots {
		code[r] = true
		for _, dir := range parents(r) {
			above[dir] = true
		}
	}
	for _, p := range s.visible.Paths() {
		e := s.visible.Get(p)
		in := code[p] || above[p]
		for _, dir := range parents(p) {
			in = in || code[dir]
		}
		if !in {
			continue
		}
		if why := s.user.can(e); why != "" {
			f.add(e.Layer, p, why)
		}
	}
}
