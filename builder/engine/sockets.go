package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
)

// Sockets of an engine, in its state directory.
const (
	engineSocket = "engine.sock" // BuildKit's own
	leaseSocket  = "lease.sock"  // one connection for each user of the engine
)

// sockets is a state directory by a path that is short enough for the address
// of a socket.
type sockets struct {
	dir  string
	held *os.File // what dir leads through; nil where the path itself is short
}

// openSockets finds a short path for the state directory: its own, or through
// a descriptor, which all processes of root can follow until close.
func openSockets(stateDir string) (*sockets, error) {
	const maxPath = 100
	if len(filepath.Join(stateDir, engineSocket)) <= maxPath {
		return &sockets{dir: stateDir}, nil
	}
	f, err := os.Open(stateDir)
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "opening the engine's state directory")
	}
	return &sockets{dir: fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), held: f}, nil
}

func (s *sockets) close() {
	if s.held != nil {
		_ = s.held.Close() // it was only looked through
	}
}

func (s *sockets) path(name string) string { return filepath.Join(s.dir, name) }

// address is what a BuildKit client dials.
func (s *sockets) address() string { return "unix://" + s.path(engineSocket) }

// listen makes a socket, in the place of one that a killed engine left. Only
// the holder of the lock may do that.
func (s *sockets) listen(name string) (*os.File, error) {
	path := s.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.EngineDown, err, "removing an old socket")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "making the engine's socket")
	}
	l.SetUnlinkOnClose(false) // it is the engine's
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "making the engine's socket")
	}
	return f, nil
}

// removeSockets removes what listen made, for an engine that ends.
func removeSockets(stateDir string) error {
	var problems []error
	for _, name := range []string{leaseSocket, engineSocket} {
		if err := os.Remove(filepath.Join(stateDir, name)); !errors.Is(err, os.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
