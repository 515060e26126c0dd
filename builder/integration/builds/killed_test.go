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

// kills is how many builds are killed. Each goes on from what the one before
// left, so that later ones die in later stages.
const kills = 10

// TestKilledBuilds kills the program or its engine at random moments. The next
// build needs no cleaning and makes the same image.
func TestKilledBuilds(t *testing.T) {
	built := reference(t)
	w := built.fresh(t)
	for range kills {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		after, theEngine := time.Duration(r.Int64N(int64(built.took/3))), r.IntN(2) == 0
		t.Logf("seed %d: after %s, the engine: %v", seed, after.Round(time.Millisecond), theEngine)
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
		if timer.Stop() {
			t.Logf("it had ended before: %v", err)
		}
		if code := cmd.ProcessState.ExitCode(); theEngine && code != -1 && code != 0 && code != 20 && code != 21 {
			t.Errorf("the engine was killed: exit code %d\n%s", code, tail(said.String()))
		}
		nothingLeft(t, w.cache)
	}
	if got := w.build(t, "m.yaml"); got != built.digest {
		t.Errorf("%s after the kills, %s without", got, built.digest)
	}
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
