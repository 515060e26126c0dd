package builds_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

func enginesOf(t *testing.T, cache string) []int {
	t.Helper()
	pids, err := buildkit.Engines(cache)
	if err != nil {
		t.Fatal(err)
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

// moments notes when a build said each of its lines. A moment of one build is
// found again in another by the line before it and by the other's pace: the
// machine may have more to do by then, or less.
type moments struct {
	mu    sync.Mutex
	start time.Time
	lines []time.Duration
	at    int // the line after which news is closed
	news  chan struct{}
	log   bytes.Buffer
}

func (m *moments) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range bytes.Count(p, []byte("\n")) {
		m.lines = append(m.lines, time.Since(m.start))
		if len(m.lines) == m.at {
			close(m.news)
		}
	}
	return m.log.Write(p)
}

// span is a part of a build's time.
type span struct{ from, to time.Duration }

// moment is a time of a build: after so many lines, the last of which had come
// at a time, and then a while.
type moment struct {
	lines    int
	at, then time.Duration
}

func (m moment) String() string {
	return fmt.Sprintf("line %d and %s", m.lines, m.then.Round(time.Millisecond))
}

// pick draws a moment of a build that is over, evenly in a part of its time.
func (m *moments) pick(random *rand.Rand, during span) moment {
	picked := moment{then: during.from + time.Duration(random.Int64N(int64(during.to-during.from)))}
	for until := picked.then; picked.lines < len(m.lines) && m.lines[picked.lines] <= until; picked.lines++ {
		picked.at = m.lines[picked.lines]
		picked.then = until - picked.at
	}
	return picked
}

// victims are whom a round kills, and how, in turns: of seven rounds, two are
// the engine's.
var victims = []struct {
	engine bool
	signal syscall.Signal
}{
	{true, syscall.SIGKILL}, {false, syscall.SIGKILL}, {false, syscall.SIGINT}, {false, syscall.SIGTERM},
	{true, syscall.SIGKILL}, {false, syscall.SIGINT}, {false, syscall.SIGKILL},
}

// fewKills has each kind of victim once; two are engines.
const fewKills = 5

// TestKilledBuilds ends the program or its engine at random moments of a build
// that signs and pushes. What is left is no image, or a whole one; the next
// build needs no cleaning and makes the same image.
func TestKilledBuilds(t *testing.T) {
	t.Setenv("COSIGN_PASSWORD", "killed")
	built := reference(t)
	registry := testenv.Registry(t)
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	built.must(t, "keygen")
	whole := killedBuild{workplace: built.fresh(t), ref: registry + "/whole:1"}
	if left := whole.run(t); left != 0 || whole.digest(t) != built.digest {
		t.Fatalf("exit code %d, the image is %s\n%s", left, whole.digest(t), tail(whole.said.log.String()))
	}
	rounds, survived := testenv.FaultRounds(t, fewKills), 0
	for n := range rounds {
		b := killedBuild{workplace: built.fresh(t), ref: fmt.Sprintf("%s/killed%d:1", registry, n)}
		v := victims[n%len(victims)]
		if !b.killed(t, v.engine, v.signal, whole.said.pick(random, whole.lives(v.engine))) {
			survived++
		}
		nothingLeft(t, b.cache)
		b.wholeOrNothing(t, built.digest)
		if code := b.run(t); code != 0 || b.digest(t) != built.digest {
			t.Errorf("round %d: exit code %d and %s after the kill, want %s\n%s", n, code, b.digest(t), built.digest, tail(b.said.log.String()))
		}
		b.remove(t)
	}
	t.Logf("%d of %d builds had ended before they were to be killed", survived, rounds)
	if survived > rounds/3 {
		t.Errorf("%d of %d builds had ended before they were to be killed", survived, rounds)
	}
}

// killedBuild is a build that signs, writes a layout and pushes to a tag.
type killedBuild struct {
	workplace
	ref    string
	said   *moments
	all    span // from beginning to end
	engine span // while it has an engine
}

// lives is the time in which a program, or its engine, can be killed.
func (b *killedBuild) lives(engine bool) span {
	if engine {
		return b.engine
	}
	return b.all
}

func (b *killedBuild) layout() string { return filepath.Join(b.cache, "layout") }

func (b *killedBuild) start(t *testing.T, lines int) *exec.Cmd {
	t.Helper()
	cmd, _ := b.command(t, "build", "m.yaml", "-o", "oci:"+b.layout(), "-t", b.ref, "--push", "--allow-http-registry", "--sign", "--key", "cosign.key")
	b.said = &moments{start: time.Now(), at: lines, news: make(chan struct{})}
	if lines == 0 {
		close(b.said.news)
	}
	cmd.Stderr = b.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// run runs the build to its end, notes when it had an engine, and returns the
// exit code.
func (b *killedBuild) run(t *testing.T) int {
	t.Helper()
	cmd := b.start(t, -1)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(ended)
	}()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ended:
			b.all.to = time.Since(b.said.start)
			return cmd.ProcessState.ExitCode()
		case <-look.C:
			if now := time.Since(b.said.start); len(enginesOf(t, b.cache)) > 0 {
				b.engine.to = now
			} else if b.engine.to == 0 {
				b.engine.from = now
			}
		}
	}
}

