package ingestion

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/task"
)

// Collected is what a collection took away.
type Collected struct {
	Runs  int
	Bytes int64
}

// kept is the directory of a run that ended.
type kept struct {
	id      string
	bytes   int64
	changed time.Time // the latest change of anything in it
}

// Collect removes the logs and artifacts of old runs: those older than
// Logs.Keep, and then the oldest until all have at most Logs.MaxBytes. What is
// not named by a run's id is left alone, and so are runs of this process and
// directories in which something changed for less than Logs.Settled.
func (r *Runner) Collect() (Collected, error) {
	if r.o.Logs.Dir == "" {
		return Collected{}, nil
	}
	runs, total, err := r.ended()
	slices.SortFunc(runs, func(a, b kept) int { return a.changed.Compare(b.changed) })
	problems := []error{err}
	var c Collected
	for _, k := range runs {
		age := r.o.Now().Sub(k.changed)
		tooOld := r.o.Logs.Keep > 0 && age > r.o.Logs.Keep
		tooMuch := r.o.Logs.MaxBytes > 0 && total > r.o.Logs.MaxBytes
		if !tooOld && !tooMuch || age < r.o.Logs.Settled || r.active.has(k.id) {
			continue
		}
		if err := task.Remove(filepath.Join(r.o.Logs.Dir, k.id)); err != nil {
			problems = append(problems, fmt.Errorf("removing the logs of run %s: %w", k.id, err))
			continue
		}
		total -= k.bytes
		c.Runs++
		c.Bytes += k.bytes
	}
	return c, errors.Join(problems...)
}

// ended measures the directories of runs, and returns their bytes together.
func (r *Runner) ended() (runs []kept, total int64, err error) {
	entries, err := os.ReadDir(r.o.Logs.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("looking for logs of runs: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !queue.ValidID(e.Name()) {
			continue
		}
		k := measure(filepath.Join(r.o.Logs.Dir, e.Name()))
		k.id = e.Name()
		total += k.bytes
		runs = append(runs, k)
	}
	return runs, total, nil
}

// measure adds up the files below a directory; no link is followed. What
// cannot be looked at counts as nothing.
func measure(dir string) kept {
	var k kept
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil {
			if info.Mode().IsRegular() {
				k.bytes += info.Size()
			}
			if info.ModTime().After(k.changed) {
				k.changed = info.ModTime()
			}
		}
		return nil
	})
	return k
}
