package fetch

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/store"
)

const (
	// idleBreaks is how often in a row a connection may break without having
	// brought anything; allBreaks how often in all.
	idleBreaks, allBreaks = 4, 100
	firstPause            = 100 * time.Millisecond
	longestPause          = 10 * time.Second
	// copyBuffer is one read from the network, in bytes.
	copyBuffer = 128 << 10
)

// download is one file on its way.
type download struct {
	file    lock.File
	partial *store.Partial
	source  Source
	step    progress.Step
	total   *total
}

// errShort is a body that ended cleanly before the file's size was reached.
var errShort = errors.New("the file ended too early")

// from tries one place after the other.
func (d *download) from(ctx context.Context, urls []string) error {
	d.total.received(d.partial.Offset())
	var errs []error
	for _, url := range urls {
		err := d.one(ctx, url)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		if final(ctx, err) {
			break
		}
		d.step.Log(err.Error())
	}
	if len(urls) == 0 {
		errs = append(errs, index.ErrNotFound)
	}
	return explain(d.file, errs)
}

// final reports whether another place cannot help: the disk or the user says stop.
func final(ctx context.Context, err error) bool {
	return ctx.Err() != nil || isDisk(err)
}

// one gets the file from one place. Where the whole is wrong, or the place
// cannot go on from where an earlier run or another place stopped, it gets a
// second chance from the start.
func (d *download) one(ctx context.Context, url string) error {
	resumed := d.partial.Offset() > 0
	err := d.attempt(ctx, url)
	if err == nil || !resumed || final(ctx, err) {
		return err
	}
	switch {
	case errors.Is(err, index.ErrRange):
		if err := d.restart(); err != nil {
			return err
		}
	case d.partial.Offset() > 0: // the next place may go on from there
		return err
	}
	return d.attempt(ctx, url)
}

// attempt reads to the end over broken connections, and commits.
func (d *download) attempt(ctx context.Context, url string) error {
	idle := 0
	for n := 0; d.partial.Offset() < d.file.Size; n++ {
		before := d.partial.Offset()
		err := d.stream(ctx, url)
		if err == nil {
			break
		}
		var broken *brokenError
		if !errors.As(err, &broken) || ctx.Err() != nil {
			return err
		}
		if d.partial.Offset() > before {
			idle = 0
		} else {
			idle++
		}
		if idle >= idleBreaks || n >= allBreaks {
			return err
		}
		if err := pause(ctx, idle); err != nil {
			return err
		}
	}
	offset := d.partial.Offset()
	if err := d.partial.Commit(); err != nil {
		d.total.received(-offset) // Commit has thrown the content away
		return err
	}
	return nil
}

// pause waits before a broken connection is made anew.
func pause(ctx context.Context, idle int) error {
	wait := min(firstPause<<idle, longestPause)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait/2 + rand.N(wait/2+1)):
		return nil
	}
}

// restart throws away what is there.
func (d *download) restart() error {
	d.total.received(-d.partial.Offset())
	return d.partial.Reset()
}

// stream appends what one connection brings.
func (d *download) stream(ctx context.Context, url string) error {
	offset := d.partial.Offset()
	body, size, err := d.source.Get(ctx, url, offset)
	if err != nil {
		return err
	}
	defer body.Close()
	if offset == 0 && size >= 0 && size != d.file.Size {
		return fault.New(fault.Integrity, "the file there has %d bytes, the locked one %d", size, d.file.Size)
	}
	buf := make([]byte, copyBuffer)
	for {
		n, readErr := body.Read(buf)
		if n > 0 {
			if _, err := d.partial.Write(buf[:n]); err != nil {
				return err
			}
			d.total.received(int64(n))
			d.step.Advance(d.partial.Offset(), d.file.Size)
		}
		switch {
		case readErr == nil:
		case !errors.Is(readErr, io.EOF):
			return &brokenError{readErr}
		case d.partial.Offset() < d.file.Size:
			return &brokenError{fault.Wrap(fault.Integrity, errShort, "received %d of %d bytes", d.partial.Offset(), d.file.Size)}
		default:
			return nil
		}
	}
}

// brokenError is a body that ended before its time: the rest can be asked for.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }
