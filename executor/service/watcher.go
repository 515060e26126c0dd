package service

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/trace"
	"github.com/lockforge/lockforge/executor/worker"
)

// watcher tells metrics, traces and the audit trail what becomes of runs.
type watcher struct {
	s *Service

	mu    sync.Mutex
	spans map[string]spans // of runs that are not delivered yet
}

type spans struct{ run, child *trace.Span }

var _ worker.Observer = (*watcher)(nil)

func newWatcher(s *Service) *watcher { return &watcher{s: s, spans: map[string]spans{}} }

// Received implements worker.Observer.
func (w *watcher) Received(r queue.Request) {
	w.s.stir()
	w.s.metrics.Request(r.Pool)
	_, span := w.s.tracer.Run(context.Background(), trace.Info{ID: r.ID, Task: r.Task, Pool: r.Pool, Source: r.Via})
	w.update(r.ID, func(known *spans) { known.run = span })
}

// Refused implements worker.Observer.
func (w *watcher) Refused(r queue.Request, _ string) {
	w.done(r.ID, "refused")
}

// Started implements worker.Observer.
func (w *watcher) Started(r queue.Request, waited time.Duration) {
	w.s.log.Info("run started", "run", r.ID, "task", r.Task, "waited", waited)
	w.update(r.ID, func(known *spans) { _, known.child = known.run.Phase(context.Background(), trace.Child) })
}

// Ended implements worker.Observer.
func (w *watcher) Ended(r queue.Request, status string, took time.Duration) {
	w.s.metrics.Ended(r.Pool, r.Task, status, took)
	w.update(r.ID, func(known *spans) { known.child.End(status) })
}

// Cancelled implements worker.Observer.
func (w *watcher) Cancelled(r queue.Request) {
	w.s.metrics.Cancel()
	w.s.log.Info("run is to be cancelled", "run", r.ID)
}

// Delivered implements worker.Observer.
func (w *watcher) Delivered(r queue.Request, status string, late time.Duration) {
	w.s.stir()
	w.s.metrics.Write("")
	w.s.log.Info("result delivered", "run", r.ID, "status", status, "late", late)
	w.done(r.ID, status)
}

// DeliveryFailed implements worker.Observer.
func (w *watcher) DeliveryFailed(r queue.Request, err error) {
	w.s.metrics.Write(exception(err))
	w.s.log.Warn("the server does not take a result yet", "run", r.ID, "error", err)
}

func (w *watcher) update(id string, change func(*spans)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.spans[id]
	change(&known)
	w.spans[id] = known
}

func (w *watcher) done(id, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans[id].run.End(outcome)
	delete(w.spans, id)
}

// audit turns what a worker says for the audit trail into events of it.
func (w *watcher) audit(a worker.Audit) error {
	if w.s.trail == nil {
		return nil
	}
	subject := audit.Subject{Run: a.ID, Actor: a.Actor}
	var e audit.Event
	switch a.Event {
	case worker.AuditAccepted:
		e = audit.TaskReceived(subject, a.Facts["task"], a.Facts["pool"], a.Facts["via"])
	case worker.AuditDropped:
		e = audit.TaskRefused(subject, nil, a.Facts["why"])
	case worker.AuditStarted:
		e = audit.TaskStarted(subject, audit.Child{Venv: a.Facts["venv"], Recipe: a.Facts["recipe"]})
	case worker.AuditKilled:
		e = audit.TaskCancelled(subject, "signal", "asked for while "+a.Facts["state"])
	case worker.AuditOverruled:
		e = audit.TaskCancelled(subject, "server", "the server has "+a.Facts["server"])
	case worker.AuditEnded:
		return w.ended(subject, a)
	}
	return w.s.trail.Record(e)
}

// ended also says which secrets the run was given, and why it was refused.
func (w *watcher) ended(subject audit.Subject, a worker.Audit) error {
	facts := a.Facts
	if len(a.Secrets) > 0 {
		w.s.record(audit.SecretResolved(subject, a.Secrets))
	}
	if len(a.Refused) > 0 {
		w.s.record(audit.TaskRefused(subject, a.Refused, facts["reason"]))
	}
	ms, _ := strconv.ParseInt(facts["ms"], 10, 64) // the worker's own; 0 where it is none
	return w.s.trail.Record(audit.TaskEnded(subject, facts["status"], facts["reason"], time.Duration(ms)*time.Millisecond, facts))
}

// exception is the word by which metrics tell errors apart.
func exception(err error) string {
	if err == nil {
		return ""
	}
	if kind := gms.KindOf(err); kind != "" {
		return string(kind)
	}
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, auth.ErrRefused):
		return "refused"
	default:
		return "other"
	}
}

// counted is the server as polling sees it, with every question counted.
type counted struct {
	*gms.Client
	s *Service
}

// Requests implements poll.Server.
func (c counted) Requests(ctx context.Context, q gms.RequestQuery) ([]gms.RequestSummary, error) {
	start := time.Now()
	found, err := c.Client.Requests(ctx, q)
	c.s.metrics.Fetch(time.Since(start), len(found), exception(err))
	return found, err
}

// Aspects implements poll.Server.
func (c counted) Aspects(ctx context.Context, urns []string, aspects ...string) (map[string]map[string]gms.Aspect, error) {
	start := time.Now()
	found, err := c.Client.Aspects(ctx, urns, aspects...)
	c.s.metrics.Signals(time.Since(start), exception(err))
	return found, err
}
