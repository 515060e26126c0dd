package worker

import (
	"strconv"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
)

func (r *run) recordStarting() error {
	if err := r.w.record(r.id, journal.Starting, starting{StartTimeMS: r.startMS}); err != nil {
		return err
	}
	r.w.o.Observer.Started(r.brief, r.w.o.Now().Sub(r.takenAt))
	r.w.audit(AuditStarted, r, map[string]string{"task": r.brief.Task})
	return nil
}

// recordStarted adds the process to the record that the next process would go by.
func (r *run) recordStarted() error {
	if r.killRecorded {
		return r.recordKill()
	}
	return r.w.record(r.id, journal.Started, r.process)
}

// recordKill makes sure that a run that was asked to end does not go on, or
// end as something else, should this process go first.
func (r *run) recordKill() error {
	first := !r.killRecorded
	owned := r.state.State == lifecycle.Running || r.state.State == lifecycle.Stopping
	result := r.make(StatusCancelled, "The run was cancelled by request; the executor went down before it ended.", nil)
	if !owned {
		result.Report = r.claim + "\n" + texts[lifecycle.Killed]
	}
	err := r.w.record(r.id, journal.Ended, ended{Result: result, Fate: lifecycle.Killed, Owned: owned, Alive: r.state.Begun, Process: r.process})
	if err != nil {
		return err
	}
	r.killRecorded = true
	if first {
		r.w.o.Observer.Cancelled(r.brief)
		r.w.audit(AuditKilled, r, map[string]string{"state": string(r.state.State)})
	}
	return nil
}

// texts say why a run ended that was not started, or not by itself.
var texts = map[lifecycle.Fate]string{
	lifecycle.Killed:      "Execution was cancelled by request.",
	lifecycle.Refused:     "The request cannot be run: ",
	lifecycle.Interrupted: "The executor stopped while the run was going on: it was killed, it crashed, or its machine went down. What was left of the run was ended. It is not started again.",
	lifecycle.TimedOut:    "The run was stopped because it took longer than the executor allows: ",
	lifecycle.Drained:     "The run was ended because the executor is going down.",
}

// explain is the line that says why.
func (r *run) explain() string {
	text := texts[r.state.Fate]
	switch r.state.Fate {
	case lifecycle.Refused:
		text += r.brief.Problem
	case lifecycle.TimedOut:
		text += r.w.o.Timeout.String() + "."
	}
	return text
}

// make builds a result. A runner's report follows the marker and the line that
// explains.
func (r *run) make(status, explanation string, o *Outcome) Result {
	result := Result{Status: status, StartTimeMS: r.startMS, DurationMS: r.since(), Report: r.claim}
	if explanation != "" {
		result.Report += "\n" + explanation
	}
	if o == nil {
		return result
	}
	text := o.Reason
	if o.Report != nil {
		var structured []byte
		limit := max(0, r.w.o.Budget-encodedSize(result.Report))
		if err := r.attempt(func() { text, structured = o.Report(limit) }); err != nil {
			text = err.Error()
		}
		if len(structured) > 0 {
			result.Structured = &Structured{Type: r.brief.Task, Serialized: string(structured), ContentType: "application/json"}
		}
	}
	if text != "" {
		result.Report += "\n" + strings.ToValidUTF8(text, "\uFFFD")
	}
	return result
}

// recordEnded makes the result and its record.
func (r *run) recordEnded() error {
	r.status = string(r.state.Status)
	if r.endedAt.IsZero() {
		r.endedAt = r.w.o.Now()
	}
	explanation := ""
	if r.status != StatusSuccess && (r.outcome == nil || r.state.Fate != lifecycle.Killed) {
		explanation = r.explain() // of a KILL the runner's report tells
	}
	result := r.make(r.status, explanation, r.outcome)
	r.result = &result
	facts := map[string]string{"status": r.status, "ms": strconv.FormatInt(result.DurationMS, 10)}
	if r.state.Fate != lifecycle.NoFate {
		facts["why"] = string(r.state.Fate)
	}
	entry := Audit{Event: AuditEnded, Facts: facts}
	if r.outcome != nil {
		entry.Secrets, entry.Refused = r.outcome.Secrets, r.outcome.Refused
		for name, value := range r.outcome.Facts {
			facts[name] = value
		}
		if r.outcome.Reason != "" {
			facts["reason"] = r.outcome.Reason
		}
		r.outcome = &Outcome{Status: r.outcome.Status} // what it holds may be big
	}
	err := r.recordResult()
	r.w.o.Observer.Ended(r.brief, r.status, time.Duration(result.DurationMS)*time.Millisecond)
	r.w.auditEntry(r, entry)
	r.w.o.Log.Info("run ended", "run", r.id, "status", r.status, "why", r.state.Fate, "ms", result.DurationMS)
	return err
}

// recordResult writes the result to the journal. Where that fails, the result
// is sent all the same, and this is tried again before the next try.
func (r *run) recordResult() error {
	err := r.w.record(r.id, journal.Ended, ended{Result: *r.result, Fate: r.state.Fate, Owned: true})
	r.recorded = err == nil
	return err
}

func (r *run) recordDelivered() error {
	d := done{Status: r.status}
	if r.seen.Status != "" && r.seen.Status != StatusRunning && (r.seen.Status != r.status || r.holder != r.claim) {
		d = done{Status: r.seen.Status, Note: "somebody else ended it at the server; it ended here as " + r.status}
		r.w.o.Log.Warn("run overruled", "run", r.id, "here", r.status, "server", r.seen.Status)
		r.w.audit(AuditOverruled, r, map[string]string{"status": r.status, "server": r.seen.Status})
	}
	var late time.Duration
	if !r.endedAt.IsZero() {
		late = r.w.o.Now().Sub(r.endedAt)
	}
	r.w.o.Observer.Delivered(r.brief, r.status, late)
	return r.w.record(r.id, journal.Delivered, d)
}

// recordDropped says why a run is not ours.
func (r *run) recordDropped() error {
	d := done{Status: r.seen.Status, Note: "it ended as " + r.seen.Status}
	switch {
	case r.state.Fate == lifecycle.Overruled:
		d.Note = "somebody else ended it at the server"
	case r.seen.Status == StatusRunning:
		d.Note = "somebody else has it: " + r.holder
	case r.seen.Status == "":
		d.Note = "the server has a result that cannot change"
	}
	event := AuditDropped
	if r.state.Fate == lifecycle.Overruled {
		event = AuditOverruled
	} else {
		r.w.o.Observer.Refused(r.brief, d.Note)
	}
	r.w.o.Log.Info("run dropped", "run", r.id, "why", d.Note)
	r.w.audit(event, r, map[string]string{"why": d.Note})
	return r.w.record(r.id, journal.Dropped, d)
}
