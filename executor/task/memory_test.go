package task_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/task"
)

func TestKillThatNobodyExplainsIsHonest(t *testing.T) {
	s, _ := spec(t, "kill -KILL $$")
	end := task.Run(t.Context(), s)
	if end.Code != 137 || end.Signal != 9 || end.Memory != task.MemoryPerhaps || end.Evidence == "" {
		t.Errorf("end = %+v", end)
	}
	s, _ = spec(t, "trap '' TERM; while :; do sleep 0.01; done")
	s.Timeout = 20 * time.Millisecond
	if end := task.Run(t.Context(), s); end.Signal != 9 || end.Memory != "" {
		t.Errorf("the executor's own kill: %+v", end)
	}
}

// TestOutOfMemoryIsNamed lets the kernel kill a child for memory, in a cgroup
// of its own.
func TestOutOfMemoryIsNamed(t *testing.T) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var parent string
	for line := range strings.Lines(string(own)) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); parts[1] == "memory" {
			parent = filepath.Join("/sys/fs/cgroup/memory", parts[2])
		}
	}
	group := filepath.Join(parent, "lockforge-test-"+strconv.Itoa(os.Getpid()))
	if parent == "" || os.Mkdir(group, 0o755) != nil {
		lacks(t, "no memory cgroup (version 1) can be made here")
	}
	t.Cleanup(func() {
		for range 100 { // until its processes are gone
			if err := os.Remove(group); err == nil || errors.Is(err, os.ErrNotExist) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte("67108864"), 0o644); err != nil {
		lacks(t, err.Error())
	}
	const bomb = `exec /usr/bin/python3 -I -c 'b = []
while True: b.append(bytearray(b"x") * (1 << 20))'`
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`echo $$ >%s/cgroup.procs && exec "$0" "$@"`, group), ownCopy(t), asExecutor, bomb)
	out, err := cmd.CombinedOutput()
	if want := "code 137 left 0 out-of-memory\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s", err, cmp.Diff(want, string(out)))
	}
}
