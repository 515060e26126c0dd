package ingestion

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockforge/lockforge/executor/logs"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/report"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/executor/worker"
)

// drainTime bounds the wait for output after the child's exit. What it left
// behind is dead by then, so only an unkillable process can hold a pipe.
const drainTime = time.Second

// job is a run that can start.
type job struct {
	*run
	sink   worker.Sink
	child  Child
	places places
	token  *token // nil: the run has none, or keeps that of its start
	log    *logs.Log
	spec   task.Spec
	// starting waits until the run's start is durable, or says why it may not
	// start.
	starting func() error
	// written is when the child last wrote something, in Unix nanoseconds.
	written atomic.Int64
}

// makeJob does everything up to the start of the child. Once nothing can refuse
// the run any more, its start becomes durable, while what the child needs is made.
func (r *run) makeJob(ctx context.Context, p plan, s worker.Sink) (*job, error) {
	set := p.arguments.set
	if r.o.GMS != nil {
		set = append(set, "DATAHUB_GMS_URL="+r.o.GMS.URL)
	}
	known := Known(r.o.Env, set)
	resolved, err := Resolve(ctx, p.recipe, known, secret.Resolver{Stores: r.o.Stores, Timeout: r.o.StoreTimeout})
	if err != nil {
		return nil, err
	}
	j := &job{run: r, sink: s, child: Child{
		Venv: p.venv, Secrets: resolved.Values, Known: known,
		Test: r.request.Task == queue.TestConnection, Debug: p.arguments.debug,
	}}
	for _, name := range resolved.Documents {
		r.error(fmt.Sprintf("Secret variable ${%s} appears to contain a JSON document while string is expected. If you are using AWS Secret Manager, make sure to pass secret as plain text and not as a key/value pair.", name))
	}
	r.secrets = resolved.From
	if err := j.finishRecipe(ctx, p.recipe); err != nil {
		return nil, err
	}
	if err := j.hide(); err != nil {
		return nil, err
	}
	stdin, err := j.child.Stdin()
	if err != nil {
		return nil, err
	}
	j.starting = beside(s.Starting)
	if err := j.open(); err != nil {
		_ = j.starting() // it is over when this returns
		return nil, err
	}
	j.specify(p.arguments, set, stdin)
	return j, nil
}

// beside calls f in a goroutine, and returns what waits for its result.
func beside(f func() error) (wait func() error) {
	said := make(chan error, 1)
	go func() { said <- f() }()
	return sync.OnceValue(func() error { return <-said })
}

// finishRecipe adds the run's id and, where nothing says where to write to,
// the executor's own server.
func (j *job) finishRecipe(ctx context.Context, judged *recipe.Recipe) error {
	r, err := named(judged, j.request.ID, j.request.IngestionSource)
	if err != nil {
		return err
	}
	if !j.child.Test {
		if r, err = j.addSink(ctx, r); err != nil {
			return err
		}
	}
	j.child.Recipe = r
	digest := sha256.Sum256(r.Canonical())
	j.facts["recipe"] = "sha256:" + hex.EncodeToString(digest[:])
	return nil
}

// addSink gives the run what it needs to write to the executor's server.
func (j *job) addSink(ctx context.Context, r *recipe.Recipe) (*recipe.Recipe, error) {
	g, file := j.o.GMS, ""
	switch {
	case !g.renewed(r):
	case RenewsTokens(j.child.Venv.Release):
		file = placesOf(&j.o, j.request.ID).token()
		j.token = &token{path: file, header: g.Authorization}
		if err := j.token.first(ctx); err != nil {
			return nil, noToken(err)
		}
	default:
		j.info(fmt.Sprintf("DataHub CLI %s takes no new token while it runs, which needs %s: the run has the one of its start", j.child.Venv.Release, releaseTokenFile))
	}
	r, own, err := g.AddSink(ctx, r, file)
	if err != nil {
		return nil, err
	}
	j.child.Secrets = maps.Clone(j.child.Secrets)
	maps.Copy(j.child.Secrets, own)
	return r, nil
}

// hide has everything masked from here on that the run is given.
func (j *job) hide() error {
	hidden := map[string]string{}
	maps.Copy(hidden, j.child.Secrets)
	maps.Copy(hidden, j.token.secrets())
	masker, err := NewMasker(hidden)
	if err == nil {
		j.masker = masker
	}
	return err
}

