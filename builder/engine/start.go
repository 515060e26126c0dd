package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
)

// memoryLimit is the soft memory limit of the engine process; compressing
// several layers at once took 650 MB without one.
const memoryLimit = "GOMEMLIMIT=768MiB"

// Options says how to start an engine.
type Options struct {
	StateDir string   // absolute; made when missing, used by one engine at a time
	Self     []string // argv that runs Serve with one more argument
	Runc     string   // path or name of the OCI runtime; "" looks for runc on PATH
	// Parallelism is the number of build steps that run at once; 0 is one per core.
	Parallelism int
	Sink        progress.Sink
}

// Engine is a running engine of this process.
type Engine struct {
	// Address is what a BuildKit client dials, "unix://<path>".
	Address string
	// ContentDir holds the blobs that the engine makes, by SHA-256 (hex).
	ContentDir string

	process *os.Process
	cleanup []func() error // done once it has ended, in this order
	left    error          // of the cleanup
	exited  chan struct{}  // closed after it
}

// Start starts an engine on the state directory and waits until it serves. It
// waits for another process that uses the directory. State that cannot be
// opened is moved aside (to the directory "damaged") and made anew. Every error
// is fault.EngineDown, or fault.Cancelled when ctx ended.
func Start(ctx context.Context, o Options) (*Engine, error) {
	runc, err := findRuntime(o.Runc)
	if err != nil {
		return nil, err
	}
	if o.Parallelism == 0 {
		o.Parallelism = runtime.NumCPU()
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "making the engine's state directory")
	}
	lock, err := acquire(ctx, filepath.Join(o.StateDir, "lock"), o.Sink)
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the engine has its own descriptor, and so has its cleanup
	root := filepath.Join(o.StateDir, "state")
	c := config{Root: root, Runc: runc, Parallelism: int64(o.Parallelism)}
	e, damaged, err := launch(ctx, o, c, lock)
	if damaged {
		step := o.Sink.Begin("engine: its saved state is damaged, starting afresh")
		if err := moveAside(root, filepath.Join(o.StateDir, "damaged")); err != nil {
			step.End(err)
			return nil, err
		}
		e, _, err = launch(ctx, o, c, lock)
		step.End(err)
	}
	return e, err
}

func moveAside(root, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return fault.Wrap(fault.EngineDown, err, "removing damaged engine state")
	}
	if err := os.Rename(root, to); err != nil {
		return fault.Wrap(fault.EngineDown, err, "moving damaged engine state aside")
	}
	return nil
}

// launch runs the engine process once. damaged says that fresh state may help.
func launch(ctx context.Context, o Options, c config, lock *os.File) (_ *Engine, damaged bool, err error) {
	_, statErr := os.Stat(c.Root)
	hadState := statErr == nil
	if err := os.MkdirAll(c.Root, 0o700); err != nil {
		return nil, false, fault.Wrap(fault.EngineDown, err, "making the engine's state directory")
	}
	listener, address, removeSocket, err := listen(o.StateDir)
	if err != nil {
		return nil, false, err
	}
	defer listener.Close()
	fromEngine, toUs, err := os.Pipe()
	if err != nil {
		return nil, false, fault.Wrap(fault.EngineDown, err, "starting the engine")
	}
	defer fromEngine.Close()
	held, err := duplicate(lock)
	if err != nil {
		return nil, false, errors.Join(fault.Wrap(fault.EngineDown, err, "starting the engine"), removeSocket())
	}
	logPath := filepath.Join(o.StateDir, "engine.log")
	// The next engine has its socket at the same path: the lock goes last.
	e := &Engine{Address: address, ContentDir: contentDir(c.Root), cleanup: []func() error{removeSocket, held.Close}}
	err = e.spawn(o.Self, c, logPath, []*os.File{lock, listener, toUs})
	toUs.Close()
	if err != nil {
		return nil, false, errors.Join(err, e.left)
	}
	ready := make(chan report, 1)
	go func() { ready <- readReport(fromEngine) }()
	select {
	case <-ctx.Done():
		return nil, false, errors.Join(fault.Wrap(fault.Cancelled, context.Cause(ctx), "starting the engine"), e.Stop())
	case r := <-ready:
		if r.Ready {
			return e, false, nil
		}
		stopErr := e.Stop()
		return nil, r.Damaged && hadState, errors.Join(r.fault(logPath), stopErr)
	}
}

