package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access rights of Landlock, in groups. Versions: see landlock(7).
const (
	readRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	// allRights are what the ruleset handles. Making devices and ioctls of
	// devices are granted nowhere.
	allRights = readRights | writeRights | unix.LANDLOCK_ACCESS_FS_EXECUTE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// fileRights are those that a rule on something else than a directory can have.
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	scopes = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// since says which version of Landlock brought a right.
var since = []struct {
	abi    int
	rights uint64
	lacks  string
}{
	{2, unix.LANDLOCK_ACCESS_FS_REFER, "renaming between directories is always denied"},
	{3, unix.LANDLOCK_ACCESS_FS_TRUNCATE, "truncation is not controlled"},
	{5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, "ioctls of devices are not controlled"},
}

// scopesSince is the version that brought scopes.
const scopesSince = 6

type rulesetAttr struct {
	accessFS, accessNet, scoped uint64
}

// pathAttr is struct landlock_path_beneath_attr, which is packed.
type pathAttr struct {
	access [8]byte
	parent [4]byte
}

// landlockABI returns the kernel's version, or why there is none.
func landlockABI() (int, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(abi), nil
	case unix.ENOSYS:
		return 0, errors.New("the kernel has no Landlock, or a seccomp filter hides it")
	case unix.EOPNOTSUPP:
		return 0, errors.New("landlock is switched off at boot")
	}
	return 0, fmt.Errorf("asking for the version of Landlock: %w", errno)
}

// rights returns what a version controls, and in words what it does not.
func rights(abi int) (access, scoped uint64, lacks []string) {
	access, scoped = allRights, scopes
	for _, s := range since {
		if abi < s.abi {
			access &^= s.rights
			lacks = append(lacks, s.lacks)
		}
	}
	if abi < scopesSince {
		scoped = 0
		lacks = append(lacks, "signals and abstract sockets to the outside are not controlled")
	}
	return access, scoped, lacks
}

// Ruleset is what Landlock grants to every program under a policy, whatever its
// own directories are: the part that takes most of the time and depends on Read,
// Hide and Exec alone. It is for one start.
type Ruleset struct {
	file    *os.File // closed by the start, or when nobody has the Ruleset any more
	err     error    // why there is none
	abi     int
	handled uint64
	lacks   []string
}

// NewRuleset makes a Ruleset ahead of a start, for Policy.Ruleset; nil where the
// policy wants no Landlock. What cannot be had is said at the start.
func NewRuleset(policy *Policy) *Ruleset {
	if policy.Mode(Landlock) == Off {
		return nil
	}
	r := &Ruleset{}
	if r.abi, r.err = landlockABI(); r.err != nil {
		return r
	}
	var scoped uint64
	r.handled, scoped, r.lacks = rights(r.abi)
	attr := rulesetAttr{accessFS: r.handled, scoped: scoped}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		r.err = fmt.Errorf("making a Landlock ruleset: %w", errno)
		return r
	}
	r.file = os.NewFile(fd, "Landlock ruleset") // closed on exec, as the kernel makes it
	r.err = r.add(policy.grants())
	return r
}

// landlock completes the ruleset here; the child only enters it.
func (p *Plan) landlock() (string, error) {
	r := p.policy.Ruleset
	if r == nil {
		r = NewRuleset(p.policy)
	}
	p.ruleset = r.file
	p.report.LandlockABI = r.abi
	if r.err != nil {
		return "", r.err
	}
	if r.abi < p.policy.LandlockABI {
		return "", fmt.Errorf("the kernel has ABI %d of Landlock, %d is asked for", r.abi, p.policy.LandlockABI)
	}
	if err := r.add(p.grants()); err != nil {
		return "", err
	}
	p.add("entering the Landlock ruleset", unix.SYS_LANDLOCK_RESTRICT_SELF, r.file.Fd(), 0)
	return strings.Join(append([]string{fmt.Sprintf("ABI %d", r.abi)}, r.lacks...), "; "), nil
}

// grant is a rule: rights on a path and all below it.
type grant struct {
	path   string
	rights uint64
	must   bool // the path has to exist
}

// grants are those of a start.
func (p *Plan) grants() []grant {
	grants := []grant{
		{path: p.program.Dir, rights: readRights | writeRights, must: true},
		{path: p.program.Argv[0], rights: readRights | unix.LANDLOCK_ACCESS_FS_EXECUTE},
	}
	for _, path := range p.policy.Write {
		grants = append(grants, grant{path: path, rights: readRights | writeRights, must: true})
	}
	for _, path := range p.policy.Show {
		grants = append(grants, grant{path: path, rights: readRights, must: true})
	}
	return grants
}

// grants are those of every start.
func (p *Policy) grants() []grant {
	grants := []grant{{path: os.DevNull, rights: readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE}}
	executable := p.Exec
	if executable == nil {
		executable = defaultExec
	}
	readable := p.Read
	if readable == nil {
		readable = []string{"/"}
	}
	hidden := withTargets(p.Hide)
	show := func(paths []string, rights uint64) {
		for _, path := range paths {
			for _, shown := range without(filepath.Clean(path), hidden) {
				grants = append(grants, grant{path: shown, rights: rights})
			}
		}
	}
	show(executable, readRights|unix.LANDLOCK_ACCESS_FS_EXECUTE)
	show(readable, readRights)
	return grants
}

// withTargets returns the paths as given and as they are with links followed.
func withTargets(paths []string) []string {
	var all []string
	for _, path := range paths {
		path = filepath.Clean(path)
		all = append(all, path, target(path))
	}
	return all
}

// target follows links as far as a path exists: the rest may be made later.
func target(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil && path != "/" {
		return filepath.Join(target(filepath.Dir(path)), filepath.Base(path))
	}
	return real
}

// without returns what to grant for all below path but the hidden to be readable.
func without(path string, hidden []string) []string {
	if slices.ContainsFunc(hidden, func(h string) bool { return below(path, h) }) {
		return nil
	}
	if !slices.ContainsFunc(hidden, func(h string) bool { return below(h, path) }) {
		return []string{path}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	var shown []string
	for _, entry := range entries {
		if entry.Type()&fs.ModeSymlink == 0 { // a link's target is granted where it lies
			shown = append(shown, without(filepath.Join(path, entry.Name()), hidden)...)
		}
	}
	return shown
}

// below says whether path is root or lies in it. Both are clean.
func below(path, root string) bool {
	return root == "/" || strings.HasPrefix(path, root) && (len(path) == len(root) || path[len(root)] == '/')
}

func (r *Ruleset) add(grants []grant) error {
	ruleset := int(r.file.Fd())
	for _, g := range grants {
		if err := g.add(ruleset, r.handled); err != nil {
			return err
		}
	}
	return nil
}

func (g grant) add(ruleset int, handled uint64) error {
	fd, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		if !g.must {
			return nil // no rule is less access, not more
		}
		return fmt.Errorf("granting %s: %w", g.path, err)
	}
	defer unix.Close(fd)
	access := g.rights & handled
	errno := addRule(ruleset, fd, access)
	if errno == unix.EINVAL { // it is no directory, and some of the rights are those of one
		errno = addRule(ruleset, fd, access&fileRights)
	}
	if errno != 0 {
		return fmt.Errorf("granting %s: %w", g.path, errno)
	}
	return nil
}

func addRule(ruleset, parent int, access uint64) syscall.Errno {
	var attr pathAttr
	binary.NativeEndian.PutUint64(attr.access[:], access)
	binary.NativeEndian.PutUint32(attr.parent[:], uint32(parent))
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	return errno
}
