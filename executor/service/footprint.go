package service

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// quiet is how long nothing may happen before memory is given back. A start
// takes less, connections to servers included. As long as nothing goes on
// happening it is given back again, after twice as long each time up to
// mostQuiet: what waiting itself does now and then would stay mapped else.
const (
	quiet     = 3 * time.Second
	mostQuiet = 1024 * quiet
)

// How much the heap may grow between two collections, in percent of what is in
// use, where $GOGC does not say it. The heap is small: while nothing happens,
// collecting it twice as often as usual costs next to nothing, and while there
// are runs, each would wait for a collection of its own.
const (
	idleGarbage = 50
	busyGarbage = 400
)

// keepSmall gives memory back after the start, and whenever there are no more
// runs.
func (s *Service) keepSmall(ctx context.Context) error {
	garbage := debug.SetGCPercent
	if slices.ContainsFunc(s.host.Env, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		garbage = func(percent int) int { return percent }
	}
	garbage(idleGarbage)
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for rested, wait := time.Duration(0), quiet; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := s.worker.Stats(); s.stirred.Swap(false) || now.Running+now.Waiting > 0 {
			rested, wait = 0, quiet
			garbage(busyGarbage)
			continue
		}
		if rested += quiet; rested < wait {
			continue
		}
		rested, wait = 0, min(2*wait, mostQuiet)
		garbage(idleGarbage)
		if err := shrink(); err != nil {
			s.log.Warn("memory that is not needed any more is kept", "error", err)
		}
	}
}

// shrink gives back what only the start, or a run, needed: freed heap, and the
// pages of the program itself. Starting touches code and tables of every
// library; the kernel maps sixteen pages for each one that is touched, and keeps
// them mapped for as long as there is memory. What is needed again comes back
// by itself.
func shrink() error {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to uintptr
		var mode, offset, device, inode, path string
		// Fields of proc(5), /proc/pid/maps.
		n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s %s %s %s %s", &from, &to, &mode, &offset, &device, &inode, &path)
		if n < 7 || path != program || strings.Contains(mode, "w") {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); errno != 0 {
			return errno
		}
	}
	return lines.Err()
}
