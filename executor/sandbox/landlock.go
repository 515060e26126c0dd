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

// landlock makes the ruleset here; the child only enters it.
func (p *Plan) landlock() (string, error) {
	abi, err := landlockABI()
	if err != nil {
		return "", err
	}
	p.report.LandlockABI = abi
	if abi < p.policy.LandlockABI {
		return "", fmt.Errorf("the kernel has ABI %d of Landlock, %d is asked for", abi, p.policy.LandlockABI)
	}
	access, scoped, lacks := rights(abi)
	attr := rulesetAttr{accessFS: access, scoped: scoped}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return "", fmt.Errorf("making a Landlock ruleset: %w", errno)
	}
	p.files = append(p.files, int(fd)) // closed on exec, as the kernel makes it
	for _, g := range p.grants() {
		if err := g.add(int(fd), access); err != nil {
			return "", err
		}
	}
	p.add("entering the Landlock ruleset", unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0)
	return strings.Join(append([]string{fmt.Sprintf("ABI %d", abi)}, lacks...), "; "), nil
}

// grant is a rule: rights on a path and all below it.
type grant struct {
	path   string
	rights uint64
	must   bool // the path has to exist
}

func (p *Plan) grants() []grant {
	grants := []grant{
		{path: p.program.Dir, rights: readRights | writeRights, must: true},
		{path: os.DevNull, rights: readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE},
		{path: p.program.Argv[0], rights: readRights | unix.LANDLOCK_ACCESS_FS_EXECUTE},
	}
	for _, path := range p.policy.Write {
		grants = append(grants, grant{path: path, rights: readRights | writeRights, must: true})
	}
	for _, path := range p.policy.Show {
		grants = append(grants, grant{path: path, rights: readRights, must: true})
	}
	executable := p.policy.Exec
	if executable == nil {
		executable = defaultExec
	}
	readable := p.policy.Read
	if readable == nil {
		readable = []string{"/"}
	}
	hidden := withTargets(p.policy.Hide)
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
		all = append(all, filepath.Clean(path))
		if real, err := filepath.EvalSymlinks(path); err == nil {
			all = append(all, real)
		}
	}
	return all
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
