package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/bench/measure"
	"github.com/lockforge/lockforge/internal/testenv"
)

// world is what executors need around them: a change log, a stand-in for GMS,
// venvs, and a place for everything.
type world struct {
	o      options
	gms    string // URL
	broker string // address
	*exchanges

	peers   []*process // started, the last one first to end
	release []func()   // ports
	runs    int        // requested so far
}

// newWorld starts the peers, in an empty state.
func newWorld(ctx context.Context, o options) (*world, error) {
	w := &world{o: o}
	err := w.prepare(ctx)
	if err == nil {
		err = w.startPeers(ctx)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) close() {
	for i := len(w.peers) - 1; i >= 0; i-- {
		w.peers[i].kill()
	}
	for _, release := range w.release {
		release()
	}
	if w.exchanges != nil {
		_ = w.exchanges.close()
	}
}

func (w *world) startPeers(ctx context.Context) (err error) {
	state := w.path("state")
	if err := errors.Join(os.RemoveAll(state), os.MkdirAll(state, 0o700)); err != nil {
		return err
	}
	port, err := w.ports(3)
	if err != nil {
		return err
	}
	w.broker = fmt.Sprintf("127.0.0.1:%d", port)
	broker, err := w.start("kafka", exec.Command("scripts/kafka.sh", "run", filepath.Join(state, "kafka"), fmt.Sprint(port)))
	if err != nil {
		return err
	}
	w.peers = append(w.peers, broker)
	if err := answers(ctx, w.broker); err != nil {
		return fmt.Errorf("waiting for the broker: %w\n%s", err, broker.log())
	}
	if w.exchanges, err = openExchanges(filepath.Join(state, "exchanges")); err != nil {
		return err
	}
	if port, err = w.ports(1); err != nil {
		return err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	gms, err := w.start("gms", exec.Command(w.path("gmsd"), "-listen", listen, "-wheel", w.path("schemas.zip"), "-kafka", w.broker, "-journal", filepath.Join(state, "exchanges")))
	if err != nil {
		return err
	}
	w.peers = append(w.peers, gms)
	w.gms = "http://" + listen
	if err := answers(ctx, listen); err != nil {
		return fmt.Errorf("waiting for the stand-in for GMS: %w\n%s", err, gms.log())
	}
	return nil
}

// ports holds ports for as long as the world is there.
func (w *world) ports(n int) (first int, err error) {
	first, release, err := testenv.HoldPorts(n)
	if err == nil {
		w.release = append(w.release, release)
	}
	return first, err
}

// answers waits until an address takes connections.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// newRun returns an id that no run had.
func (w *world) newRun(kind string) string {
	w.runs++
	return fmt.Sprintf("%s-%d", kind, w.runs)
}

// request asks for a run as the UI does, and returns when it is in the change log.
func (w *world) request(ctx context.Context, run, input string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, w.gms+"/gmstest/requests/"+run, strings.NewReader(input))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("requesting run %s: status %d: %s", run, answer.StatusCode, text)
	}
	return err
}

// process is one that was started, with its output in a file.
type process struct {
	*exec.Cmd
	output string
	began  time.Time
	ended  chan struct{}
}

// start starts a process, whose output goes to a file unless it goes elsewhere.
func (w *world) start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{Cmd: cmd, output: filepath.Join(w.path("state"), name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// log is the end of the process's output.
func (p *process) log() string {
	text, _ := os.ReadFile(p.output)
	return string(text[max(0, len(text)-4000):])
}

// stop ends a process in order, and at once where that takes too long.
func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
	}
	p.kill()
}

func (p *process) kill() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// rss is the memory of the process now, in bytes.
func (p *process) rss() int64 { return measure.RSS(p.Process.Pid) }

// sampleEvery is how often memory is looked at for a peak.
const sampleEvery = 5 * time.Millisecond

// peak watches the process's memory until the function that it returns is
// called, which returns the most that it saw, in bytes.
func (p *process) peak() func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		seen := p.rss()
		for {
			select {
			case <-tick.C:
				seen = max(seen, p.rss())
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}
