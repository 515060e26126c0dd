package task

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is what /proc/<pid>/stat says, see proc_pid_stat(5).
type process struct {
	pid, parent, session int
	start                uint64 // clock ticks after boot
	zombie               bool
}

func readProcess(pid int) (process, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, err
	}
	return parseStat(stat)
}

// parseStat reads the fields behind the name, which is in parentheses and may
// hold anything, parentheses included.
func parseStat(stat []byte) (process, error) {
	var p process
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 1 || end < open {
		return p, fmt.Errorf("reading a process's state: no name in %q", stat)
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 20 {
		return p, fmt.Errorf("reading a process's state: %d fields", len(fields))
	}
	var errs [4]error
	p.pid, errs[0] = strconv.Atoi(string(bytes.TrimSpace(stat[:open])))
	p.zombie = fields[0][0] == 'Z' || fields[0][0] == 'X'
	p.parent, errs[1] = strconv.Atoi(string(fields[1]))
	p.session, errs[2] = strconv.Atoi(string(fields[3]))
	p.start, errs[3] = strconv.ParseUint(string(fields[19]), 10, 64)
	for _, err := range errs {
		if err != nil {
			return p, fmt.Errorf("reading a process's state: %w", err)
		}
	}
	return p, nil
}

// eachProcess calls f for every process. It reads the list a few names at a
// time: one that was forked meanwhile, with a higher number, is met as well.
// The answer is false where one was gone before it could be looked at.
func eachProcess(f func(process)) (complete bool, err error) {
	dir, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(dir)
	complete = true
	buffer := make([]byte, 256)
	for {
		n, err := unix.ReadDirent(dir, buffer)
		if err != nil || n <= 0 {
			return complete, err
		}
		_, _, names := unix.ParseDirent(buffer[:n], -1, nil)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			if p, err := readProcess(pid); err == nil {
				f(p)
			} else {
				complete = false
			}
		}
	}
}

// descends says whether p is below root. A parent that ends meanwhile leaves
// its children to another, so the way up is looked for again.
func (p process) descends(root int) bool {
	for at := p; ; {
		if at.parent == root {
			return true
		}
		if at.parent <= 1 {
			return false
		}
		above, err := readProcess(at.parent)
		if err == nil {
			at = above
			continue
		}
		if at, err = readProcess(p.pid); err != nil {
			return false
		}
	}
}
