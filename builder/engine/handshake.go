package engine

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// File descriptors that Start hands to Serve, in the order of ExtraFiles.
const (
	lockFD     = 3 // holds the state directory's lock; never read
	listenerFD = 4 // the listening socket
	reportFD   = 5 // where Serve says how starting went
)

// config is the argument of the hidden subcommand, as JSON.
type config struct {
	Root        string `json:"root"`        // directory of BuildKit's state
	Runc        string `json:"runc"`        // path of the OCI runtime
	Parallelism int64  `json:"parallelism"` // build steps at once
}

// report is the one message of Serve to Start.
type report struct {
	Ready   bool   `json:"ready"`
	Error   string `json:"error,omitempty"`
	Damaged bool   `json:"damaged,omitempty"` // the error lies in the state directory
	NoSpace bool   `json:"noSpace,omitempty"` // the disk is full: state is not damaged by that
}

// errDamaged marks errors of opening state that an earlier process left.
var errDamaged = errors.New("engine state cannot be opened")

const maxReport = 64 << 10

func sendReport(w io.WriteCloser, r report) error {
	return errors.Join(json.NewEncoder(w).Encode(r), w.Close())
}

// readReport waits for the report. A process that dies without one was
// stopped by something it could not handle, as a torn database can be.
func readReport(r io.Reader) report {
	b, err := limitio.ReadAll(r, maxReport)
	var got report
	if err != nil || json.Unmarshal(b, &got) != nil {
		return report{Error: "the engine ended while starting", Damaged: true}
	}
	return got
}

func inherited(fd uintptr, name string) *os.File { return os.NewFile(fd, name) }
