package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
)

// Compact replaces the file by one that has every record which matters of the
// undelivered runs, and a short one of each delivered run that is still to be
// remembered. It takes as much space as these do; when that is missing, or the
// file is damaged, the journal goes on with the file as it is.
func (j *Journal) Compact() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	result := make(chan error, 1)
	j.compactions = append(j.compactions, result)
	j.mu.Unlock()
	j.signal()
	return <-result
}

// nextCompaction is the size at which a file that was compacted to size is
// compacted again.
func (j *Journal) nextCompaction(size int64) int64 {
	if j.o.CompactBytes < 0 {
		return 1 << 62
	}
	return max(j.o.CompactBytes, 2*size)
}

// compact is Compact in the committer.
func (j *Journal) compact() error {
	err := j.failure()
	if err == nil {
		err = j.rewrite(j.f, false)
	}
	// Where it did not work it is tried again when the file has doubled.
	j.compactAt = j.nextCompaction(j.size)
	if err != nil {
		return fmt.Errorf("compacting journal %s: %w", j.dir, err)
	}
	j.reserve()
	return nil
}

// rewrite makes a file of the lines in old that matter and puts it in place of
// the journal. Damage between them is left out when it is known, and otherwise
// ends the rewriting.
func (j *Journal) rewrite(old io.ReaderAt, known bool) error {
	path := j.path(newName)
	f, err := ownfile.Open(path, unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	snapshot, size, err := j.snapshot(f, old, known)
	if err == nil {
		err = j.o.interrupt("written")
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.o.interrupt("synced")
	}
	if err == nil {
		err = os.Rename(path, j.path(fileName))
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	if err := errors.Join(j.o.interrupt("renamed"), ownfile.SyncDir(j.dir)); err != nil {
		// Nobody knows which of the files a crash would leave.
		j.fail(err)
		return errors.Join(err, f.Close())
	}
	j.file.Lock()
	defer j.file.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f != nil {
		// The file was read only, or is gone: closing it cannot lose a byte.
		_ = j.f.Close()
	}
	j.f, j.size, j.index = f, size, snapshot
	return nil
}

// snapshot writes what matters of old, and the marker, to f.
func (j *Journal) snapshot(f *os.File, old io.ReaderAt, known bool) (index, int64, error) {
	w := bufio.NewWriterSize(f, chunk)
	keep, size, finals := newIndex(), int64(0), 0
	s := &scanner{r: old, size: j.size}
	for old != nil {
		l, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return index{}, 0, err
		}
		if rankOf(l.State) >= final {
			finals++
		}
		out := j.kept(l, len(j.index.done)-finals)
		if out == nil {
			continue
		}
		keep.apply(l.Record, ref{size, int32(len(out) - 1)})
		size += int64(len(out))
		if _, err := w.Write(out); err != nil {
			return index{}, 0, err
		}
	}
	if len(s.holes) > 0 && !known {
		torn, lost := s.judge()
		return index{}, 0, &CorruptError{j.path(fileName), append(lost, torn...)}
	}
	marker := appendLine(nil, entry{Format: format, Record: Record{Seq: j.seq, At: j.o.Now().UnixMilli()}})
	_, err := w.Write(marker)
	return keep, size + int64(len(marker)), errors.Join(err, w.Flush())
}

// kept returns what a snapshot has of a line, with its newline; nil: nothing.
// So many runs were delivered after it.
func (j *Journal) kept(l line, newer int) []byte {
	switch {
	case l.Format != 0:
		return nil
	case rankOf(l.State) < final && j.index.holds(l.Record, l.offset):
		return append(l.raw[:len(l.raw):len(l.raw)], '\n')
	case rankOf(l.State) >= final && j.remembers(l.At, newer):
		l.Data = nil
		return appendLine(nil, l.entry)
	default:
		return nil
	}
}

// remembers says whether a run that was delivered at a time, and newer of them
// after it, is kept for the sake of duplicates.
func (j *Journal) remembers(at int64, newer int) bool {
	if newer >= j.o.KeepIDs {
		return false
	}
	age := j.o.Now().UnixMilli() - at
	return newer < MinKeepIDs || age <= j.o.Keep.Milliseconds()
}
