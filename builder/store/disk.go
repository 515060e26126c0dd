package store

import (
	"errors"
	"syscall"

	"github.com/lockforge/lockforge/builder/fault"
)

// diskFault wraps an error of the file system and says what to do about the
// ones that a user can mend.
func diskFault(err error, format string, args ...any) error {
	e := fault.Wrap(fault.Internal, err, format, args...)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.Hint("the disk or quota is full: free some space, or choose another folder with --cache-dir")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EPERM):
		return e.Hint("the folder cannot be written: choose another one with --cache-dir")
	}
	return e
}
