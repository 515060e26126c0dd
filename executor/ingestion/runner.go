package ingestion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/report"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/worker"
)

// Runner runs requests. It is a worker.Runner; call task.Supervise once before
// its first run.
type Runner struct {
	o      Options
	active active
}

var _ worker.Runner = (*Runner)(nil)

// New returns everything that is wrong with the options, joined.
func New(o Options) (*Runner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Document == 0 {
		o.Document = report.DefaultBudget
	}
	if o.Sandbox != nil {
		o.Sandbox = o.hiding()
	}
	return &Runner{o: o, active: active{ids: map[string]bool{}}}, nil
}

// Prepare implements worker.Runner: it judges a request by what is in it and in
// the image, and makes what the starts of all runs have in common. All refusals
// are in the one report of the run.
func (r *Runner) Prepare(q queue.Request) worker.Execute {
	run := newRun(r, q)
	run.info("Starting execution for task with name=" + q.Task)
	plan, err := run.plan()
	if err == nil && r.o.Sandbox != nil {
		run.ruleset = sandbox.NewRuleset(r.o.Sandbox)
	}
	return func(ctx context.Context, s worker.Sink) worker.Outcome {
		if err != nil {
			return run.failed(err)
		}
		return run.execute(ctx, plan, s)
	}
}

// run is one request on its way.
type run struct {
	*Runner
	request queue.Request
	summary report.Summary
	facts   map[string]string
	secrets map[string]string // the names of those it was given, and the store of each
	masker  *mask.Masker      // of the run's secrets, once they are known
	ruleset *sandbox.Ruleset  // made while the run is claimed; nil without a sandbox
}

// unmasked hides nothing: of a run that knows no secrets yet.
var unmasked, _ = mask.New(nil) // without secrets it cannot fail

func newRun(r *Runner, q queue.Request) *run {
	return &run{
		Runner: r, request: q, masker: unmasked,
		summary: report.Summary{Task: q.Task, ID: q.ID},
		facts:   map[string]string{},
	}
}

// execute does what was planned, and returns when nothing of it is left.
func (r *run) execute(ctx context.Context, p plan, s worker.Sink) worker.Outcome {
	if err := r.active.begin(r.request.ID); err != nil {
		return r.failed(err)
	}
	defer r.active.end(r.request.ID)
	job, err := r.makeJob(ctx, p, s)
	if err != nil {
		return r.failed(err)
	}
	defer job.close()
	return job.execute(ctx)
}

func (r *run) info(text string) {
	r.summary.Infos = append(r.summary.Infos, report.Event{At: r.o.Now(), Text: text})
}

func (r *run) error(text string) {
	r.summary.Errors = append(r.summary.Errors, report.Event{At: r.o.Now(), Text: text})
}

// failed is the outcome of a run that did not start.
func (r *run) failed(err error) worker.Outcome {
	for _, reason := range reasons(err) {
		r.error(reason.Error())
	}
	o := r.outcome(worker.StatusFailure, err.Error(), report.Document{}, nil)
	for _, k := range KindsOf(err) {
		o.Refused = append(o.Refused, string(k))
	}
	return o
}

// outcome ends a run. reason is "" for success.
func (r *run) outcome(status, reason string, d report.Document, logs func(int) string) worker.Outcome {
	r.info("Finished execution for task with name=" + r.request.Task)
	r.summary.Status = status
	parts := report.Parts{Summary: r.summary, Structured: d, Logs: logs, Mask: r.masker}
	return worker.Outcome{
		Status: status,
		Reason: oneLine(r.masker.String(reason)),
		Report: parts.Fit,
		Facts:  r.facts, Secrets: r.secrets,
	}
}

// plan is a request that may run, before its secrets are known.
type plan struct {
	arguments arguments
	recipe    *recipe.Recipe
	venv      Venv
}

// plan reads and judges a request. It goes on as far as it can, to report all
// problems at once.
func (r *run) plan() (plan, error) {
	var p plan
	switch {
	case !queue.ValidID(r.request.ID):
		return p, refuse(Malformed, "%.128q is no id of a run", r.request.ID)
	case r.request.Problem != "":
		return p, refuse(Malformed, "%s", r.request.Problem)
	case r.request.Task != queue.RunIngest && r.request.Task != queue.TestConnection:
		return p, refuse(Malformed, "no such task as %.128q; this executor knows %s and %s", r.request.Task, queue.RunIngest, queue.TestConnection)
	}
	var argumentsErr, recipeErr, venvErr, versionErr, judged, bound error
	p.arguments, argumentsErr = readArguments(r.request, r.o.Allow)
	if p.arguments.recipe == "" {
		return p, argumentsErr
	}
	if p.recipe, recipeErr = readRecipe(p.arguments.recipe); recipeErr != nil {
		return p, errors.Join(argumentsErr, recipeErr)
	}
	if p.venv, venvErr = FindVenv(r.o.Venvs, p.recipe.Source()); venvErr == nil {
		var note string
		if note, versionErr = r.o.Version.judge(p.arguments.version, p.venv); note != "" {
			r.info(note)
			r.facts["version_requested"] = fmt.Sprintf("%.80s", p.arguments.version)
		}
		judged = Judge(p.recipe, r.o.Policy, p.venv)
		r.facts["venv"], r.facts["cli"] = p.venv.Plugin, p.venv.Release
	}
	if r.o.Memory != 0 && p.arguments.memory > r.o.Memory {
		bound = refuse(Limits, "%s: %s is more than the %s that a run may have here", envMemory, p.arguments.memory, r.o.Memory)
	}
	return p, errors.Join(argumentsErr, venvErr, versionErr, judged, bound)
}
