package store

import (
	"errors"
	"syscall"

	"github.com/lockforge/lockforge/builder/fault"
)

// diskFault wraps an error of the file system and says what to do about the
// ones that a user can mend; fault knows full disks.
func diskFault(err error, format string, args ...any) error {
	e := fault.Wrap(fault.Internal, err, format, args...)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EPERM) {
		return e.Hint("the folder cannot be written: choose another one with --cache-dir")
	}
	return e
}
