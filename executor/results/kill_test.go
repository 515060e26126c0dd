package results_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/results"
	"github.com/lockforge/lockforge/executor/worker"
)

var (
	kills    = flag.Int("kills", 100, "how often TestKilledExecutors kills one")
	killSeed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of TestKilledExecutors")
)

// asExecutor is the name under which the test binary is an executor: it takes
// ids of runs, or "KILL id", from its input and acknowledges them on its output.
const asExecutor = "executor"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == asExecutor {
		if err := executorMain(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func executorMain(url, dir string) error {
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	client, err := gms.New(gms.Options{URL: url, Retries: -1})
	if err != nil {
		return err
	}
	w, err := worker.New(worker.Options{
		Instance: "killed", Version: "1", Journal: j, Pool: capacity.New(capacity.Options{}), Server: results.Server{Client: client}, Runner: marking(dir),
		Weight:     func(queue.Request) capacity.Weight { return capacity.Share(4) },
		RetryFirst: time.Millisecond, RetryMost: 10 * time.Millisecond, Confirm: 100 * time.Millisecond, Tick: 5 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	if err := w.Recover(context.Background()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		id, kill := strings.CutPrefix(lines.Text(), "KILL ")
		if kill {
			err = w.Signal(context.Background(), queue.Signal{ID: id, Name: queue.Kill})
		} else {
			err = w.Request(context.Background(), queue.Request{ID: id, Task: queue.RunIngest, Pool: queue.DefaultPool})
		}
		if err != nil {
			return err
		}
		fmt.Println(lines.Text())
	}
	select {} // until it is killed
}

// marking is a runner that leaves a file for each start.
type marking string

func (m marking) Prepare(q queue.Request) worker.Execute {
	return func(ctx context.Context, s worker.Sink) worker.Outcome { return m.run(ctx, q, s) }
}

func (m marking) run(ctx context.Context, q queue.Request, s worker.Sink) worker.Outcome {
	s.Progress(func(int) string { return time.Now().String() })
	if err := s.Starting(); err != nil {
		return worker.Outcome{Status: worker.StatusCancelled}
	}
	f, err := os.OpenFile(filepath.Join(string(m), q.ID), os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		err = os.WriteFile(filepath.Join(string(m), "twice-"+q.ID), nil, 0o600)
	}
	if err != nil {
		return worker.Outcome{Status: worker.StatusFailure, Reason: err.Error()}
	}
	defer f.Close()
	select {
	case <-ctx.Done():
		return worker.Outcome{Status: worker.StatusCancelled}
	case <-time.After(rand.N(30 * time.Millisecond)):
		return worker.Outcome{Status: worker.StatusSuccess}
	}
}

func (marking) Sweep(context.Context, []worker.Orphan) error { return nil }

// process is an executor that can be killed.
type process struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	acks  map[string]bool
	input *os.File
	done  chan struct{}
}

func launch(t *testing.T, url, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], asExecutor, url, dir), acks: map[string]bool{}, done: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	in, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdin, p.input = in, input
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.acks[lines.Text()] = true
			p.mu.Unlock()
		}
	}()
	return p
}

// kill is kill -9; it returns what was acknowledged.
func (p *process) kill() map[string]bool {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
	p.input.Close()
	return p.acks
}

// An executor is killed at random moments, and started again. Nothing is lost,
// started twice or left RUNNING.
func TestKilledExecutors(t *testing.T) {
	t.Logf("seed %d", *killSeed)
	rng := rand.New(rand.NewPCG(*killSeed, 0))
	peer, dir := gmstest.Start(t, gmstest.Options{}), t.TempDir()
	var pending, ids []string // pending was not acknowledged
	killed := map[string]bool{}
	for range *kills {
		for range 2 {
			id := fmt.Sprint("r", len(ids))
			ids, pending = append(ids, id), append(pending, id)
			peer.AddRequest(id, nil)
		}
		if id := ids[rng.IntN(len(ids))]; rng.IntN(2) == 0 && !killed[id] {
			killed[id] = true
			pending = append(pending, "KILL "+id)
		}
		p := launch(t, peer.URL(), dir)
		for _, line := range pending {
			fmt.Fprintln(p.input, line)
		}
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
		acknowledged := p.kill()
		pending = without(pending, acknowledged)
	}
	p := launch(t, peer.URL(), dir)
	for _, line := range pending {
		fmt.Fprintln(p.input, line)
	}
	defer p.kill()
	counts := map[string]int{}
	for _, id := range ids {
		result := peer.WaitStatus(t, id, 20*time.Second, worker.StatusSuccess, worker.StatusFailure, worker.StatusCancelled)
		counts[result.Status]++
		if result.Status == worker.StatusCancelled && !killed[id] {
			t.Errorf("%s is CANCELLED and nobody asked for it", id)
		}
	}
	t.Logf("%d kills, %d runs: %v", *kills, len(ids), counts)
	twice, err := filepath.Glob(filepath.Join(dir, "twice-*"))
	if err != nil || len(twice) > 0 {
		t.Errorf("started twice: %v %v", twice, err)
	}
}

func without(lines []string, acknowledged map[string]bool) (rest []string) {
	for _, line := range lines {
		if !acknowledged[line] {
			rest = append(rest, line)
		}
	}
	return rest
}
