package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

func (m *matrix) engineKilled(ctx context.Context, s site) (string, error) {
	return m.killed(ctx, s, func(s site, _ int) ([]int, error) { return buildkit.Engines(s.cache) })
}

func (m *matrix) programKilled(ctx context.Context, s site) (string, error) {
	return m.killed(ctx, s, func(_ site, program int) ([]int, error) { return []int{program}, nil })
}

// killed kills what victims names in the middle of a build, and builds again.
// On a machine that has less to do than when the reference was built, the
// middle comes sooner.
func (m *matrix) killed(ctx context.Context, s site, victims func(s site, program int) ([]int, error)) (string, error) {
	for wait := m.took / 2; wait > time.Second; wait /= 2 {
		s.cache = s.path("cache-" + wait.String())
		if err := s.fetched(m); err != nil {
			return "", err
		}
		inTime, err := s.killAfter(ctx, wait, victims)
		if err != nil {
			return "", err
		}
		if inTime {
			return s.build(ctx)
		}
	}
	return "", errors.New("the build always ended before it was to be killed")
}

// killAfter begins a build. It is false where the build ended by itself.
func (s site) killAfter(ctx context.Context, wait time.Duration, victims func(s site, program int) ([]int, error)) (bool, error) {
	cmd := s.command(ctx, "build", "m.yaml", "-o", "oci:"+s.path("image"))
	if err := cmd.Start(); err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return false, err
	case <-time.After(wait):
	}
	pids, err := victims(s, cmd.Process.Pid)
	for _, pid := range pids {
		if errKill := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(errKill, syscall.ESRCH) { // it may just have ended
			err = errors.Join(err, errKill)
		}
	}
	failed := <-ended
	// With its engine stopped already, a build is in its last moments.
	return failed != nil, err
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
