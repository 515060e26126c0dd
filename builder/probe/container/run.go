package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec is one run.
type Spec struct {
	Profile Profile
	Args    []string // Args[0] is an absolute path of the image
	Env     []string // beside, and instead of, the image's: "NAME=value"
	// Mounts are directories of this machine by their path in the container,
	// read-only there.
	Mounts map[string]string
	// Unlimited leaves out what takes control groups, for machines without:
	// the bounds of the reference profile, and the list of devices.
	Unlimited bool
	// Serve gets a listener on the container's loopback device, and serves it
	// from outside until it is closed. Where containers run elsewhere, what it
	// serves is behind the unix socket Socket, and the program's to relay.
	Listen  string // "127.0.0.1:8976", "" for none
	Serve   func(net.Listener)
	Timeout time.Duration
}

// Outcome is how a run ended.
type Outcome struct {
	Code           int
	Stdout, Stderr string // at most MaxOutput bytes each
	TimedOut       bool
}

// Socket is where Spec.Serve is found in a container elsewhere.
const Socket = "/lockforge-probe.sock"

// MaxOutput is how much is kept of each stream of a run, in bytes.
const MaxOutput = 1 << 20

// Run starts a program and waits for its end. What it changed is gone
// afterwards. An error means that there was no container to run it in, or that
// ctx was cancelled.
//
// Everything happens on a thread that leaves this process' mounts and network
// and ends with the run, so that nothing is left even when this process is
// killed.
func (c *Container) Run(ctx context.Context, s Spec) (Outcome, error) {
	type answer struct {
		o   Outcome
		err error
	}
	ch := make(chan answer, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		o, err := c.run(ctx, s)
		ch <- answer{o, err}
	}()
	a := <-ch
	if ctx.Err() != nil {
		return Outcome{}, ctx.Err()
	}
	return a.o, a.err
}

func (c *Container) run(ctx context.Context, s Spec) (Outcome, error) {
	dir, err := os.MkdirTemp(c.scratch, "run-")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC); err != nil {
		return Outcome{}, fmt.Errorf("leaving this machine's mounts and network: %w", err)
	}
	root, err := c.overlay(dir)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { _ = unix.Unmount(filepath.Join(dir, "space"), unix.MNT_DETACH) }()
	if err := loopback(); err != nil {
		return Outcome{}, err
	}
	if s.Listen != "" {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", s.Listen)
		if err != nil {
			return Outcome{}, fmt.Errorf("listening in the container: %w", err)
		}
		defer listener.Close()
		go s.Serve(listener)
	}
	config, err := c.config(s, root, dir)
	if err != nil {
		return Outcome{}, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return Outcome{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		return Outcome{}, err
	}
	return c.runc(ctx, dir, s.Timeout)
}

// overlay mounts the image's root with a layer above it that takes the writes
// and lies in memory. Both vanish with the thread's mount namespace.
func (c *Container) overlay(dir string) (string, error) {
	space := filepath.Join(dir, "space")
	upper, work, root := filepath.Join(space, "upper"), filepath.Join(space, "work"), filepath.Join(space, "root")
	if err := os.Mkdir(space, 0o755); err != nil {
		return "", err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", space, "tmpfs", 0, "mode=755,size=512m"); err != nil {
		return "", fmt.Errorf("mounting a tmpfs: %w", err)
	}
	info, err := os.Stat(c.root())
	if err != nil {
		return "", err
	}
	for _, d := range []string{upper, work, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(upper, info.Mode().Perm()); err != nil {
		return "", err
	}
	if err := unix.Mount("overlay", root, "overlay", 0, "lowerdir="+c.root()+",upperdir="+upper+",workdir="+work); err != nil {
		return "", fmt.Errorf("mounting an overlay: %w", err)
	}
	return root, nil
}

// loopback switches the loopback device of the thread's network on.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the loopback device: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("switching the loopback device on: %w", err)
	}
	return nil
}

// runc runs the bundle in dir.
func (c *Container) runc(ctx context.Context, dir string, timeout time.Duration) (Outcome, error) {
	id := "lockforge-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(dir)
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	state := filepath.Join(dir, "state")
	log := filepath.Join(dir, "runc.log")
	cmd := exec.CommandContext(limited, "runc", "--root", state, "--log", log, "--log-format", "json", "run", "--bundle", dir, id)
	var stdout, stderr Capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		// runc itself passes no SIGKILL on.
		_ = exec.Command("runc", "--root", state, "kill", "--all", id, "KILL").Run()
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	err := cmd.Run()
	_ = exec.Command("runc", "--root", state, "delete", "--force", id).Run() // where it was killed
	o := Outcome{Stdout: stdout.String(), Stderr: stderr.String(), TimedOut: limited.Err() != nil}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay), o.TimedOut:
		o.Code = cmd.ProcessState.ExitCode()
	case err != nil:
		return o, fmt.Errorf("running runc: %w", err)
	}
	if problem := complaint(log); problem != "" && !o.TimedOut {
		return o, fmt.Errorf("running runc: %s", problem)
	}
	return o, nil
}

// complaint returns the first error of runc's log: then its exit code is not
// the program's.
func complaint(log string) string {
	f, err := os.Open(log)
	if err != nil {
		return ""
	}
	defer f.Close()
	for decoder := json.NewDecoder(io.LimitReader(f, MaxOutput)); ; {
		var line struct{ Level, Msg string }
		if err := decoder.Decode(&line); err != nil {
			return ""
		}
		if line.Level == "error" || line.Level == "fatal" {
			return line.Msg
		}
	}
}

// Capped keeps the first MaxOutput bytes of what is written to it. Its buffer is
// no part of its methods: a ReadFrom would get round the bound.
type Capped struct{ kept bytes.Buffer }

func (c *Capped) Write(p []byte) (int, error) {
	if room := MaxOutput - c.kept.Len(); room > 0 {
		c.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *Capped) String() string { return c.kept.String() }
