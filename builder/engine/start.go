package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
)

// memoryLimit is the soft memory limit of the engine process; compressing
// several layers at once took 650 MB without one.
const memoryLimit = "GOMEMLIMIT=768MiB"

// Options says how to start an engine.
type Options struct {
	StateDir string   // absolute; made when missing, has one engine at a time
	Self     []string // argv that runs Serve with one more argument
	Runc     string   // path or name of the OCI runtime; "" looks for runc on PATH
	// Parallelism is the number of build steps that run at once; 0 is one per core.
	Parallelism int
	Sink        progress.Sink
}

// Engine is a running engine that this process may use.
type Engine struct {
	// Address is what a BuildKit client dials, "unix://<path>".
	Address string
	// ContentDir holds the blobs that the engine makes, by SHA-256 (hex).
	ContentDir string

	pid     int
	lease   *lease
	process *os.Process   // nil where another process started it
	exited  chan struct{} // closed when the process has ended and is reaped
	stop    func() error  // Stop, once
}

// Start returns an engine on the state directory that serves: a new one, or the
// running one, which all processes share that would start it with the same
// options. It waits for an engine that was started with others. State that
// cannot be opened is moved aside (to the directory "damaged") and made anew.
// Every error is fault.EngineDown, fault.DiskFull, or fault.Cancelled when ctx
// ended.
func Start(ctx context.Context, o Options) (*Engine, error) {
	runc, err := findRuntime(o.Runc)
	if err != nil {
		return nil, err
	}
	program, err := identify(o.Self)
	if err != nil {
		return nil, err
	}
	if o.Parallelism == 0 {
		o.Parallelism = runtime.NumCPU()
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "making the engine's state directory")
	}
	s, err := openSockets(o.StateDir)
	if err != nil {
		return nil, err
	}
	c := config{Root: filepath.Join(o.StateDir, "state"), Runc: runc, Parallelism: int64(o.Parallelism), Program: program}
	var e *Engine
	err = await(ctx, o.Sink, func() (bool, error) {
		lock, err := tryLock(filepath.Join(o.StateDir, "lock"))
		if err != nil {
			return false, err
		}
		if lock == nil {
			e = join(ctx, c, s)
			return e != nil, nil
		}
		defer lock.Close() // the engine has its own descriptor
		e, err = begin(ctx, o, c, s, lock)
		return err == nil, err
	})
	if err != nil {
		s.close()
		return nil, err
	}
	return e, nil
}

// join uses the engine that has the lock. It returns nil where that one ends, or
// was not started as c says.
func join(ctx context.Context, c config, s *sockets) *Engine {
	l, err := takeLease(s)
	if err != nil {
		return nil
	}
	select {
	case r := <-l.reports:
		if r.Ready && r.Config == c {
			return (&Engine{lease: l}).serves(r, s)
		}
	case <-ctx.Done():
	}
	_ = l.conn.Close() // whether that one goes on is no business of ours
	return nil
}

// serves notes where an engine that is ready can be reached.
func (e *Engine) serves(r report, s *sockets) *Engine {
	e.Address, e.ContentDir, e.pid = s.address(), r.Content, r.PID
	e.stop = sync.OnceValue(func() error {
		defer s.close()
		return e.leave()
	})
	return e
}

// begin starts an engine, if need be on fresh state. Its caller has the lock.
func begin(ctx context.Context, o Options, c config, s *sockets, lock *os.File) (*Engine, error) {
	e, damaged, err := launch(ctx, o, c, s, lock)
	if damaged {
		step := o.Sink.Begin("engine: its saved state is damaged, starting afresh")
		if err := moveAside(c.Root, filepath.Join(o.StateDir, "damaged")); err != nil {
			step.End(err)
			return nil, err
		}
		e, _, err = launch(ctx, o, c, s, lock)
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
func launch(ctx context.Context, o Options, c config, s *sockets, lock *os.File) (_ *Engine, damaged bool, err error) {
	_, statErr := os.Stat(c.Root)
	hadState := statErr == nil
	if err := os.MkdirAll(c.Root, 0o700); err != nil {
		return nil, false, fault.Wrap(fault.EngineDown, err, "making the engine's state directory")
	}
	logPath := filepath.Join(o.StateDir, "engine.log")
	e, err := spawn(o.Self, c, s, logPath, lock)
	if err != nil {
		return nil, false, err
	}
	select {
	case <-ctx.Done():
		return nil, false, errors.Join(fault.Wrap(fault.Cancelled, context.Cause(ctx), "starting the engine"), e.leave())
	case r, said := <-e.lease.reports:
		if !said {
			// It was stopped by something it could not handle, as a torn database can be.
			r = report{Error: "the engine ended while starting", Damaged: true}
		}
		if r.Ready {
			return e.serves(r, s), false, nil
		}
		leaveErr := e.leave()
		return nil, r.Damaged && hadState, errors.Join(r.fault(logPath), leaveErr)
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
// ends, the kernel stops its build steps and undoes its mounts. Its sockets and
// our lease are made before: others may wait for it from then on, and when we
// die before it serves, it finds nobody and ends.
func spawn(self []string, c config, s *sockets, logPath string, lock *os.File) (*Engine, error) {
	arg, err := json.Marshal(c)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing the engine's arguments")
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "making the engine's log")
	}
	defer log.Close()
	listener, err := s.listen(engineSocket)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	users, err := s.listen(leaseSocket)
	if err != nil {
		return nil, err
	}
	defer users.Close()
	l, err := takeLease(s)
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "starting the engine")
	}
	cmd := exec.Command(self[0], append(self[1:len(self):len(self)], string(arg))...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.Root
	cmd.Env = engineEnv(os.Environ())
	cmd.ExtraFiles = []*os.File{lock, listener, users}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:       true, // others may need it when our terminal has gone
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fault.Wrap(fault.EngineDown, err, "starting the engine").
			Hint("the embedded engine needs the right to make namespaces and mounts: run as root, or use --buildkit-addr"), l.conn.Close())
	}
	e := &Engine{lease: l, process: cmd.Process, exited: make(chan struct{})}
	go func() {
		defer close(e.exited)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return e, nil
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

// Stop gives the engine back. Where others use it, it goes on for them, even
// when this process started it. Otherwise it ends, steps that still run are
// stopped, and Stop returns after that; an engine of another process that does
// not end within 10 s is fault.EngineDown.
func (e *Engine) Stop() error { return e.stop() }

func (e *Engine) leave() error {
	others, err := e.lease.leave()
	if others || e.process == nil {
		return err
	}
	_ = e.process.Kill() // it has ended, or never will by itself
	<-e.exited
	return nil
}

// Pid is the engine's process.
func (e *Engine) Pid() int { return e.pid }

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
