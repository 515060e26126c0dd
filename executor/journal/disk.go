package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
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
	f, err := ownfile.Open(path, unix.O_CREAT)
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
		return filepath.Base(name), ownfile.SyncDir(j.dir)
	}
	return "", fmt.Errorf("keeping the damaged journal: %d such files are in %s already", maxDamaged, j.dir)
}
