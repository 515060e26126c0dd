package task

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Memory says how sure it is that a child ran out of memory.
type Memory string

// Degrees of being sure.
const (
	MemoryOut      Memory = "out-of-memory"          // the kernel counted a kill for memory, and the child died of SIGKILL
	MemoryProbable Memory = "probably-out-of-memory" // SIGKILL near the limit, or a kill for memory of another process
	MemoryPerhaps  Memory = "perhaps-out-of-memory"  // SIGKILL that the executor did not send, nothing more is known
)

// memoryControl is what the memory controller says of this process's cgroup.
type memoryControl struct {
	known bool
	kills uint64 // processes that were killed for memory
	limit uint64 // bytes; 0 is none or unknown
}

func readMemory() memoryControl {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return memoryControl{}
	}
	return readMemoryAt("/sys/fs/cgroup", own)
}

// readMemoryAt reads the controller below root. own is /proc/self/cgroup. In a
// container the path there may not exist below root; then the root is ours.
func readMemoryAt(root string, own []byte) memoryControl {
	for line := range strings.Lines(string(own)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		events, limit, mount := "memory.events", "memory.max", root
		if parts[1] == "memory" {
			events, limit, mount = "memory.oom_control", "memory.limit_in_bytes", filepath.Join(root, "memory")
		} else if parts[1] != "" {
			continue
		}
		for _, dir := range []string{filepath.Join(mount, parts[2]), mount} {
			content, err := os.ReadFile(filepath.Join(dir, events))
			if err != nil {
				continue
			}
			m := memoryControl{known: true, kills: field(content, "oom_kill")}
			if bound, err := os.ReadFile(filepath.Join(dir, limit)); err == nil {
				m.limit, _ = strconv.ParseUint(strings.TrimSpace(string(bound)), 10, 64)
			}
			return m
		}
	}
	return memoryControl{}
}

func field(content []byte, name string) uint64 {
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, _ := strconv.ParseUint(value, 10, 64)
			return n
		}
	}
	return 0
}

// judge says whether a child that ended by itself ran out of memory. before is
// the state at its start.
func (before memoryControl) judge(e End, state *os.ProcessState) (Memory, string) {
	var peak uint64
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		peak = uint64(usage.Maxrss) << 10
	}
	return before.compare(readMemory(), e, peak)
}

// compare is judge without reading. peak is the biggest resident size of the
// child in bytes.
func (before memoryControl) compare(after memoryControl, e End, peak uint64) (Memory, string) {
	killed := e.Signal == int(syscall.SIGKILL)
	counted := after.known && after.kills > before.kills
	evidence := fmt.Sprintf("signal 9; peak resident size %d MiB", peak>>20)
	switch {
	case killed && counted:
		return MemoryOut, fmt.Sprintf("%s; the kernel's count of kills for memory went from %d to %d", evidence, before.kills, after.kills)
	case killed && after.limit != 0 && peak >= after.limit/10*9:
		return MemoryProbable, fmt.Sprintf("%s of a limit of %d MiB", evidence, after.limit>>20)
	case killed:
		return MemoryPerhaps, evidence
	case counted && e.Code != 0:
		return MemoryProbable, fmt.Sprintf("the kernel's count of kills for memory went from %d to %d; the child itself was not killed", before.kills, after.kills)
	}
	return "", ""
}
