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
// collecting it often costs next to nothing, and while there are runs, each
// would wait for a collection of its own.
const (
	idleGarbage = 25
	busyGarbage = 60
)

// stir notes something about a run.
func (s *Service) stir() {
	if !s.stirred.Swap(true) {
		s.collectAfter(busyGarbage)
	}
}

func (s *Service) collectAfter(garbage int) {
	if !slices.ContainsFunc(s.host.Env, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		debug.SetGCPercent(garbage)
	}
}

// keepSmall gives memory back after the start, whenever there are no more runs,
// and when events that were others' have passed.
func (s *Service) keepSmall(ctx context.Context) error {
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	rest := rest{wait: quiet}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := s.worker.Stats()
		busy := s.stirred.Swap(false) || now.Running+now.Waiting > 0
		if !rest.enough(busy, s.passing.Swap(false)) {
			continue
		}
		s.collectAfter(idleGarbage)
		if err := shrink(); err != nil {
			s.log.Warn("memory that is not needed any more is kept", "error", err)
		}
	}
}

// rest says when memory is to be given back.
type rest struct {
	rested, wait time.Duration // since when nothing was done, and for how long it is to be so
	passing      bool          // there were events when it was last asked
}

// enough is asked every quiet, and told what there was since: something about
// a run, or events.
func (r *rest) enough(busy, passing bool) bool {
	if busy {
		*r = rest{wait: quiet}
		return false
	}
	if r.passing && !passing {
		r.wait = quiet
	}
	r.passing = passing
	if r.rested += quiet; r.rested < r.wait {
		return false
	}
	r.rested, r.wait = 0, min(2*r.wait, mostQuiet)
	return true
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
