package journal

import (
	"errors"
	"io"
)

// load reads the file, and mends what a torn write left.
func (j *Journal) load() error {
	info, err := j.f.Stat()
	if err != nil {
		return err
	}
	s := &scanner{r: j.f, size: info.Size()}
	j.index = newIndex()
	end := int64(0) // behind the last intact line
	for {
		l, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		end = l.offset + int64(len(l.raw)) + 1
		if l.Format == 0 {
			j.report.Records++
			j.index.apply(l.Record, l.ref())
		}
	}
	j.seq, j.size = s.seq, info.Size()
	j.report.Torn, j.report.Lost = s.judge()
	return j.mend(end)
}

// mend gives the journal a file without damage.
func (j *Journal) mend(end int64) (err error) {
	torn, lost := j.report.Torn, j.report.Lost
	switch {
	case len(lost) > 0 && !j.o.Repair:
		return &CorruptError{j.path(fileName), lost}
	case len(lost) > 0:
		if j.report.Copy, err = j.keepDamaged(); err != nil {
			return err
		}
		return j.rewrite(j.f, true)
	case len(torn) == 1 && torn[0].Offset == end:
		// Nothing is behind it; and this works on a full disk, too.
		j.size = end
		return errors.Join(j.f.Truncate(end), j.f.Sync())
	case len(torn) > 0:
		return j.rewrite(j.f, true)
	}
	return nil
}