// fault is the error of an engine that did not start.
func (r report) fault(logPath string) error {
	if r.NoSpace {
		return fault.Wrap(fault.DiskFull, syscall.ENOSPC, "starting the engine")
	}
	return fault.New(fault.EngineDown, "starting the engine: %s%s", r.Error, tail(logPath)).
		Hint("the engine's log is %s", logPath)
}

// spawn starts the process in namespaces of its own: when it ends, however it
// ends, the kernel stops its build steps and undoes its mounts.
func (e *Engine) spawn(self []string, c config, logPath string, files []*os.File) error {
	arg, err := json.Marshal(c)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing the engine's arguments")
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.Wrap(fault.EngineDown, err, "making the engine's log")
	}
	defer log.Close()
	cmd := exec.Command(self[0], append(self[1:len(self):len(self)], string(arg))...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.Root
	cmd.Env = engineEnv(os.Environ())
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:    syscall.SIGTERM,
		Setpgid:      true, // an interrupt at the terminal is ours to handle
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
	}
	started := make(chan error)
	e.exited = make(chan struct{})
	go func() {
		// The kernel sends the parent's death signal when this thread ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(e.exited)
		err := cmd.Start()
		if err == nil {
			e.process = cmd.Process
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		for _, f := range e.cleanup {
			e.left = errors.Join(e.left, f())
		}
	}()
	if err := <-started; err != nil {
		<-e.exited
		return fault.Wrap(fault.EngineDown, err, "starting the engine").
			Hint("the embedded engine needs the right to make namespaces and mounts: run as root, or use --buildkit-addr")
	}
	return nil
}

// engineEnv passes on the variables that find programs; the rest of the
// user's environment is no business of a build.
func engineEnv(environ []string) []string {
	env := []string{memoryLimit}
	for _, kv := range environ {
		if name, _, _ := strings.Cut(kv, "="); name == "PATH" {
			env = append(env, kv)
		}
	}
	return env
}

// listen makes the socket in the state directory, or in a directory of its
// own where that path is too long for a socket address.
func listen(stateDir string) (*os.File, string, func() error, error) {
	const maxSocketPath = 100
	dir, remove := stateDir, func() error { return nil }
	if len(filepath.Join(dir, "engine.sock")) > maxSocketPath {
		tmp, err := os.MkdirTemp("", "lockforge-")
		if err != nil {
			return nil, "", nil, fault.Wrap(fault.EngineDown, err, "making a directory for the engine's socket")
		}
		dir, remove = tmp, func() error { return os.RemoveAll(tmp) }
	}
	path := filepath.Join(dir, "engine.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", nil, errors.Join(fault.Wrap(fault.EngineDown, err, "removing an old socket"), remove())
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, "", nil, errors.Join(fault.Wrap(fault.EngineDown, err, "making the engine's socket"), remove())
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, "", nil, errors.Join(fault.Wrap(fault.EngineDown, err, "making the engine's socket"), remove())
	}
	return f, "unix://" + path, func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return remove()
	}, nil
}

// Stop ends the engine and waits until it has ended. Steps still running are
// stopped.
func (e *Engine) Stop() error {
	const patience = 10 * time.Second
	kill := time.AfterFunc(patience, func() { _ = e.process.Kill() })
	defer kill.Stop()
	e.terminate()
	return e.left
}

// terminate asks the engine to end until it has. The first process of a
// namespace of its own gets no signal that it does not handle, and one that has
// only just begun handles none (pid_namespaces(7)).
func (e *Engine) terminate() {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		_ = e.process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-e.exited:
			return
		case <-again.C:
		}
	}
}

// Pid is the engine's process.
func (e *Engine) Pid() int { return e.process.Pid }

// tail returns the last lines of the engine's log, for an error message.
func tail(path string) string {
	const keep = 2048
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > keep {
		if _, err := f.Seek(-keep, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, keep))
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return ""
	}
	return "\n" + string(bytes.TrimSpace(b))
}
