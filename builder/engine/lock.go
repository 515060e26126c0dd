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

// tryLock takes the exclusive lock on a state directory; nil is returned where
// somebody has it. The lock belongs to the open file: it lasts until every
// process that inherited it has closed it or died, so no killed process leaves
// one behind.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "opening the engine's lock")
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, f.Close()
	}
	if err != nil {
		return nil, errors.Join(fault.Wrap(fault.EngineDown, err, "locking the engine's state"), f.Close())
	}
	return f, nil
}

const (
	// pause is the time between two looks at a state directory that is in use.
	pause = 100 * time.Millisecond
	// showAfter keeps waits from being shown that nobody notices: an engine takes
	// a moment to end, and one to make its sockets.
	showAfter = time.Second
)

// await calls try until it is done or fails, or ctx ends.
func await(ctx context.Context, sink progress.Sink, try func() (done bool, err error)) error {
	began := time.Now()
	var waiting progress.Step
	for {
		done, err := try()
		if !done && err == nil {
			select {
			case <-ctx.Done():
				err = fault.Wrap(fault.Cancelled, context.Cause(ctx), "waiting for the engine's state")
			case <-time.After(pause):
			}
		}
		if done || err != nil {
			if waiting != nil {
				waiting.End(err)
			}
			return err
		}
		if waiting == nil && time.Since(began) > showAfter {
			waiting = sink.Begin("engine: waiting for another lockforge that is building")
		}
	}
}
