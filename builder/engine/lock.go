package engine

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
)

// acquire takes the exclusive lock on a state directory, waiting for its
// holder. The lock belongs to the open file: it lasts until every process that
// inherited it has closed it or died, so no killed process leaves one behind.
func acquire(ctx context.Context, path string, sink progress.Sink) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "opening the engine's lock")
	}
	var waiting progress.Step
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
			if waiting != nil {
				waiting.End(err)
			}
			if err != nil {
				return nil, errors.Join(fault.Wrap(fault.EngineDown, err, "locking the engine's state"), f.Close())
			}
			return f, nil
		}
		if waiting == nil {
			waiting = sink.Begin("engine: waiting for another lockforge that is building")
		}
		select {
		case <-ctx.Done():
			err := fault.Wrap(fault.Cancelled, context.Cause(ctx), "waiting for the engine's state")
			waiting.End(err)
			return nil, errors.Join(err, f.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// duplicate returns another descriptor of the open file: a lock lasts until all
// are closed.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
