package fetch

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestFullDisk: one error, with a hint, instead of one for each file; and no
// other mirror is tried.
func TestFullDisk(t *testing.T) {
	root := testenv.SmallDisk(t, "1m")
	m, spare := newMirror(t), newMirror(t)
	var files []lock.File
	for _, project := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		b := bytes.Repeat([]byte(project), 400_000)
		f := locked(project, b)
		m.offer(f, b)
		spare.offer(f, b)
		files = append(files, f)
	}
	err := All(t.Context(), files, openStore(t, root), sources(t, m, spare), progress.None())
	if !errors.Is(err, syscall.ENOSPC) || fault.KindOf(err) != fault.DiskFull || len(fault.Hints(err)) != 1 || len(fault.All(err)) != 1 {
		t.Errorf("kind %v, hints %q: %v", fault.KindOf(err), fault.Hints(err), err)
	}
	for _, f := range files {
		if len(spare.seen(f.Name)) > 0 {
			t.Errorf("%s was asked of the mirror", f.Name)
		}
	}
}
