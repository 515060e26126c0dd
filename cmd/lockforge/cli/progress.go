package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/lockforge/lockforge/builder/progress"
)

// newProgress returns what shows the work: a live view on a terminal, plain
// lines elsewhere, nothing when mode is "none". stop ends it.
func newProgress(mode string, w io.Writer) (sink progress.Sink, stop func()) {
	width, isTerminal := terminalWidth(w)
	switch {
	case mode == "none":
		return progress.None(), func() {}
	case mode == "tty", mode == "auto" && isTerminal:
		live := newLive(w, width)
		return live, live.stop
	default:
		return &plain{w: w}, func() {}
	}
}

func terminalWidth(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 80, false
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width, true
	}
	return 80, true
}

// plain prints a line when a step ends, and one when it begins and takes long.
type plain struct {
	mu sync.Mutex
	w  io.Writer
}

// slow is how long a step may run before its beginning is worth a line.
const slow = 5 * time.Second

func (p *plain) Begin(name string) progress.Step {
	s := &plainStep{p: p, name: name, start: time.Now()}
	s.announce = time.AfterFunc(slow, func() { p.printf("... %s\n", name) })
	return s
}

func (p *plain) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format, args...)
}

type plainStep struct {
	p        *plain
	name     string
	start    time.Time
	announce *time.Timer
	cached   bool
}

func (s *plainStep) Advance(int64, int64) {}
func (s *plainStep) Cached()              { s.cached = true }
func (s *plainStep) Log(line string)      { s.p.printf("    %s: %s\n", s.name, line) }

func (s *plainStep) End(err error) {
	s.announce.Stop()
	s.p.printf("%s\n", outcome(s.name, time.Since(s.start), s.cached, err))
}

func outcome(name string, took time.Duration, cached bool, err error) string {
	switch {
	case err != nil:
		return "FAIL " + name
	case cached:
		return "ok   " + name + " (cached)"
	default:
		return fmt.Sprintf("ok   %s (%.1fs)", name, took.Seconds())
	}
}

// live redraws the steps under way at the bottom of a terminal.
type live struct {
	mu    sync.Mutex
	w     io.Writer
	width int
	open  []*liveStep
	drawn int
	done  chan struct{}
	once  sync.Once
}

// maxLive bounds the steps shown at once, so that the view fits any terminal.
const maxLive = 8

func newLive(w io.Writer, width int) *live {
	l := &live{w: w, width: width, done: make(chan struct{})}
	go l.refresh()
	return l
}

func (l *live) refresh() {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			l.mu.Lock()
			l.redraw("")
			l.mu.Unlock()
		}
	}
}

func (l *live) stop() {
	l.once.Do(func() {
		close(l.done)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open = nil
		l.redraw("")
	})
}

func (l *live) Begin(name string) progress.Step {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &liveStep{l: l, name: name, start: time.Now()}
	l.open = append(l.open, s)
	return s
}

// redraw replaces the live lines, with an optional lasting line above them.
// The caller holds the lock.
func (l *live) redraw(lasting string) {
	if l.drawn > 0 {
		fmt.Fprintf(l.w, "\x1b[%dA\x1b[J", l.drawn)
	}
	if lasting != "" {
		fmt.Fprintln(l.w, lasting)
	}
	l.drawn = 0
	for i, s := range l.open {
		if i == maxLive {
			fmt.Fprintf(l.w, "     and %d more\n", len(l.open)-maxLive)
			l.drawn++
			break
		}
		fmt.Fprintln(l.w, clip(s.line(), l.width-1))
		l.drawn++
	}
}

func clip(s string, width int) string {
	if runes := []rune(s); len(runes) > width && width > 0 {
		return string(runes[:width])
	}
	return s
}

type liveStep struct {
	l           *live
	name        string
	start       time.Time
	done, total int64
	cached      bool
	lastLog     string
}

func (s *liveStep) line() string {
	text := fmt.Sprintf("  -> %s %.1fs", s.name, time.Since(s.start).Seconds())
	if s.total > 0 {
		text += fmt.Sprintf(" %d%% of %s", 100*s.done/s.total, megabytes(s.total))
	}
	if s.lastLog != "" {
		text += "  " + s.lastLog
	}
	return text
}

func (s *liveStep) Advance(done, total int64) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.done, s.total = done, total
}

func (s *liveStep) Cached() {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.cached = true
}

func (s *liveStep) Log(line string) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.lastLog = line
}

func (s *liveStep) End(err error) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	for i, open := range s.l.open {
		if open == s {
			s.l.open = append(s.l.open[:i], s.l.open[i+1:]...)
			break
		}
	}
	s.l.redraw(outcome(s.name, time.Since(s.start), s.cached, err))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
