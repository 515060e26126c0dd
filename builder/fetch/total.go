package fetch

import (
	"fmt"
	"sync"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
)

// total shows all files of a run as one step, in bytes.
type total struct {
	mu        sync.Mutex
	step      progress.Step
	done, all int64
	missing   bool // something was not in the store
}

func newTotal(sink progress.Sink, files []lock.File) *total {
	t := &total{step: sink.Begin(fmt.Sprintf("fetch %d files", len(files)))}
	for _, f := range files {
		t.all += f.Size
	}
	return t
}

// present counts a file that needs no fetching.
func (t *total) present(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += size
	t.step.Advance(t.done, t.all)
}

// received counts bytes of a download; negative ones were thrown away.
func (t *total) received(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missing = true
	t.done += n
	t.step.Advance(t.done, t.all)
}

func (t *total) end(err error) {
	if err == nil && !t.missing {
		t.step.Cached()
	}
	t.step.End(err)
}