// open makes the directories and the log.
func (j *job) open() error {
	places, lost, err := makePlaces(&j.o, j.request.ID)
	j.places = places
	if err != nil {
		_ = task.Remove(places.work)
		return err
	}
	if lost != nil {
		j.error("The whole log is not kept on disk: " + lost.Error())
	}
	options := logs.Options{Path: places.log, FileBytes: j.o.Logs.FileBytes, Files: j.o.Logs.Files}
	if j.o.Echo != nil {
		options.Echo, options.EchoPrefix = j.o.Echo, "["+j.request.ID+" logs] "
	}
	if j.log, err = OpenLog(options, j.masker); err != nil { // no file, no reason not to run
		j.error("The whole log is not kept on disk: " + err.Error())
		options.Path = ""
		j.log, err = OpenLog(options, j.masker)
	}
	if err == nil && j.token != nil {
		if err = j.token.open(); err != nil {
			_ = j.log.Close()
		}
	}
	if err != nil {
		_ = task.Remove(places.work)
	}
	return err
}

// specify describes the child to package task.
func (j *job) specify(a arguments, set []string, stdin io.Reader) {
	j.child.Path = j.places.report()
	set = append(set, "DATAHUB_ENABLE_SECRET_MASKING=true", fmt.Sprintf("DATAHUB_DEBUG=%t", a.debug))
	if j.places.artifacts != "" {
		set = append(set, "INGESTION_ARTIFACT_DIR="+j.places.artifacts)
	}
	j.spec = task.Spec{
		ID: j.o.taskID(j.request.ID), Argv: j.child.Argv(), Env: j.o.Env, Set: set, Stdin: stdin,
		Stdout: j.watched(j.log.Stream()), Stderr: j.watched(j.log.Stream()),
		Starting: j.starting, Started: j.sink.Started,
		Parent: j.places.work, Grace: j.o.Grace, Drain: drainTime,
		Sandbox: j.controls(a.memory),
	}
}

// controls are the configured ones, with what is this run's.
func (j *job) controls(memory sandbox.Bytes) *sandbox.Policy {
	if j.o.Sandbox == nil {
		return nil
	}
	p := *j.o.Sandbox
	p.Write = slices.Concat(p.Write, j.places.writable())
	p.Ruleset = j.ruleset
	if j.token != nil {
		p.Show = slices.Concat(p.Show, []string{filepath.Dir(j.token.path)})
	}
	if p.Data == 0 {
		p.Data = j.o.Memory
	}
	if memory != 0 && (p.Data == 0 || memory < p.Data) {
		p.Data = memory
	}
	return &p
}

// watched notes when something is written to w.
func (j *job) watched(w io.Writer) io.Writer { return watcher{w, j} }

type watcher struct {
	io.Writer
	j *job
}

func (w watcher) Write(p []byte) (int, error) {
	w.j.written.Store(w.j.o.Now().UnixNano())
	return w.Writer.Write(p)
}

// execute runs the child and tells how it went.
func (j *job) execute(ctx context.Context) worker.Outcome {
	j.preface()
	j.written.Store(j.o.Now().UnixNano())
	j.sink.Progress(func(limit int) string {
		silent := time.Duration(j.o.Now().UnixNano() - j.written.Load())
		return report.Progress(j.log.Report, silent, limit)
	})
	renewed := func() {}
	if j.token != nil {
		renewed = j.token.keep(ctx, j.masker)
	}
	end := task.Run(ctx, j.spec)
	renewed()
	if err := j.starting(); err != nil {
		return j.failed(&Error{Kind: Local, Err: fmt.Errorf("recording the start: %w", err)})
	}
	if j.token != nil && j.token.trouble != nil {
		j.error("The run's token could not be renewed, at times at least: " + j.token.trouble.Error())
	}
	if err := j.log.Close(); err != nil {
		j.error("The whole log is not kept on disk: " + err.Error())
	}
	document := j.document()
	v := judge(end, context.Cause(ctx), j.child.Test)
	v.note(j.run)
	return j.outcome(v.status, v.reason, document, j.log.Report)
}

// preface writes what runs into the log, as upstream does.
func (j *job) preface() {
	s := j.log.Stream()
	defer s.Close()
	fmt.Fprintf(s, "Using bundled venv for plugin %s: DataHub CLI %s\n", j.child.Venv.Plugin, j.child.Venv.Release)
	fmt.Fprintf(s, "Executing: %s\n", strings.Join(j.child.Argv(), " "))
}

// document reads the structured report. A run without one is normal; one with
// a bad one is no failure for it.
func (j *job) document() report.Document {
	d, err := report.Read(j.places.report(), j.masker, j.o.Document)
	switch {
	case errors.Is(err, report.ErrNone):
		return d
	case err != nil:
		j.error("There is no structured report: " + err.Error())
		return d
	}
	if err := j.places.keep(d.JSON); err != nil {
		j.error("The structured report is not kept on disk: " + err.Error())
	}
	return d
}

// close gives back what the run held. The log stays readable.
func (j *job) close() {
	_ = j.log.Close()
	if err := task.Remove(j.places.work); err != nil {
		j.facts["scratch_left"] = j.places.work
	}
}
