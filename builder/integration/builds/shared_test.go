package builds_test

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// TestKilledWhileSharing has two processes build the same with one engine. Who
// started it is killed: the other one makes the image. Or the engine is killed:
// both say so, and the next build makes the image.
func TestKilledWhileSharing(t *testing.T) {
	built := reference(t)
	random := rand.New(rand.NewPCG(testenv.Seed(t), 1))
	for n := range max(2, testenv.FaultRounds(t, fewKills)/7) {
		w := built.fresh(t)
		starter, guest := w.shares(t, "starter"), w.shares(t, "guest")
		wait := time.Duration(random.Int64N(int64(built.took / 2)))
		time.Sleep(wait)
		theEngine := n%2 == 1
		t.Logf("round %d: a kill after %s, the engine: %v", n, wait.Round(time.Millisecond), theEngine)
		if theEngine {
			asked := time.Now()
			for _, pid := range enginesOf(t, w.cache) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
			}
			starter.noEngine(t, asked)
			guest.noEngine(t, asked)
		} else {
			_ = starter.cmd.Process.Kill() // it may just have ended
			<-starter.ended
			<-guest.ended
			if code := guest.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("the starter was killed, and the guest has exit code %d\n%s", code, tail(guest.said.log.String()))
			}
		}
		nothingLeft(t, w.cache)
		if got := w.must(t, "build", "m.yaml", "-o", "oci:"+filepath.Join(w.cache, "next")); got != built.digest {
			t.Errorf("%s after the kill, %s alone", got, built.digest)
		}
	}
}

// sharing is a build that has an engine with others.
type sharing struct {
	cmd   *exec.Cmd
	said  *moments
	ended chan struct{}
}

// shares begins a build and returns when it has an engine.
func (w workplace) shares(t *testing.T, name string) *sharing {
	t.Helper()
	cmd, _ := w.command(t, "build", "m.yaml", "-o", "oci:"+filepath.Join(w.cache, name))
	s := &sharing{cmd: cmd, said: &moments{start: time.Now(), at: -1}, ended: make(chan struct{})}
	cmd.Stderr = s.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(s.ended)
	}()
	for !s.said.has("starting the build engine") {
		select {
		case <-s.ended:
			t.Fatalf("the %s has ended\n%s", name, tail(s.said.log.String()))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return s
}

// has reports whether the build has said something.
func (m *moments) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Contains(m.log.String(), text)
}

// noEngine waits for a build whose engine was killed: it says so, or had what
// it needed of the engine.
func (s *sharing) noEngine(t *testing.T, asked time.Time) {
	t.Helper()
	<-s.ended
	code, took := s.cmd.ProcessState.ExitCode(), time.Since(asked)
	if code != 0 && (code != 20 && code != engineDown || took > 5*time.Second) {
		t.Errorf("the engine was killed: exit code %d after %s\n%s", code, took, tail(s.said.log.String()))
	}
}
