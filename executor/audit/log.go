package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
)

// DefaultFileBytes is the size from which on a new file is begun.
const DefaultFileBytes = 64 << 20

// Errors of a log.
var (
	// ErrLocked is for a directory that another process writes: two writers
	// would make two chains.
	ErrLocked = errors.New("another executor writes this audit trail; give each one its own directory")
	// ErrClosed is for a log after Close.
	ErrClosed = errors.New("the audit trail is closed")
)

// Options of a log.
type Options struct {
	// Instance, Image and Lock are in every record: which executor it was, and
	// the digests ("sha256:<hex>") of its image and of the lock that this was
	// built from.
	Instance, Image, Lock string
	Now                   func() time.Time // nil: time.Now
	FileBytes             int64            // 0: DefaultFileBytes
	// Files is how many are kept; 0: all of them. The trail itself records
	// which were removed.
	Files int
	// SyncDelay is how long a record of something that has happened may wait for
	// the disk: 0 makes Record wait for it, less leaves it to the system. A
	// record of what is about to happen never waits.
	SyncDelay time.Duration
}

// Log writes an audit trail. It is safe for concurrent use.
type Log struct {
	dir    string
	o      Options
	lock   *os.File
	found  []Finding
	mu     sync.Mutex
	f      *os.File // nil: the next record begins a file
	size   int64
	head   Head
	next   uint64
	sync   *time.Timer // nil: nothing waits for the disk
	failed error       // of a delayed sync, or for good
	closed bool
}

// Open continues the trail in a directory, which it makes (0700). What a
// process that died left of its last record is removed. Where the newest file
// was tampered with it stays as it is, Findings tells, and the trail goes on in
// a new file: an executor does not stop because somebody touched its trail.
// It fails with ErrLocked or an error of the file system.
func Open(dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FileBytes == 0 {
		o.FileBytes = DefaultFileBytes
	}
	l := &Log{dir: dir, o: o}
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the audit trail in %s: %w", dir, err), l.release())
	}
	return l, nil
}

func (l *Log) open() (err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if l.lock, err = ownfile.Lock(filepath.Join(l.dir, lockName), ErrLocked); err != nil {
		return err
	}
	files, err := list(l.dir)
	if err != nil {
		return err
	}
	l.head, l.next = Head{0, genesis}, 1
	for i := len(files) - 1; i >= 0 && l.head.Seq == 0; i-- {
		if err := l.resume(files[i], i == len(files)-1); err != nil {
			return err
		}
	}
	l.next = max(l.next, l.head.Seq+1)
	if l.f != nil && l.size == 0 && seqOf(l.f.Name()) != l.next {
		// An empty file cannot be the one for the next record.
		err = errors.Join(l.f.Close(), os.Remove(l.f.Name()))
		l.f = nil
	}
	return err
}

// resume finds the end of the chain in a file, and keeps the newest open.
func (l *Log) resume(path string, newest bool) error {
	f, err := ownfile.Open(path, unix.O_APPEND)
	if err != nil {
		return err
	}
	c := &chain{want: Expect{Partial: true}}
	lines, err := c.read(path, f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.found = append(l.found, c.findings...)
	if c.records > 0 {
		l.head = c.head
	}
	l.next = max(l.next, seqOf(path)+uint64(lines))
	if !newest || len(c.findings) > 0 {
		return f.Close()
	}
	l.f = f
	info, err := f.Stat()
	if err == nil && c.torn > 0 {
		err = errors.Join(f.Truncate(info.Size()-c.torn), f.Sync())
	}
	if err != nil {
		return err
	}
	l.size = info.Size() - c.torn
	return nil
}

// Findings is what Open found in the newest file. It is worth a Recovery event.
func (l *Log) Findings() []Finding { return l.found }

// Head is the end of the chain. Kept elsewhere it proves a missing end, so it
// belongs into the executor's own log, at the start and at the end.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head.Seq == 0 {
		return Head{}
	}
	return l.head
}

// Record writes an event. After an error there is no trace of it, and the next
// one may succeed; whether the executor goes on without is its decision.
func (l *Log) Record(e Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(); err != nil {
		return fmt.Errorf("recording %s: %w", e.Kind, err)
	}
	if err := l.write(e); err != nil {
		return fmt.Errorf("recording %s: %w", e.Kind, err)
	}
	return nil
}

// ready makes sure that there is a file to write to.
func (l *Log) ready() error {
	switch {
	case l.closed:
		return ErrClosed
	case l.failed != nil:
		return l.failed
	case l.f != nil && l.size < l.o.FileBytes:
		return nil
	}
	return l.rotate()
}

// rotate begins a new file and removes the oldest ones.
func (l *Log) rotate() error {
	f, err := ownfile.Open(filepath.Join(l.dir, nameOf(l.next)), unix.O_CREAT|unix.O_EXCL|unix.O_APPEND)
	if err != nil {
		return err
	}
	if err := ownfile.SyncDir(l.dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	old := l.f
	l.f, l.size = f, 0
	if old != nil {
		if err := errors.Join(old.Sync(), old.Close()); err != nil {
			return err
		}
	}
	files, err := list(l.dir)
	if err != nil || l.o.Files <= 0 || len(files) <= l.o.Files {
		return err
	}
	keep := files[len(files)-l.o.Files:]
	// First the record that says so: see chain.end.
	if err := l.write(rotation(seqOf(keep[0]))); err != nil {
		return err
	}
	for _, old := range files[:len(files)-l.o.Files] {
		// What cannot be removed now is tried again with the next file.
		_ = os.Remove(old)
	}
	return nil
}

// write appends the record of an event, or leaves no trace of it.
func (l *Log) write(e Event) error {
	e = e.bounded()
	r := record{
		Seq: l.next, At: l.o.Now().UnixMilli(), Kind: e.Kind, Instance: l.o.Instance, Image: l.o.Image, Lock: l.o.Lock,
		Run: e.Run, Actor: e.Actor, Detail: &e.Detail, Prev: l.head.Hash,
	}
	line, hash, err := r.encode()
	if err != nil {
		return err
	}
	_, err = l.f.Write(line)
	now := l.o.SyncDelay == 0 || r.Kind.announces()
	if err == nil && now {
		err = l.f.Sync()
	}
	if err != nil {
		if back := l.f.Truncate(l.size); back != nil {
			l.failed = errors.Join(err, back)
		}
		return err
	}
	l.size += int64(len(line))
	l.head, l.next = Head{r.Seq, hash}, r.Seq+1
	if !now && l.o.SyncDelay > 0 && l.sync == nil {
		l.sync = time.AfterFunc(l.o.SyncDelay, l.flush)
	}
	return nil
}

// flush is the delayed sync.
func (l *Log) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sync != nil && !l.closed {
		l.sync = nil
		l.failed = l.f.Sync()
	}
}

// Close makes every record durable. A second call does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.sync != nil {
		l.sync.Stop()
	}
	if l.f == nil {
		return l.release()
	}
	return errors.Join(l.f.Sync(), l.release())
}

func (l *Log) release() error {
	var errs []error
	for _, f := range []*os.File{l.f, l.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
