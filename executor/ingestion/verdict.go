package ingestion

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/executor/worker"

	"golang.org/x/sys/unix"
)

// verdict is what the end of a child means for the run.
type verdict struct {
	end    task.End
	status string
	reason string // "" for success
	cause  string // what to say of it in the report's infos
}

// judge reads the end of a child. cause is why its context ended, if it did.
func judge(end task.End, cause error, test bool) verdict {
	v := verdict{end: end, status: worker.StatusFailure}
	command := "'datahub ingest'"
	if test {
		command = "'datahub test connection'"
	}
	switch {
	case end.Phase == task.PhaseCancelled && stopped(cause):
		v.status, v.reason = worker.StatusCancelled, cause.Error()
	case end.Phase == task.PhaseCancelled && cause != nil:
		v.reason = "stopped: " + cause.Error()
	case end.Phase == task.PhaseCancelled || end.Phase == task.PhaseTimeout:
		v.reason = "stopped: " + end.Phase
	case end.Phase == task.PhaseNotStarted:
		v.reason = "the CLI was not started: " + end.Error
	case end.Signal != 0:
		v.reason = killed(end)
	case end.Code != 0:
		v.cause = fmt.Sprintf("Failed to execute %s, exit code %d", command, end.Code)
		v.reason = v.cause
		if end.Memory != "" {
			v.reason += "; " + memory(end)
		}
	case end.Error != "":
		v.reason = end.Error
	default:
		v.status, v.cause = worker.StatusSuccess, "Successfully executed "+command
	}
	return v
}

// stopped reports whether somebody wanted the run to end, for its own sake.
func stopped(cause error) bool {
	return errors.Is(cause, worker.ErrKilled) || errors.Is(cause, worker.ErrOverruled)
}

// killed tells of a child that died of a signal which nobody here sent.
func killed(end task.End) string {
	text := fmt.Sprintf("The ingestion process was killed by signal %s", unix.SignalName(syscall.Signal(end.Signal)))
	if end.Memory == "" {
		return text
	}
	return text + ", " + memory(end)
}

// memory says how sure it is that memory ran out, and why.
func memory(end task.End) string {
	certainty := map[task.Memory]string{
		task.MemoryOut:      "because it ran out of memory",
		task.MemoryProbable: "probably because memory ran out",
		task.MemoryPerhaps:  "perhaps because it ran out of memory",
	}[end.Memory]
	return fmt.Sprintf("%s (%s). Give the executor or the run more memory, or run less at once", certainty, end.Evidence)
}

// note writes the verdict into the run's report and facts.
func (v verdict) note(r *run) {
	if v.cause != "" {
		r.info(v.cause)
	}
	switch {
	case v.status == worker.StatusCancelled:
		r.info("Ingestion task was cancelled")
	case v.reason != "":
		r.error(v.reason)
	}
	if len(v.end.Left) > 0 {
		r.error(fmt.Sprintf("Processes of the run are still there: %v", v.end.Left))
	}
	r.facts["phase"], r.facts["code"] = v.end.Phase, strconv.Itoa(v.end.Code)
	if v.end.Signal != 0 {
		r.facts["signal"] = unix.SignalName(syscall.Signal(v.end.Signal))
	}
	if v.end.Memory != "" {
		r.facts["memory"] = string(v.end.Memory)
	}
	if missing := v.missing(); missing != "" {
		r.facts["controls_missing"] = missing
	}
}

// missing lists the controls that were wanted and not to be had.
func (v verdict) missing() string {
	if v.end.Sandbox == nil {
		return ""
	}
	var names []string
	for _, c := range v.end.Sandbox.Controls {
		if c.State == "missing" {
			names = append(names, string(c.Control))
		}
	}
	return strings.Join(names, ",")
}
