package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// chunk is how many bytes a scanner reads at once.
const chunk = 256 << 10

// line is an intact line of a file.
type line struct {
	entry
	offset int64
	raw    []byte // without its newline; valid until the next line
}

func (l line) ref() ref { return ref{l.offset, int32(len(l.raw))} }

// scanner finds the intact lines of a file, whatever lies between them. Its
// memory is bounded by the longest line.
type scanner struct {
	r    io.ReaderAt
	size int64

	offset int64 // of buf in the file
	buf    []byte

	seq    uint64 // of the last intact line
	batch  uint64 // of the last intact record
	marked bool   // the marker was there
	holes  []hole
}

// hole is damage, and what is known of its place.
type hole struct {
	Damage
	before uint64 // seq of the last intact line before it
	marked bool   // it lies behind the marker
	// unwritten: it looks like a write that the disk did not finish, which has
	// no end or parts that are zero.
	unwritten bool
}

// next returns the next intact line that is in its place, or io.EOF.
func (s *scanner) next() (line, error) {
	for {
		end, err := s.fill()
		if err != nil {
			return line{}, err
		}
		if end == 0 {
			s.finish()
			return line{}, io.EOF
		}
		e, n, ok := parseLine(s.buf[:end])
		switch {
		case !ok:
			s.lose(end, "no intact record")
			continue
		case e.Format > format:
			return line{}, fmt.Errorf("%w: format %d", ErrVersion, e.Format)
		case !s.inPlace(e):
			s.lose(n, fmt.Sprintf("record %d after record %d", e.Seq, s.seq))
			continue
		}
		found := line{entry: e, offset: s.offset, raw: s.buf[:n]}
		s.accept(e)
		s.skip(n)
		if n == end-1 && s.buf[0] == '\n' {
			s.skip(1)
		} else {
			// The next line, if any, begins one byte later.
			s.lose(min(1, len(s.buf)), "a record without its newline")
		}
		return found, nil
	}
}

// inPlace says whether a line can stand behind those before it.
func (s *scanner) inPlace(e entry) bool {
	if e.Format != 0 {
		return !s.marked && e.Seq >= s.seq
	}
	return e.Seq > s.seq
}

// accept notes the line that begins buf, and a gap in front of it.
func (s *scanner) accept(e entry) {
	last := len(s.holes) - 1
	explained := last >= 0 && s.holes[last].before == s.seq && s.holes[last].Length > 0
	if s.marked && e.Seq != s.seq+1 && !explained {
		s.note(Damage{s.offset, 0, fmt.Sprintf("records %d to %d are missing", s.seq+1, e.Seq-1)}, false)
	}
	s.seq = e.Seq
	s.marked = s.marked || e.Format != 0
	if e.Format == 0 {
		s.batch = e.Batch
	}
}

// finish notes a file that ends within its snapshot.
func (s *scanner) finish() {
	if !s.marked && len(s.holes) == 0 {
		s.note(Damage{s.offset, 0, "the end of the snapshot is missing"}, false)
	}
}

// fill makes buf hold a whole line and returns its end, behind the newline. A
// line that is too long for a record, or the end of the file, ends it too.
func (s *scanner) fill() (int, error) {
	searched := 0
	for {
		if i := bytes.IndexByte(s.buf[searched:], '\n'); i >= 0 {
			return searched + i + 1, nil
		}
		searched = len(s.buf)
		at := s.offset + int64(searched)
		if at >= s.size || searched > maxLine {
			return searched, nil
		}
		more := make([]byte, searched+int(min(max(chunk, int64(searched)), s.size-at)))
		copy(more, s.buf)
		n, err := s.r.ReadAt(more[searched:], at)
		if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
			return 0, fmt.Errorf("reading the journal at offset %d: %w", at, err)
		}
		s.buf = more[:searched+n]
	}
}

func (s *scanner) skip(n int) {
	s.buf = s.buf[n:]
	s.offset += int64(n)
}

// lose skips n bytes and notes them as damage.
func (s *scanner) lose(n int, reason string) {
	lost := s.buf[:n]
	unended := s.offset+int64(n) == s.size && !bytes.HasSuffix(lost, []byte{'\n'})
	s.note(Damage{s.offset, int64(n), reason}, unended || bytes.IndexByte(lost, 0) >= 0)
	s.skip(n)
}

// note adds damage, to that right before it where there is some.
func (s *scanner) note(d Damage, unwritten bool) {
	if last := len(s.holes) - 1; last >= 0 {
		h := &s.holes[last]
		if h.Length > 0 && d.Length > 0 && h.Offset+h.Length == d.Offset {
			h.Length += d.Length
			h.unwritten = h.unwritten && unwritten
			return
		}
	}
	s.holes = append(s.holes, hole{d, s.seq, s.marked, unwritten})
}

// judge tells damage that a torn write explains, of which nothing was
// acknowledged, from damage to records that were.
func (s *scanner) judge() (torn, lost []Damage) {
	for _, h := range s.holes {
		// What follows the hole began to be written together with it, for a
		// batch waits until the one before is durable.
		lastBatch := s.seq == h.before || s.batch <= h.before+1
		if h.marked && h.unwritten && lastBatch {
			torn = append(torn, h.Damage)
		} else {
			lost = append(lost, h.Damage)
		}
	}
	return torn, lost
}
