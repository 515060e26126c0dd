package rootfs

import (
	"cmp"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// MaxContent bounds the bytes of all kept files together; 38 MiB was measured
// for the base, 63 MiB with git and every plugin library.
const MaxContent = 1 << 30

// contents is what one package brings: its kept files and links at their final
// paths, in the package's order and without final modes.
type contents struct {
	control *deb.Control
	part    Part
	entries []venv.Entry
	dropped []Drop
}

// readPackages reads all packages, several at once: unpacking is most of the
// work of a tree, and everything else in a build waits for the interpreter.
// The largest is begun first. Results come in the order of the packages; of
// several errors the first by that order is returned.
func readPackages(arch string, programs []string, packages []*deb.Archive) ([]*contents, error) {
	order := make([]int, len(packages))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(packages[b].Size(), packages[a].Size()) })
	next := make(chan int, len(order))
	for _, i := range order {
		next <- i
	}
	close(next)

	r := &reader{arch: arch, programs: programs}
	read, errs := make([]*contents, len(packages)), make([]error, len(packages))
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				read[i], errs[i] = r.read(packages[i])
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return read, nil
}

// reader reads packages and is safe for concurrent use.
type reader struct {
	arch     string
	programs []string
	size     atomic.Int64 // bytes kept so far
}

func (r *reader) read(archive *deb.Archive) (*contents, error) {
	control, err := archive.Control()
	if err != nil {
		return nil, err
	}
	if control.Arch != r.arch && control.Arch != "all" {
		return nil, fault.New(fault.Integrity, "package %s is for %s, not %s", control.Package, control.Arch, r.arch)
	}
	if !isPackageName(control.Package) {
		return nil, fault.New(fault.Integrity, "package name %q is not valid", control.Package)
	}
	c := &contents{control: control, part: partOf(control.Package)}
	err = archive.Walk(func(m deb.Member, content io.Reader) error {
		if m.Type == deb.Dir {
			return nil // directories follow from what they hold
		}
		return r.add(c, m, content)
	})
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "reading package %s", control.Package)
	}
	return c, nil
}

func (r *reader) add(c *contents, m deb.Member, content io.Reader) error {
	name := mergeUsr(m.Path)
	if rule := decide(name, r.programs); rule != "" {
		c.dropped = append(c.dropped, Drop{Package: c.control.Package, Path: name, Rule: rule})
		return nil
	}
	if m.Type == deb.Link {
		c.entries = append(c.entries, venv.Entry{Path: name, Type: venv.Link, Mode: 0o777, Target: m.Target})
		return nil
	}
	if r.size.Add(m.Size) > MaxContent {
		return fault.New(fault.Integrity, "files have more than %d bytes together", int64(MaxContent))
	}
	var text strings.Builder
	text.Grow(int(m.Size))
	if _, err := io.Copy(&text, content); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading %s", m.Path)
	}
	c.entries = append(c.entries, venv.Entry{Path: name, Type: venv.Regular, Content: text.String()})
	return nil
}

// isPackageName follows Debian policy, section 5.6.7. The name becomes a file
// name.
func isPackageName(s string) bool {
	return len(s) >= 2 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == "" && !strings.ContainsRune("+-.", rune(s[0]))
}

func partOf(name string) Part {
	if strings.HasPrefix(name, "python3.") || strings.HasPrefix(name, "libpython3.") {
		return Python
	}
	return OS
}

// mergedDirs are the top-level directories that a merged /usr replaces by links.
var mergedDirs = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// mergeUsr gives a path its place below /usr. Link targets stay as they are:
// through the top-level links they lead to the same files.
func mergeUsr(name string) string {
	top, _, below := strings.Cut(name, "/")
	if below && slices.Contains(mergedDirs, top) {
		return "usr/" + name
	}
	return name
}
