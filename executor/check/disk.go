package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/internal/ownfile"
	"github.com/lockforge/lockforge/executor/journal"
	"golang.org/x/sys/unix"
)

// leastFree is the space below which a disk counts as full soon: the logs of
// some runs, in bytes.
const leastFree = 1 << 30

// state looks at every directory that the executor writes, and at the journal.
func (in Inputs) state(context.Context) (f Findings) {
	c := in.Config
	dirs := []struct{ path, variable string }{
		{c.State.Dir, "LOCKFORGE_EXECUTOR_STATE_DIR"},
		{c.Logs.Dir, "DATAHUB_EXECUTOR_LOG_DIR"},
		{c.Logs.Work, "LOCKFORGE_EXECUTOR_WORK_DIR"},
		{filepath.Dir(c.Health.Liveness), "DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE"},
		{filepath.Dir(c.Health.Readiness), "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE"},
	}
	if c.Audit.Enabled {
		dirs = append(dirs, struct{ path, variable string }{c.Audit.Dir, "LOCKFORGE_EXECUTOR_AUDIT_DIR"})
	}
	seen := map[string]bool{}
	for _, dir := range dirs {
		if seen[dir.path] {
			continue
		}
		seen[dir.path] = true
		free, err := writable(dir.path)
		if err == nil && (dir.path == c.Logs.Dir || dir.path == c.Logs.Work) {
			err = ingestion.CheckPlace(dir.path)
		}
		switch {
		case err != nil:
			f.fail(Environment, "mount a volume there that the executor's user can write, or set "+dir.variable, "%v", err)
		case free < leastFree:
			f.warn(Environment, "make the volume larger, or let old logs go sooner", "%s has %d MB left", dir.path, free/1_000_000)
		}
	}
	if f.status() != Failed {
		f.note("logs of runs in %s, their scratch directories in %s", c.Logs.Dir, c.Logs.Work)
		in.journal(&f)
	}
	return f
}

// writable writes a file to the directory, or to what of its parents is there,
// and returns how many bytes are free.
func writable(dir string) (free uint64, err error) {
	existing, err := ownfile.Nearest(dir)
	if err != nil {
		return 0, err
	}
	file, err := os.CreateTemp(existing, ".executor-check-*")
	if err != nil {
		return 0, fmt.Errorf("writing to %s: %w", dir, err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString("check")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return 0, fmt.Errorf("writing to %s: %w", dir, err)
	}
	var s unix.Statfs_t
	if err := unix.Statfs(existing, &s); err != nil {
		return 0, fmt.Errorf("looking at %s: %w", existing, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// journal opens the one that is there, which drops what a crash left half
// written, as a start would.
func (in Inputs) journal(f *Findings) {
	dir := in.Config.State.Journal()
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		f.note("no journal yet: %s will be made", dir)
		return
	}
	if err != nil {
		f.fail(Environment, "", "looking at the journal: %v", err)
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		f.warn(Environment, "run the check as the user of the executor", "the journal was not opened: %s belongs to user %d and the check runs as %d", dir, s.Uid, os.Geteuid())
		return
	}
	j, err := journal.Open(dir, journal.Options{})
	var corrupt *journal.CorruptError
	switch {
	case errors.Is(err, journal.ErrLocked):
		f.note("the journal is in use by an executor that runs")
		return
	case errors.As(err, &corrupt):
		f.fail(Environment, "copy the state directory away, and run `executor journal repair`: it keeps every intact record", "%v", err)
		return
	case err != nil:
		f.fail(Environment, "", "%v", err)
		return
	}
	waiting := 0
	for _, run := range j.Runs() {
		if run.State != journal.Delivered && run.State != journal.Dropped {
			waiting++
		}
	}
	f.note("journal with %d runs that are not yet delivered", waiting)
	if err := j.Close(); err != nil {
		f.fail(Environment, "", "%v", err)
	}
}

// port opens the port for metrics, if there is one, and closes it.
func (in Inputs) port(context.Context) (f Findings) {
	address := in.Config.Metrics.Address()
	if address == "" {
		f.note("off: no port is opened")
		return f
	}
	listener, err := net.Listen("tcp", address)
	var operation *net.OpError
	switch {
	case err == nil:
		f.note("%s", address)
		if err := listener.Close(); err != nil {
			f.fail(Environment, "", "closing the port: %v", err)
		}
	case errors.As(err, &operation) && errors.Is(operation.Err, syscall.EADDRINUSE):
		f.warn(Environment, "set DATAHUB_EXECUTOR_METRICS_PORT, unless it is an executor that runs here already", "%v", err)
	default:
		f.fail(Environment, "set LOCKFORGE_EXECUTOR_METRICS_LISTEN and DATAHUB_EXECUTOR_METRICS_PORT", "%v", err)
	}
	return f
}
