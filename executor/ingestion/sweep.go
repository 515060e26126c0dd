package ingestion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/executor/worker"
)

// active are the ids of the runs of this process.
type active struct {
	mu  sync.Mutex
	ids map[string]bool
}

// begin refuses an id that runs already: the two would share a directory.
func (a *active) begin(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids[id] {
		return refuse(Malformed, "%w: %s", task.ErrRunning, id)
	}
	a.ids[id] = true
	return nil
}

func (a *active) end(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ids, id)
}

func (a *active) has(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids[id]
}

// taskID is a run's name among all runs of this host. No id has a slash in it.
func (o *Options) taskID(id string) string { return o.Instance + "/" + id }

// Sweep kills what an earlier process of this executor left of runs, and
// removes every scratch directory that is not of a run of this process. Runs
// that nobody names, but that have such a directory, are swept as well.
func (r *Runner) Sweep(ctx context.Context, left []worker.Orphan) error {
	orphans := map[string]task.Orphan{}
	for _, o := range left {
		if queue.ValidID(o.ID) && !r.active.has(o.ID) {
			orphans[o.ID] = task.Orphan{ID: r.o.taskID(o.ID), PID: o.PID, StartTime: o.StartTime}
		}
	}
	entries, err := os.ReadDir(r.o.Work)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for what earlier runs left: %w", err)
	}
	for _, e := range entries {
		if _, known := orphans[e.Name()]; !known && queue.ValidID(e.Name()) && !r.active.has(e.Name()) {
			orphans[e.Name()] = task.Orphan{ID: r.o.taskID(e.Name())}
		}
	}
	var all []task.Orphan
	for _, o := range orphans {
		all = append(all, o)
	}
	problems := []error{task.Sweep(ctx, all)}
	for id := range orphans {
		if err := task.Remove(filepath.Join(r.o.Work, id)); err != nil {
			problems = append(problems, fmt.Errorf("removing what run %s left: %w", id, err))
		}
	}
	return errors.Join(problems...)
}
