package testenv

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Processes lists the processes of this machine in whose arguments, each with a
// NUL before and after it, all the parts occur.
func Processes(parts ...string) (pids []int, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		args, err := os.ReadFile(f)
		if err != nil || !containsAll(append([]byte{0}, args...), parts) {
			continue // it has ended, or is another
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

func containsAll(args []byte, parts []string) bool {
	for _, part := range parts {
		if !bytes.Contains(args, []byte(part)) {
			return false
		}
	}
	return true
}
