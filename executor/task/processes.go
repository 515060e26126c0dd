package task

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
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

// descendants returns every process that descends from root, without root.
func descendants(root int) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]process{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil { // it may have ended since
			children[p.parent] = append(children[p.parent], p)
		}
	}
	all := children[root]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].pid]...)
	}
	return all, nil
}
