package builds_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/internal/testenv"
)

// enginesOf lists the engine processes that use a cache: their arguments name
// its state.
func enginesOf(t *testing.T, cache string) []int {
	t.Helper()
	var pids []int
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		args, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(args, []byte("\x00"+engine.Subcommand+"\x00")) || !bytes.Contains(args, []byte(cache)) {
			continue // it has ended, or is another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// nothingLeft waits until no engine and no mount of a cache is left: the
// kernel takes a moment to undo a process's namespaces.
func nothingLeft(t *testing.T, cache string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		engines, mounted := enginesOf(t, cache), strings.Contains(string(mounts), cache)
		if len(engines) == 0 && !mounted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: engines %v, mounts %v", engines, mounted)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// kills is how many builds are killed.
const kills = 10

// TestKilledBuilds kills the program or its engine at random moments of a
// build. Each goes on from what the one before left, so that later ones die in
// later stages. A build after them needs no cleaning and makes the same image.
func TestKilledBuilds(t *testing.T) {
	built := reference(t)
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	w, left := built.fresh(t), built.took
	finish := func() {
		t.Helper()
		if got := w.build(t, "m.yaml"); got != built.digest {
			t.Errorf("%s after the kills, %s without", got, built.digest)
		}
	}
	survived := 0
	for range kills {
		if left < built.took/10 {
			finish()
			w, left = built.fresh(t), built.took
		}
		// What was done in vain is done again: there is more left than this.
		after := time.Duration(random.Int64N(int64(left) * 3 / 4))
		left -= after
		if !w.killed(t, after, random.IntN(2) == 0) {
			survived++
			left = 0
		}
		nothingLeft(t, w.cache)
	}
	finish()
	if survived > kills/2 {
		t.Errorf("%d of %d builds had ended before they were to be killed", survived, kills)
	}
}

// killed begins a build and kills it, or its engine, after a time. It is false
// where the build had ended by then.
func (w workplace) killed(t *testing.T, after time.Duration, theEngine bool) bool {
	t.Helper()
	cmd, said := w.command(t, "build", "m.yaml", "-o", "oci:killed")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() {
		victims := enginesOf(t, w.cache)
		if !theEngine || len(victims) == 0 {
			victims = []int{cmd.Process.Pid}
		}
		for _, pid := range victims {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
		}
	})
	err := cmd.Wait()
	inTime := !timer.Stop()
	t.Logf("killed after %s (%v), the engine: %v: %v", after.Round(time.Millisecond), inTime, theEngine, err)
	if code := cmd.ProcessState.ExitCode(); theEngine && code != -1 && code != 0 && code != 20 && code != 21 {
		t.Errorf("the engine was killed: exit code %d\n%s", code, tail(said.String()))
	}
	return inTime
}

// TestInterrupt stops a build as Ctrl-C does, in its middle.
func TestInterrupt(t *testing.T) {
	w := locked(t, small)
	cmd, said := w.command(t, "build", "m.yaml", "-o", "oci:image")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(enginesOf(t, w.cache)) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no engine was started")
		}
	}
	time.Sleep(2 * time.Second) // into the steps
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v, want exit code 130\n%s", err, tail(said.String()))
	}
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	nothingLeft(t, w.cache)
	if _, err := os.Stat(filepath.Join(w.dir, "image")); !os.IsNotExist(err) {
		t.Errorf("an image was written: %v", err)
	}
}
