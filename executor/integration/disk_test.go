package integration_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// peak is the most memory that the executor has had, in bytes.
func (e *executor) peak() int { return memory(e.t, e.cmd.Process.Pid, "VmHWM") }

// memory is what the kernel says of a process, in bytes.
func memory(t testing.TB, pid int, field string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			must(t, err)
			return kib << 10
		}
	}
	t.Fatalf("the kernel does not say %s of process %d", field, pid)
	return 0
}

func sizeBelow(t testing.TB, dir string) (size int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	}))
	return size
}

// fill writes until the disk takes no more, and returns what gives it back.
func fill(t testing.TB, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filling")
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	for _, size := range []int{1 << 16, 1 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() { must(t, os.Remove(name)) }
}

// TestDiskIsFull fills the disk with the state, then the one with logs and
// scratch directories, while a run goes on.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	t.Run("state", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		disk := testenv.SmallDisk(t, "12m")
		e := p.start("LOCKFORGE_EXECUTOR_STATE_DIR="+disk, "LOCKFORGE_EXECUTOR_AUDIT_DIR="+filepath.Join(disk, "audit")).serving()
		p.request("going-on", act{MS: 1500})
		p.request("killed", act{MS: 60_000})
		p.awaitStart("going-on")
		p.awaitStart("killed")
		free := fill(t, disk)
		var ids []string
		for _, name := range []string{"1", "2", "3", "4"} {
			ids = append(ids, "while-full-"+name)
			p.request("while-full-"+name, act{})
		}
		p.gms.Signal("killed", "KILL", "")
		p.ends("going-on", "SUCCESS")
		p.ends("killed", "CANCELLED")
		time.Sleep(time.Second)
		free()
		for _, id := range ids {
			p.final(id, 90*time.Second)
		}
		e.drain()
		t.Logf("%v", p.settled(append(ids, "going-on", "killed")...))
	})
	t.Run("logs and scratch", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		disk := testenv.SmallDisk(t, "4m")
		e := p.start("DATAHUB_EXECUTOR_LOG_DIR="+filepath.Join(disk, "logs"), "LOCKFORGE_EXECUTOR_WORK_DIR="+filepath.Join(disk, "work")).serving()
		p.request("going-on", act{MS: 1000, Flood: 8 << 20})
		p.awaitStart("going-on")
		free := fill(t, disk)
		p.ends("going-on", "SUCCESS")
		p.request("while-full", act{})
		p.final("while-full", 20*time.Second)
		free()
		p.request("after", act{})
		p.ends("after", "SUCCESS")
		e.drain()
		t.Logf("%v", p.settled("going-on", "while-full", "after"))
	})
}
