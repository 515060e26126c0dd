package health

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// DefaultInterval is upstream's time between two beats. Its probes come every
// minute, so that a beat is never missed.
const DefaultInterval = 2 * time.Second

// Beat keeps heartbeat files there for as long as what they stand for holds.
// A probe takes the file away (Take) or looks at its age: both are served by a
// file that each beat makes anew or touches.
type Beat struct {
	Signs    []Sign
	Interval time.Duration // 0 is DefaultInterval
	Log      *slog.Logger  // gets every change; nil is none
}

// Sign is one file and what it stands for.
type Sign struct {
	Name string // "liveness", for the log
	File string
	// Holds says with an error why it does not. It is called by one goroutine
	// and must return soon.
	Holds func() error
}

// Run beats until ctx ends, and then takes the files away. A file of an
// earlier process goes with the first beat where its sign does not hold.
// It fails where a file could not be removed at the end.
func (b Beat) Run(ctx context.Context) error {
	interval, log := b.Interval, b.Log
	if interval == 0 {
		interval = DefaultInterval
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := make([]string, len(b.Signs)) // what the log has said
	for i := range last {
		last[i] = "not yet looked at"
	}
	for {
		for i, sign := range b.Signs {
			state := ""
			if err := sign.beat(); err != nil {
				state = err.Error()
			}
			if state != last[i] {
				sign.tell(log, state)
			}
			last[i] = state
		}
		select {
		case <-ctx.Done():
			return b.end()
		case <-ticker.C:
		}
	}
}

func (b Beat) end() error {
	var problems []error
	for _, sign := range b.Signs {
		problems = append(problems, remove(sign.File))
	}
	return errors.Join(problems...)
}

func (s Sign) tell(log *slog.Logger, state string) {
	if state == "" {
		log.Info("heartbeat", "sign", s.Name, "file", s.File)
		return
	}
	log.Warn("no heartbeat", "sign", s.Name, "file", s.File, "reason", state)
}

// beat touches the file, or removes it where the sign does not hold: the next
// probe must not find what an earlier beat left.
func (s Sign) beat() error {
	if err := s.Holds(); err != nil {
		return errors.Join(err, remove(s.File))
	}
	return touch(s.File)
}

func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the heartbeat: %w", err)
	}
	return nil
}

// touch makes the file, or sets its time to now. The directory is one that
// others write too: a link or a FIFO that lies there is not followed.
func touch(file string) error {
	const flags = os.O_WRONLY | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(file, flags, 0o600)
	if err != nil {
		return fmt.Errorf("touching the heartbeat: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("touching the heartbeat: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("heartbeat %s is no regular file", file)
	}
	now := syscall.NsecToTimeval(time.Now().UnixNano())
	if err := syscall.Futimes(int(f.Fd()), []syscall.Timeval{now, now}); err != nil {
		return fmt.Errorf("touching the heartbeat %s: %w", file, err)
	}
	return nil
}
