package metrics

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// maxProcBytes bounds a file of /proc: the longest, of mounts and
	// interfaces, have some hundred bytes per row.
	maxProcBytes = 4 << 20
	// maxStatBytes bounds the line of one process: 52 numbers and a name of 64
	// bytes at most.
	maxStatBytes = 2 << 10
	// maxProcesses bounds how many processes a scrape looks at.
	maxProcesses = 65536
	// ticks per second of the times in /proc, which is 100 for every program
	// whatever the kernel counts in (proc(5), USER_HZ).
	ticks = 100
)

// process is what /proc/<pid>/stat says, in bytes and seconds.
type process struct {
	parent       int
	rss, vms     float64
	user, system float64
	// of its children that have ended and were waited for
	endedUser, endedSystem float64
}

// readFile returns nothing where the file cannot be read.
func readFile(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxProcBytes))
	if err != nil {
		return ""
	}
	return string(content)
}

// processes reads every process that there is.
func processes(proc string) map[int]process {
	dir, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxProcesses)
	all := map[int]process{}
	buffer := make([]byte, maxStatBytes)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := parseStat(readStat(filepath.Join(proc, name, "stat"), buffer)); ok {
			all[pid] = p
		}
	}
	return all
}

// readStat reads a file that the kernel gives out whole in one read. There are
// many of them, so they share a buffer.
func readStat(path string, buffer []byte) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	n, _ := f.Read(buffer)
	return string(buffer[:n])
}

// parseStat reads the fields behind the program's name, which may have
// parentheses and spaces in it (proc(5)).
func parseStat(stat string) (process, bool) {
	_, rest, ok := cutLast(stat, ") ")
	fields := strings.Fields(rest)
	const state, parent, user, system, endedUser, endedSystem, vms, rss = 0, 1, 11, 12, 13, 14, 20, 21
	if !ok || len(fields) <= rss {
		return process{}, false
	}
	number := func(i int) float64 {
		n, err := strconv.ParseFloat(fields[i], 64)
		ok = ok && err == nil
		return n
	}
	p := process{
		parent: int(number(parent)),
		rss:    number(rss) * float64(os.Getpagesize()), vms: number(vms),
		user: number(user) / ticks, system: number(system) / ticks,
		endedUser: number(endedUser) / ticks, endedSystem: number(endedSystem) / ticks,
	}
	return p, ok
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// descendants returns the processes below one.
func descendants(all map[int]process, root int) []process {
	children := map[int][]int{}
	for pid, p := range all {
		children[p.parent] = append(children[p.parent], pid)
	}
	var found []process
	seen := map[int]bool{root: true} // the list was not read at one instant
	for next := []int{root}; len(next) > 0; {
		pid := next[0]
		next = next[1:]
		for _, child := range children[pid] {
			if !seen[child] {
				seen[child] = true
				found = append(found, all[child])
				next = append(next, child)
			}
		}
	}
	return found
}

// memory returns what the host has and what of it is used, in bytes.
func memory(meminfo string) (total, used float64) {
	values := map[string]float64{}
	for line := range strings.Lines(readFile(meminfo)) {
		name, value, _ := strings.Cut(line, ":")
		if fields := strings.Fields(value); len(fields) > 0 {
			kilobytes, _ := strconv.ParseFloat(fields[0], 64)
			values[name] = kilobytes * 1024
		}
	}
	return values["MemTotal"], values["MemTotal"] - values["MemAvailable"]
}

// hostTimes are the CPU times of the host since it started, in ticks.
type hostTimes struct {
	all, idle float64
	cores     int
}

func cpuTimes(stat string) hostTimes {
	var t hostTimes
	for line := range strings.Lines(readFile(stat)) {
		name, rest, _ := strings.Cut(line, " ")
		switch {
		case name == "cpu":
			for i, field := range strings.Fields(rest) {
				const idle, wait, guest = 3, 4, 8
				n, _ := strconv.ParseFloat(field, 64)
				if i < guest { // guests' times are in those of users already
					t.all += n
				}
				if i == idle || i == wait {
					t.idle += n
				}
			}
		case strings.HasPrefix(name, "cpu"):
			t.cores++
		}
	}
	return t
}

// usage is the part of all cores that was not idle since before, in percent.
func (t hostTimes) usage(before hostTimes) float64 {
	all, idle := t.all-before.all, t.idle-before.idle
	if all <= 0 {
		return 0
	}
	return max(0, min(100, (all-idle)/all*100))
}

// nic is one network interface.
type nic struct {
	name    string
	in, out traffic
}

type traffic struct{ bytes, packets, errors, dropped float64 }

// interfaces reads /proc/net/dev: two lines of headings, then one per
// interface with eight fields for each direction.
func interfaces(dev string) []nic {
	var all []nic
	for line := range strings.Lines(readFile(dev)) {
		name, rest, ok := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 12 {
			continue
		}
		var n [12]float64
		for i := range n {
			n[i], _ = strconv.ParseFloat(fields[i], 64)
		}
		all = append(all, nic{strings.TrimSpace(name), traffic{n[0], n[1], n[2], n[3]}, traffic{n[8], n[9], n[10], n[11]}})
	}
	return all
}

// mount is one mounted file system.
type mount struct{ device, point, kind string }

// mountsOf returns the mounts that paths lie on, each once, from mountinfo
// (proc(5)). A later row covers an earlier one of the same point.
func mountsOf(mountinfo string, paths []string) []mount {
	mounts := map[string]mount{}
	for line := range strings.Lines(readFile(mountinfo)) {
		front, back, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(front), strings.Fields(back)
		if !ok || len(fields) < 5 || len(rest) < 2 {
			continue
		}
		point := unescape(fields[4])
		mounts[point] = mount{unescape(rest[1]), point, rest[0]}
	}
	var found []mount
	seen := map[string]bool{}
	for _, path := range paths {
		for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
			if m, ok := mounts[dir]; ok {
				if !seen[dir] {
					seen[dir] = true
					found = append(found, m)
				}
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return found
}

// unescape turns \040 and the like into the byte (proc(5)).
func unescape(text string) string {
	var b bytes.Buffer
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
