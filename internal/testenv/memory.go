package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cgroups are the two forms of the kernel's control groups: where one is made,
// and its files for the limit, for the swap that would get round it, and for
// the most that was used.
var cgroups = []struct{ root, limit, swap, peak string }{
	{"/sys/fs/cgroup", "memory.max", "memory.swap.max", "memory.peak"},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "", "memory.max_usage_in_bytes"},
}

// LimitMemory lets a command, and what it starts, run with so many bytes of
// memory: the kernel takes cached files away first and ends the program where
// that is not enough. peak says how much was used at most, cached files included.
// It takes root.
func LimitMemory(t testing.TB, cmd *exec.Cmd, bytes int64) (peak func() string) {
	t.Helper()
	for _, c := range cgroups {
		dir, err := os.MkdirTemp(c.root, "lockforge-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { removeCgroup(t, dir) })
		// The kernel makes the file, unless the memory controller is elsewhere.
		limit, err := os.OpenFile(filepath.Join(dir, c.limit), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, err = limit.WriteString(strconv.FormatInt(bytes, 10))
		if err := errors.Join(err, limit.Close()); err != nil {
			t.Fatal(err)
		}
		if c.swap != "" {
			_ = os.WriteFile(filepath.Join(dir, c.swap), []byte("0"), 0o644) // there may be none
		}
		cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(dir, "cgroup.procs"), cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		return func() string {
			most, err := os.ReadFile(filepath.Join(dir, c.peak))
			if err != nil {
				return "an unknown amount"
			}
			return strings.TrimSpace(string(most)) + " bytes"
		}
	}
	Missing(t, "no control group for memory can be made")
	return nil
}

// removeCgroup waits for the kernel to let go of a group whose processes ended.
func removeCgroup(t testing.TB, dir string) {
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
