package worker

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/executor/lifecycle"
)

// marker is the first line of all reports of a run on this executor. Its lease
// is random, so that executors of the same name do not take each other's runs
// for their own, and one that lost its journal does not start a run again.
func (o Options) marker() string {
	var lease [8]byte
	_, _ = rand.Read(lease[:]) // cannot fail: it ends the process instead
	return fmt.Sprintf("Task claimed by executor instance %s; version = %s; lease = %s", o.Instance, o.Version, hex.EncodeToString(lease[:]))
}

// marked tells whether a result carries a marker.
func marked(r Result, marker string) bool {
	first, _, _ := strings.Cut(r.Report, "\n")
	return strings.TrimRight(first, "\r ") == marker
}

// see says what a result means to the run with a marker.
func see(r Result, found bool, marker string) lifecycle.Seen {
	switch {
	case !found:
		return lifecycle.Absent
	case r.Status == StatusRunning && marked(r, marker):
		return lifecycle.Ours
	case r.Status == StatusRunning:
		return lifecycle.Others
	case lifecycle.Status(r.Status).Immutable():
		return lifecycle.Ended
	}
	return lifecycle.EndedLoose
}
