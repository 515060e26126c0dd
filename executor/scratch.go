package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// scratchDir returns the directory in which `executor run` makes those of its
// children, one for all runs of this user. Sandboxed children may look into
// their own one only, so what is hidden from them is this directory, which has
// to be there before the first. Somebody else's directory of that name, or a
// link, is an error: in /tmp anybody could have put it there.
func scratchDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "executor-runs-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("making the directory of runs: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("looking at the directory of runs: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("the directory of runs %s is %s and not this user's own; remove it", dir, info.Mode())
	}
	return dir, nil
}
