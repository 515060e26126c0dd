package ingestion

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
)

// Options of a Runner.
type Options struct {
	// Venvs is the directory of the bundled venvs.
	Venvs   string
	Version VersionPolicy
	Policy  *recipe.Policy
	// Stores are asked for secrets, a later one overrules an earlier one.
	Stores []secret.Store
	// StoreTimeout bounds one question to one of them; 0 is
	// secret.DefaultTimeout.
	StoreTimeout time.Duration
	// GMS is where recipes without a sink write to; nil leaves them alone.
	GMS *GMS

	// Env is the executor's environment, of which a child gets a part, see
	// task.Environment; Allow is what extra_env_vars may add to that: names,
	// and beginnings of names with a "*" after them.
	Env, Allow []string

	// Sandbox says under which controls children run. The directories of runs are
	// hidden beside what it hides; Write, Show and Data are added to for each run. nil is none: then what a killed executor leaves
	// is found by process id only.
	Sandbox *sandbox.Policy
	// Memory bounds a run, and what runs may ask for; 0 is no bound.
	Memory sandbox.Bytes
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration

	// Instance is the executor's name, the same after a restart. What is left of
	// runs is found by it and their ids, so that an executor ends nothing of
	// another one's on its host whose runs have the same ids.
	Instance string
	// Work is the directory of scratch directories, one per run, gone with
	// it. It must be the executor's alone: what lies in it is removed.
	Work string
	// Logs is the directory of what stays of runs, <Logs>/<id>/; "" is none.
	Logs Logs
	// Echo gets the lines of all runs, each behind the run's id; nil is nobody.
	Echo io.Writer

	// Document bounds the structured report in memory, in bytes; 0 is
	// report.DefaultBudget.
	Document int

	Now func() time.Time // time.Now where nil
}

// Logs say what stays of runs on disk, and how long.
type Logs struct {
	Dir string
	// FileBytes and Files bound the log of one run; 0 is the defaults of
	// package logs.
	FileBytes int64
	Files     int
	// Keep is how long a run's directory stays, and MaxBytes how much all of
	// them may have together before the oldest go; 0 is no bound. None goes
	// in which something changed for less than Settled.
	Keep     time.Duration
	MaxBytes int64
	Settled  time.Duration
}

// check returns everything that is wrong with the options.
func (o *Options) check() error {
	problems := []error{checkAllowed(o.Allow), o.GMS.check()}
	for name, dir := range map[string]string{"the venvs": o.Venvs, "scratch directories": o.Work} {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
			problems = append(problems, fmt.Errorf("the directory of %s, %q, is not an absolute path of its own", name, dir))
		}
	}
	if o.Logs.Dir != "" && !filepath.IsAbs(o.Logs.Dir) {
		problems = append(problems, fmt.Errorf("the directory of logs, %q, is not an absolute path", o.Logs.Dir))
	}
	switch o.Version {
	case Strict, SameVersion, AlwaysBundled:
	default:
		problems = append(problems, fmt.Errorf("version policy %q is none of %s, %s, %s", o.Version, Strict, SameVersion, AlwaysBundled))
	}
	if o.Policy == nil {
		problems = append(problems, errors.New("no recipe policy is given"))
	}
	if o.Sandbox != nil {
		problems = append(problems, o.Sandbox.Validate())
	}
	return errors.Join(problems...)
}

// hiding is the sandbox in which a run sees nothing of others.
func (o *Options) hiding() *sandbox.Policy {
	p := *o.Sandbox
	p.Hide = append(slices.Clone(p.Hide), o.Work)
	if o.Logs.Dir != "" {
		p.Hide = append(p.Hide, o.Logs.Dir)
	}
	return &p
}
