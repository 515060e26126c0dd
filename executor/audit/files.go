package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Names in the directory. The number has as many digits as the largest, so
// that names sort as records do.
const (
	lockName   = "audit.lock" // held by the one writer
	namePrefix = "audit-"
	nameSuffix = ".jsonl"
	nameDigits = 20
)

// maxSeq is more than any trail has; it leaves room for those that follow.
const maxSeq = 1 << 62

// nameOf is the name of the file whose first record has this number.
func nameOf(seq uint64) string {
	return fmt.Sprintf("%s%0*d%s", namePrefix, nameDigits, seq, nameSuffix)
}

// seqOf is the number in a file's name; 0 where there is none.
func seqOf(name string) uint64 {
	base := filepath.Base(name)
	digits := strings.TrimSuffix(strings.TrimPrefix(base, namePrefix), nameSuffix)
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || seq > maxSeq || base != nameOf(seq) {
		return 0
	}
	return seq
}

// list returns the paths of a directory's files in the order of their names.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the audit trail: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if seqOf(entry.Name()) > 0 {
			names = append(names, filepath.Join(dir, entry.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// openOwn opens a regular file that lies at the path itself.
func openOwn(path string, flags int) (*os.File, error) {
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

// lockWait is how long a lock is waited for. When its holder is killed while it
// starts a child, that child has the lock as well until it executes something
// else: the next executor may be there before.
const lockWait = time.Second

// lock takes the lock that ends with this process, however it ends.
func lock(path string) (*os.File, error) {
	f, err := openOwn(path, unix.O_CREAT)
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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
