package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/progress"
)

func (m *matrix) engineKilled(ctx context.Context, s site) (string, error) {
	return m.killed(ctx, s, func(int) ([]int, error) { return enginesOf(s.cache) })
}

func (m *matrix) programKilled(ctx context.Context, s site) (string, error) {
	return m.killed(ctx, s, func(program int) ([]int, error) { return []int{program}, nil })
}

// killed kills what victims names in the middle of a build, and builds again.
func (m *matrix) killed(ctx context.Context, s site, victims func(program int) ([]int, error)) (string, error) {
	if err := s.fetched(m); err != nil {
		return "", err
	}
	cmd := s.command(ctx, "build", "m.yaml", "-o", "oci:"+s.path("image"))
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return "", fmt.Errorf("the build had ended before its middle: %w", err)
	case <-time.After(m.took / 2):
	}
	pids, err := victims(cmd.Process.Pid)
	if err == nil && len(pids) == 0 {
		err = errors.New("no engine was running half-way")
	}
	for _, pid := range pids {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	}
	if err != nil {
		return "", errors.Join(err, cmd.Process.Kill())
	}
	if err := <-ended; err == nil {
		return "", errors.New("the build succeeded, killed half-way")
	}
	return s.build(ctx)
}

// enginesOf lists the engine processes that use a cache: their arguments name
// its state.
func enginesOf(cache string) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range files {
		args, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(args, []byte("\x00"+engine.Subcommand+"\x00")) || !bytes.Contains(args, []byte(cache+"/")) {
			continue // it has ended, or is another's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// elsewhere starts a BuildKit that the builds did not start.
func (m *matrix) elsewhere(ctx context.Context, s site) (*engine.Engine, error) {
	return engine.Start(ctx, engine.Options{StateDir: s.path("engine"), Self: []string{m.program, engine.Subcommand}, Sink: progress.None()})
}

func (m *matrix) remote(ctx context.Context, s site) (digest string, err error) {
	e, err := m.elsewhere(ctx, s)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	s.flags = []string{"--buildkit-addr", e.Address}
	return m.plain(ctx, s)
}

// remoteGzip has the same engine compress the same layers with gzip first: an
// engine of one's own is never asked for two compressions.
func (m *matrix) remoteGzip(ctx context.Context, s site) (digest string, err error) {
	e, err := m.elsewhere(ctx, s)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	go forward(listener, strings.TrimPrefix(e.Address, "unix://"))
	s.flags = []string{"--buildkit-addr", "tcp://" + listener.Addr().String()}
	if err := s.fetched(m); err != nil {
		return "", err
	}
	if err := os.WriteFile(s.path("m.yaml"), []byte(manifestText+"layers: {compression: gzip}\n"), 0o644); err != nil {
		return "", err
	}
	if _, err := s.lockforge(ctx, "lock", "m.yaml"); err != nil {
		return "", err
	}
	if digest, err := s.build(ctx); err != nil {
		return "", err
	} else if digest == m.digest {
		return "", errors.New("gzip and zstd give the same image")
	}
	// What the first build left in the cache is no business of the second.
	if err := errors.Join(os.RemoveAll(filepath.Join(s.cache, "images")), s.locked(m)); err != nil {
		return "", err
	}
	return s.build(ctx)
}

// forward carries connections to a unix socket until the listener is closed.
func forward(l net.Listener, socket string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("unix", socket)
			if err != nil {
				return
			}
			defer to.Close()
			go func() {
				_, _ = io.Copy(to, from)
				_ = to.(*net.UnixConn).CloseWrite()
			}()
			_, _ = io.Copy(from, to)
		}()
	}
}
