package doctor

import (
	"context"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/builder/fault"
)

// A build of every plugin leaves about 5 GB, and the engine keeps 2 GB free.
const (
	leastSpace = 2 << 30
	goodSpace  = 10 << 30
)

func (h Host) disk(context.Context) []Check {
	const name = "disk"
	dir := existing(h.CacheDir)
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return []Check{fail(name, "choose another folder with --cache-dir", "%s cannot be written: %v", dir, err)}
	}
	free, err := h.FreeBytes(dir)
	const more = "free some space, or choose another folder with --cache-dir"
	switch {
	case err != nil:
		return []Check{failed(name, more, err)}
	case free < leastSpace:
		return []Check{fail(name, more, "%.1f GB are left below %s", gigabytes(free), dir)}
	case free < goodSpace:
		return []Check{warn(name, more, "%.1f GB are left below %s; an image of many plugins needs 10", gigabytes(free), dir)}
	}
	return []Check{ok(name, "%.0f GB are left below %s", gigabytes(free), dir)}
}

func gigabytes(n uint64) float64 { return float64(n) / 1e9 }

// existing is the folder itself, or the nearest one above it that is there.
func existing(dir string) string {
	for unix.Access(dir, unix.F_OK) != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// Free returns how many bytes an unprivileged user can still write below dir.
func Free(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fault.Wrap(fault.Internal, err, "asking for the space below %s", dir)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
