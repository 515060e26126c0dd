package mask

import (
	"errors"
	"io"
	"slices"
)

// window is how many bytes are looked at together, beside those held back.
const window = 32 << 10

// ErrClosed is the error of a write after Close.
var ErrClosed = errors.New("the masked stream is closed")

// Writer masks what is written to it. It holds back only bytes with which a
// secret may begin. Its memory grows with what is written at once, up to one and
// a half times the longest form of a secret and twice 32 KiB. It is not safe for
// concurrent use; give each stream its own.
type Writer struct {
	m   *Masker
	out io.Writer
	err error // sticky: after an error nothing more is written

	buf     []byte // not yet written; matches and all positions are relative to it
	pos     int    // bytes of buf that the automaton has seen
	node    uint32
	entered int // where the automaton began
	matches []match
	ready   []byte // masked, for the next write to out
}

// match is a part of buf that is replaced: one or more overlapping secrets,
// under the name of the one that begins first (the longest of those).
type match struct {
	start, end int
	pattern    int
	announced  bool // its marker is out already, and start may lie before buf
}

// reset makes a closed or new Writer ready for another stream.
func (w *Writer) reset(out io.Writer) {
	*w = Writer{m: w.m, out: out, buf: w.buf[:0], matches: w.matches[:0], ready: w.ready[:0]}
}

// Write masks p. It fails with the first error of the underlying writer, and
// from then on; what could not be masked is never written.
func (w *Writer) Write(p []byte) (int, error) {
	if latest := w.m.latest.Load(); latest != w.m && w.err == nil {
		w.use(latest)
	}
	total := len(p)
	for len(p) > 0 && w.err == nil {
		n := min(len(p), window)
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
		w.scan()
		w.release(w.pos - int(w.m.a.depth[w.node]))
	}
	w.flush()
	if w.err != nil {
		return 0, w.err
	}
	return total, nil
}

// use goes on with another Masker. What is held back is looked at again, for
// with what follows it may become one of the secrets that are new.
func (w *Writer) use(m *Masker) {
	// The beginning of such a match is out, so that it cannot be found again.
	w.matches = slices.DeleteFunc(w.matches, func(m match) bool { return !m.announced })
	w.m, w.node, w.pos, w.entered = m, 0, 0, 0
	w.scan()
}

// Close writes the bytes held back. It does not close the underlying writer.
func (w *Writer) Close() error {
	if errors.Is(w.err, ErrClosed) {
		return nil
	}
	if w.err == nil {
		w.release(len(w.buf))
		w.flush()
	}
	err := w.err
	if err == nil {
		w.err = ErrClosed
	}
	return err
}

// scan brings the automaton to the end of buf.
func (w *Writer) scan() {
	a := w.m.a
	for w.pos < len(w.buf) {
		// At a depth below gram, all that the automaton knows is where a
		// match may begin, and the filter is faster at that. The filter
		// needs whole words, so the last bytes are the automaton's.
		depth := int(a.depth[w.node])
		if start := w.pos - depth; depth < a.gram && (depth == 0 || start > w.entered) {
			next := a.skip(w.buf, start)
			if next > start {
				w.node, w.pos = 0, next
			}
			w.entered = next
			if w.pos >= len(w.buf) {
				return
			}
		}
		w.node = a.step(w.node, w.buf[w.pos])
		w.pos++
		if found := a.found[w.node]; found != 0 {
			w.add(int(found) - 1)
		}
	}
}

// add takes up a match that ends at pos, joined to those it overlaps.
func (w *Writer) add(found int) {
	m := match{start: w.pos - len(w.m.a.patterns[found].text), end: w.pos, pattern: found}
	for n := len(w.matches); n > 0 && w.matches[n-1].end > m.start; n = len(w.matches) {
		if last := w.matches[n-1]; last.start < m.start {
			m.start, m.pattern, m.announced = last.start, last.pattern, last.announced
		}
		w.matches = w.matches[:n-1]
	}
	w.matches = append(w.matches, m)
}

// release masks buf up to safe, the place before which no further match can
// begin, and drops it.
func (w *Writer) release(safe int) {
	done, ended := 0, 0
	for i := range w.matches {
		m := &w.matches[i]
		if m.start >= safe {
			break
		}
		if !m.announced {
			w.ready = append(w.ready, w.buf[done:m.start]...)
			w.ready = append(w.ready, w.m.markers[w.m.a.patterns[m.pattern].name]...)
		}
		done = min(m.end, safe)
		if m.end > safe {
			m.announced = true // and what follows belongs to it
			break
		}
		ended++
		w.flushFull()
	}
	w.ready = append(w.ready, w.buf[done:safe]...)
	w.flushFull()
	w.matches = w.matches[:copy(w.matches, w.matches[ended:])]
	for i := range w.matches {
		w.matches[i].start -= safe
		w.matches[i].end -= safe
	}
	w.buf = w.buf[:copy(w.buf, w.buf[safe:])]
	w.pos -= safe
	w.entered -= safe
}

func (w *Writer) flushFull() {
	if len(w.ready) >= window {
		w.flush()
	}
}

func (w *Writer) flush() {
	if w.err != nil || len(w.ready) == 0 {
		return
	}
	n, err := w.out.Write(w.ready)
	if err == nil && n < len(w.ready) {
		err = io.ErrShortWrite
	}
	w.err = err
	w.ready = w.ready[:0]
}
