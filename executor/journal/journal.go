package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
)

// Defaults and bounds of a journal.
const (
	// DefaultKeep is how long delivered runs are remembered, so that a late
	// duplicate of their request starts nothing.
	DefaultKeep = 30 * 24 * time.Hour
	// DefaultKeepIDs bounds how many delivered runs are remembered: some 10 MB
	// of file and 6 MB of memory.
	DefaultKeepIDs = 100_000
	// MinKeepIDs delivered runs are remembered whatever their age, because a
	// clock may have jumped.
	MinKeepIDs = 1_000
	// DefaultCompactBytes is the size of the file from which on it is
	// compacted by itself, each time it has doubled.
	DefaultCompactBytes = 64 << 20
	// DefaultMaxBytes is the size of the file from which on no run is
	// accepted: a server that takes no results must not fill the disk.
	DefaultMaxBytes = 1 << 30
	// DefaultReserveBytes is kept on the disk so that runs can end when it is
	// full; without it no run is accepted.
	DefaultReserveBytes = 4 << 20
)

// Options of a journal. The zero value is a good one.
type Options struct {
	Now          func() time.Time // nil: time.Now
	Keep         time.Duration    // 0: DefaultKeep
	KeepIDs      int              // 0: DefaultKeepIDs
	CompactBytes int64            // 0: DefaultCompactBytes; negative: only Compact does
	MaxBytes     int64            // 0: DefaultMaxBytes
	ReserveBytes int64            // 0: DefaultReserveBytes; negative: none
	// Repair opens a damaged journal with every intact record, and keeps the
	// damaged file beside it. Without it Open fails with *CorruptError.
	Repair bool

	// interrupt ends a compaction after the named step, as a crash would.
	interrupt func(step string) error
	// company is how long deliveries wait for it; 0: company, less: not at all.
	company time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.KeepIDs == 0 {
		o.KeepIDs = DefaultKeepIDs
	}
	if o.CompactBytes == 0 {
		o.CompactBytes = DefaultCompactBytes
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.ReserveBytes == 0 {
		o.ReserveBytes = DefaultReserveBytes
	}
	if o.company == 0 {
		o.company = company
	}
	if o.interrupt == nil {
		o.interrupt = func(string) error { return nil }
	}
	return o
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	dir    string
	o      Options
	lock   *os.File
	report Report
	wake   chan struct{} // of capacity 1: there is something to commit
	gone   chan struct{} // closed when the committer has ended

	// file guards f against being replaced under a reader. Only the
	// committer writes f, size, seq and the index.
	file sync.RWMutex
	f    *os.File
	size int64 // durable bytes
	seq  uint64

	// mu guards what follows, and lets others read size.
	mu          sync.Mutex
	index       index
	queue       []*pending
	busy        map[string]*pending // by id: what must be durable before the next
	compactions []chan error
	closed      bool
	failed      error
	commits     uint64

	compactAt int64 // size at which the committer compacts
	reserved  bool
}

// Report says what Open found.
type Report struct {
	Records int `json:"records"` // intact ones
	// Torn is what the last write left behind when the executor or the machine
	// died; nothing of it was acknowledged. It is gone.
	Torn []Damage `json:"torn,omitempty"`
	// Lost is damage to acknowledged records; only with Options.Repair.
	Lost []Damage `json:"lost,omitempty"`
	// Copy is the damaged file, when Lost is not empty.
	Copy string `json:"copy,omitempty"`
}

// Open opens the journal of a directory, which it makes (0700). It fails with
// ErrLocked, ErrVersion, *CorruptError, or an error of the file system. After
// it Close must be called.
func Open(dir string, o Options) (*Journal, error) {
	j := &Journal{dir: dir, o: o.withDefaults(), busy: map[string]*pending{}, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	if err := j.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening journal %s: %w", dir, err), j.release())
	}
	go j.commitAll()
	return j, nil
}

// Repair makes a damaged journal usable: see Options.Repair. Of an intact one
// it changes nothing.
func Repair(dir string, o Options) (Report, error) {
	o.Repair = true
	j, err := Open(dir, o)
	if err != nil {
		return Report{}, err
	}
	return j.Report(), j.Close()
}

func (j *Journal) open() (err error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	if j.lock, err = ownfile.Lock(j.path(lockName), ErrLocked); err != nil {
		return err
	}
	if err := os.Remove(j.path(newName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	j.f, err = ownfile.Open(j.path(fileName), 0)
	if errors.Is(err, fs.ErrNotExist) {
		j.index = newIndex()
		// The directory may be as new as the file.
		if err := errors.Join(j.rewrite(nil, false), ownfile.SyncDir(filepath.Dir(j.dir))); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if err := j.load(); err != nil {
		return err
	}
	j.compactAt = j.nextCompaction(0)
	j.reserve()
	return nil
}

// Report says what Open found.
func (j *Journal) Report() Report { return j.report }

// Run returns the state of a run; also of delivered ones, for as long as they
// are remembered.
func (j *Journal) Run(id string) (Run, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.run(id)
}

// Runs returns the runs that are neither delivered nor dropped, in the order
// in which they were accepted.
func (j *Journal) Runs() []Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.runs()
}

// Data reads the data of a state of a run that is neither delivered nor
// dropped; nil when the record has none. It fails with ErrUnknown, also for a
// record that damage took; with *CorruptError; with an error of the disk.
func (j *Journal) Data(id string, s State) (json.RawMessage, error) {
	j.file.RLock()
	defer j.file.RUnlock()
	at, err := j.find(id, s)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, at.length)
	if _, err := j.f.ReadAt(raw, at.offset); err != nil {
		return nil, fmt.Errorf("reading run %s in the journal: %w", id, err)
	}
	e, _, ok := parseLine(raw)
	if !ok || e.ID != id {
		return nil, &CorruptError{j.path(fileName), []Damage{{at.offset, int64(at.length), "the record changed on the disk"}}}
	}
	return e.Data, nil
}

func (j *Journal) find(id string, s State) (ref, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ref{}, ErrClosed
	}
	run, ok := j.index.live[id]
	r := rankOf(s)
	if !ok || r == unknown || r >= final || run.refs[r].length == 0 {
		return ref{}, fmt.Errorf("%w: state %q of run %s", ErrUnknown, s, id)
	}
	return run.refs[r], nil
}

// Stats are numbers for metrics.
type Stats struct {
	Live  int   // runs that are neither delivered nor dropped
	Done  int   // runs that are remembered for the sake of duplicates
	Bytes int64 // of the file
	// Commits are the writes, each with its fsync, that records shared since Open.
	Commits uint64
	Full    bool // no run is accepted: see ErrFull
	// Failed is the error after which only opening the journal again helps.
	Failed error
}

// Stats returns them as of now.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{
		Live: len(j.index.live), Done: len(j.index.done), Bytes: j.size, Commits: j.commits,
		Full: !j.reserved || j.size >= j.o.MaxBytes, Failed: j.failed,
	}
}

// Close waits for the records that are being appended and frees the directory.
// A second call does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.gone
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	j.signal()
	<-j.gone
	return j.release()
}

func (j *Journal) release() error {
	j.file.Lock()
	defer j.file.Unlock()
	var errs []error
	for _, f := range []*os.File{j.f, j.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

func (j *Journal) path(name string) string { return filepath.Join(j.dir, name) }
