package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Names in the directory.
const (
	fileName    = "journal"
	newName     = "journal.new"     // a compaction that is not finished
	lockName    = "journal.lock"    // held by the one writer
	reserveName = "journal.reserve" // space for the ends of runs
	damagedName = "journal.damaged" // with a number: what a repair replaced
)

// maxDamaged bounds how many damaged files are kept.
const maxDamaged = 100

// lockWait is how long a lock is waited for. When its holder is killed while it
// starts a child, that child has the lock as well until it executes something
// else: the next executor may be there before.
const lockWait = time.Second

// lockFile takes the lock that ends with this process, however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := openOrMake(path, unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if again := errors.Is(err, unix.EINTR) || errors.Is(err, unix.EWOULDBLOCK); !again || time.Now().After(end) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return f, nil
}

func openFile(path string) (*os.File, error) { return openOrMake(path, 0) }

// openOrMake opens a regular file that lies at the path itself.
func openOrMake(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// noSpace says whether an error goes away when somebody frees space.
func noSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// reserve takes the reserve, unless it is there.
func (j *Journal) reserve() {
	ok := j.o.ReserveBytes < 0 || takeReserve(j.path(reserveName), j.o.ReserveBytes) == nil
	j.mu.Lock()
	j.reserved = ok
	j.mu.Unlock()
}

// unreserve gives the reserve back to the disk.
func (j *Journal) unreserve() {
	j.mu.Lock()
	j.reserved = j.o.ReserveBytes < 0
	j.mu.Unlock()
	// Where it cannot be removed there is no more space, as the next write finds.
	_ = os.Remove(j.path(reserveName))
}

func takeReserve(path string, size int64) error {
	f, err := openOrMake(path, unix.O_CREAT)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// keepDamaged gives the damaged file a second name, so that replacing it
// destroys nothing.
func (j *Journal) keepDamaged() (string, error) {
	for n := range maxDamaged {
		name := fmt.Sprintf("%s.%d", j.path(damagedName), n)
		err := os.Link(j.path(fileName), name)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keeping the damaged journal: %w", err)
		}
		return filepath.Base(name), syncDir(j.dir)
	}
	return "", fmt.Errorf("keeping the damaged journal: %d such files are in %s already", maxDamaged, j.dir)
}