// digest is what the tag stands for; "" where there is none.
func (b *killedBuild) digest(t *testing.T) string {
	t.Helper()
	img, err := image.Open(t.Context(), b.ref, image.Options{})
	if err != nil {
		return ""
	}
	return img.Digest()
}

// wholeOrNothing verifies an image that a killed build has tagged, and one
// that its layout names.
func (b *killedBuild) wholeOrNothing(t *testing.T, want string) {
	t.Helper()
	if got := b.digest(t); got != "" {
		if code, _, stderr := b.workplace.run(t, "verify", b.ref, "--key", "cosign.pub", "--allow-http-registry"); code != 0 || got != want {
			t.Errorf("the killed build left %s under the tag, exit code %d\n%s", got, code, tail(stderr))
		}
	}
	if _, err := os.Stat(filepath.Join(b.layout(), "index.json")); err == nil {
		img, err := image.Open(t.Context(), "oci:"+b.layout(), image.Options{})
		if err == nil {
			err = image.WriteTar(t.Context(), filepath.Join(t.TempDir(), "copy"), img, "") // reads all of it
		}
		if err != nil || img.Digest() != want {
			t.Errorf("the killed build left a layout: %v", err)
		}
	}
}

// killed begins the build and ends it, or its engine, at a moment. It is false
// where the build had ended by then.
func (b *killedBuild) killed(t *testing.T, theEngine bool, signal syscall.Signal, when moment) bool {
	t.Helper()
	cmd := b.start(t, when.lines)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // judged by its state below
		close(ended)
	}()
	select {
	case <-b.said.news:
	case <-ended:
	}
	if when.at > 0 {
		when.then = time.Duration(float64(when.then) * float64(time.Since(b.said.start)) / float64(when.at))
	}
	select {
	case <-time.After(when.then):
	case <-ended:
		t.Logf("the build had ended before %v", when)
		return false
	}
	pids := []int{cmd.Process.Pid}
	if theEngine {
		if pids = enginesOf(t, b.cache); len(pids) == 0 {
			t.Logf("no engine at %v", when)
			<-ended
			return false
		}
	}
	asked := time.Now()
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal) // it may just have ended
	}
	<-ended
	took, code := time.Since(asked), cmd.ProcessState.ExitCode()
	t.Logf("%v at %v, the engine: %v: exit code %d after %s", signal, when, theEngine, code, took.Round(time.Millisecond))
	switch said := tail(b.said.log.String()); {
	case theEngine && code != 0 && code != 20 && code != engineDown:
		t.Errorf("the engine was killed: exit code %d\n%s", code, said)
	case theEngine && code != 0 && took > 5*time.Second:
		t.Errorf("the engine was killed: the program noticed after %s\n%s", took, said)
	case !theEngine && signal != syscall.SIGKILL && code != 130 && code != 0:
		t.Errorf("%v: exit code %d, want 130\n%s", signal, code, said)
	case !theEngine && signal != syscall.SIGKILL && took > stopsWithin:
		t.Errorf("%v: it took %s to stop\n%s", signal, took, said)
	}
	return true
}

// stopsWithin is how soon a build ends that is asked to; a machine with other
// work at the time needs up to 2 s.
const stopsWithin = 5 * time.Second

// remove makes room for the next round.
func (b *killedBuild) remove(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(b.cache); err != nil {
		t.Error(err)
	}
}
