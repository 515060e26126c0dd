// Package logs takes the output of a child and makes it safe and small: text
// only, without secrets, a bounded part of it for the report and all of it, as
// far as the disk may be filled, in files.
//
//	log, err := logs.Open(logs.Options{Mask: masked, Path: dir + "/ingestion-logs.log"})
//	spec.Stdout, spec.Stderr = log.Stream(), log.Stream()
//	end := task.Run(ctx, spec)
//	err = log.Close()             // writes what the streams held back
//	report := log.Report(1 << 20) // also while the run goes on
//
// A stream passes four stages, each in fixed memory: control sequences and
// broken text are made harmless (Cleaner), secrets are masked, lines are cut,
// and the lines of all streams are kept together, one after the other.
package logs

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unicode/utf8"
)

// DefaultLineBytes bounds a line in the report.
const DefaultLineBytes = 4096

const (
	truncated = "[...truncated]" // upstream's mark at the end of a line that was cut
	continued = "[...continued]" // in the files, where the rest follows
)

// Options say what is kept. The zero value keeps the default number of lines
// and writes no file.
type Options struct {
	// Mask returns a writer that masks secrets on their way to w; nil masks
	// nothing. For a mask.Masker made with the form Clean gives:
	//
	//	m, err := mask.New(secrets, logs.Clean)
	//	Mask: func(w io.Writer) io.WriteCloser { return m.Writer(w) }
	Mask func(w io.Writer) io.WriteCloser
	// LineBytes bounds a line; 0 is DefaultLineBytes.
	LineBytes int
	// Head and Tail are how many lines of the beginning and the end are kept
	// for the report; 0 is DefaultHead and DefaultTail.
	Head, Tail int
	// Path is the file for the whole log; "" is none.
	Path string
	// FileBytes and Files bound the log on disk; 0 is DefaultFileBytes and DefaultFiles.
	FileBytes int64
	Files     int
	// Echo gets each line of the report as it comes, behind EchoPrefix. Its
	// errors are ignored: a closed standard output must not end a run.
	Echo       io.Writer
	EchoPrefix string
}

// Log keeps the output of one run. It is safe for concurrent use.
type Log struct {
	o    Options
	file *file // nil without one

	mu      sync.Mutex
	kept    kept
	streams []*Stream
	echo    []byte
}

// Open fails where the file cannot be made.
func Open(o Options) (*Log, error) {
	if o.LineBytes == 0 {
		o.LineBytes = DefaultLineBytes
	}
	l := &Log{o: o, kept: newKept(o.Head, o.Tail)}
	if o.Path != "" {
		f, err := openFile(o.Path, o.FileBytes, o.Files)
		if err != nil {
			return nil, err
		}
		l.file = f
	}
	return l, nil
}

// Stream returns a writer for one stream of output. Text that is split over
// two streams is not put together: a secret in it is not found.
func (l *Log) Stream() *Stream {
	s := &Stream{log: l}
	cut := &cutter{log: l}
	var masked io.WriteCloser = cut
	if l.o.Mask != nil {
		masked = chain{l.o.Mask(cut), cut}
	}
	s.cleaner = NewCleaner(masked)
	s.next = masked
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = append(l.streams, s)
	return s
}

// Close closes all streams and the file. It returns the first error of the
// file, which by then lacks a part of the log.
func (l *Log) Close() error {
	l.mu.Lock()
	streams := l.streams
	l.streams = nil
	l.mu.Unlock()
	var problems []error
	for _, s := range streams {
		problems = append(problems, s.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		problems = append(problems, l.file.close())
	}
	return errors.Join(problems...)
}

// Report returns the kept lines, with a line about those left out, in at most
// limit bytes: lines are left out from the middle on.
func (l *Log) Report(limit int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.report(limit)
}

// Lines returns how many lines there were, and how many of them Report leaves
// out for their number.
func (l *Log) Lines() (all, leftOut int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.count, l.kept.leftOut()
}

// Stream is one stream of output. A run's output never fails for trouble with
// a file or the echo; it fails where masking does, with nothing written.
type Stream struct {
	log     *Log
	mu      sync.Mutex // a run may end, and close the log, while a process left behind still writes
	cleaner *Cleaner
	next    io.Closer
	closed  bool
}

// ErrClosed is the error of a write to a closed stream.
var ErrClosed = errors.New("the log is closed")

func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	return s.cleaner.Write(p)
}

// Close ends the last line. Log.Close does it too.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.cleaner.Close(), s.next.Close())
}

// chain closes two stages in order.
type chain struct {
	io.WriteCloser
	next io.Closer
}

func (c chain) Close() error { return errors.Join(c.WriteCloser.Close(), c.next.Close()) }

// cutter takes clean, masked text apart into lines.
type cutter struct {
	log  *Log
	line []byte // what there is of the current line; at most LineBytes
	rest bool   // line continues one that was cut
}

func (c *cutter) Write(p []byte) (int, error) {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	total := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		text := p
		if end >= 0 {
			text = p[:end]
		}
		p = p[len(text):]
		c.take(text)
		if end >= 0 {
			p = p[1:]
			c.end()
		}
	}
	c.log.flush()
	return total, nil
}

// take adds text to the line, and cuts it where it grows too long.
func (c *cutter) take(text []byte) {
	limit := c.log.o.LineBytes
	for len(c.line)+len(text) > limit {
		n := limit - len(c.line)
		c.line = append(c.line, text[:n]...)
		text = text[n:]
		whole := wholeRunes(c.line)
		c.log.add(c.line[:whole], c.rest, true)
		c.line = c.line[:copy(c.line, c.line[whole:])]
		c.rest = true
	}
	c.line = append(c.line, text...)
}

func (c *cutter) end() {
	c.log.add(c.line, c.rest, false)
	c.line, c.rest = c.line[:0], false
}

// Close ends a line that has no newline.
func (c *cutter) Close() error {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if len(c.line) > 0 || c.rest {
		c.end()
	}
	c.log.flush()
	return nil
}

// add takes a line, or a piece of one. Only the first piece is for the report.
func (l *Log) add(line []byte, rest, more bool) {
	mark := ""
	if more {
		mark = continued
	}
	if l.file != nil {
		l.file.add(line, mark)
	}
	if rest {
		return
	}
	if more {
		mark = truncated
	}
	l.kept.add(line, mark)
	if l.o.Echo != nil {
		l.echo = append(l.echo, l.o.EchoPrefix...)
		l.echo = append(l.echo, line...)
		l.echo = append(l.echo, mark...)
		l.echo = append(l.echo, '\n')
		if len(l.echo) >= chunk {
			l.flushEcho()
		}
	}
}

func (l *Log) flush() {
	if l.file != nil {
		l.file.flush()
	}
	l.flushEcho()
}

func (l *Log) flushEcho() {
	if len(l.echo) > 0 {
		_, _ = l.o.Echo.Write(l.echo)
		l.echo = l.echo[:0]
	}
}

// wholeRunes returns the length of text without a rune that is cut at its end.
func wholeRunes(text []byte) int {
	for n := len(text) - 1; n > 0 && n >= len(text)-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			if utf8.FullRune(text[n:]) {
				return len(text)
			}
			return n
		}
	}
	return len(text)
}
