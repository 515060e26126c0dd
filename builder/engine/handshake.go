package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/lockforge/lockforge/builder/fault"
)

// File descriptors that Start hands to Serve, in the order of ExtraFiles.
const (
	lockFD   = 3 // holds the state directory's lock; never read
	engineFD = 4 // listens at engineSocket
	leaseFD  = 5 // listens at leaseSocket
)

// config is the argument of the hidden subcommand, as JSON. Who would start an
// engine with the same one may use it.
type config struct {
	Root        string `json:"root"`        // directory of BuildKit's state
	Runc        string `json:"runc"`        // path of the OCI runtime
	Parallelism int64  `json:"parallelism"` // build steps at once
	Program     string `json:"program"`     // what was started, see identify
}

// identify names a program by its arguments and by its file, not by its
// version: what is built again under the same path is another program.
func identify(argv []string) (string, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return "", fault.Wrap(fault.EngineDown, err, "looking for the engine's program")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fault.Wrap(fault.EngineDown, err, "looking for the engine's program")
	}
	var device, inode uint64
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		device, inode = s.Dev, s.Ino
	}
	return fmt.Sprintf("%q %d:%d %d %d", argv, device, inode, info.Size(), info.ModTime().UnixNano()), nil
}

// report is what Serve says to each user, one line of JSON: how starting went,
// and when the user leaves and others stay, that.
type report struct {
	Ready   bool   `json:"ready,omitempty"`
	Config  config `json:"config"`            // of a ready engine
	Content string `json:"content,omitempty"` // of a ready engine: directory of its blobs
	PID     int    `json:"pid,omitempty"`     // of a ready engine, as who started it sees it
	Error   string `json:"error,omitempty"`   // why it is not ready
	Damaged bool   `json:"damaged,omitempty"` // the error lies in the state directory
	NoSpace bool   `json:"noSpace,omitempty"` // the disk is full: state is not damaged by that
	Others  bool   `json:"others,omitempty"`  // the engine goes on
}

// errDamaged marks errors of opening state that an earlier process left.
var errDamaged = errors.New("engine state cannot be opened")

// maxReports bounds what an engine says to one user, in bytes.
const maxReports = 64 << 10

// inherited takes a listener over. Its descriptor is closed: what the engine
// starts must not keep the socket open.
func inherited(fd uintptr, name string) (net.Listener, error) {
	f := os.NewFile(fd, name)
	if f == nil {
		return nil, fault.New(fault.Usage, "%s is started by lockforge itself", Subcommand)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "taking over the %s of %s", name, Subcommand)
	}
	return l, nil
}
