package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// request is what the trampoline reads from its descriptor.
type request struct {
	Policy
	Argv []string `json:"argv"`
	Dir  string   `json:"dir"`
	Mark uint64   `json:"mark"`
}

// applier puts the calling thread under the controls of a request.
type applier struct {
	request
	report Report
	// late are bounds that this process itself might not live with.
	late []limit
}

// apply does what the modes say. The error is about a required control.
func (a *applier) apply() error {
	steps := map[Control]func() (string, error){
		Descriptors: closeDescriptors,
		Umask:       func() (string, error) { unix.Umask(0o077); return "077", nil },
		Limits:      a.limits,
		Lineage:     a.lineage,
		NoNewPrivs:  func() (string, error) { return "", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) },
		MDWE: func() (string, error) {
			return "", unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
		},
		Landlock:     a.landlock,
		Seccomp:      a.seccomp,
		Capabilities: dropCapabilities,
	}
	for _, c := range Controls() {
		outcome := Outcome{Control: c, Mode: a.Mode(c), State: Skipped}
		if outcome.Mode != Off {
			detail, err := steps[c]()
			outcome.State, outcome.Detail = Obtained, detail
			if err != nil {
				outcome.State, outcome.Detail = Missing, err.Error()
			}
		}
		a.report.Controls = append(a.report.Controls, outcome)
	}
	return a.report.lacking()
}

// closeDescriptors lets execve close everything above 2: this process still
// needs its own until then.
func closeDescriptors() (string, error) {
	err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return "", nil
	}
	entries, readErr := os.ReadDir("/proc/self/fd")
	if readErr != nil {
		return "", errors.Join(fmt.Errorf("close_range: %w", err), readErr)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return "by /proc/self/fd", nil
}
