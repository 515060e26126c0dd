package pypi

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/store"
	"golang.org/x/sync/errgroup"
)

// Index is what Resolve needs of package index's Client.
type Index interface {
	Files(ctx context.Context, project string) ([]index.File, error)
	Get(ctx context.Context, url string, offset int64) (io.ReadCloser, int64, error)
	Head(ctx context.Context, url string) (int64, error)
	Range(ctx context.Context, url string, offset, n int64) ([]byte, error)
}

// SdistBuilder builds a wheel from a source archive, without network. The
// sdist and the tools are in the store, and the result is put there.
type SdistBuilder interface {
	BuildWheel(ctx context.Context, s lock.Sdist, tools []lock.Wheel) (sha256, file string, size int64, err error)
}

// Request says what to resolve, and with what.
type Request struct {
	Plan  *plan.Plan
	Glibc string // of the base, "2.36"; empty: that of the manifest's suite
	Dir   string // the manifest's folder; local wheels are relative to it

	Index    Index
	Store    *store.Store
	Builder  SdistBuilder // nil: packages that need it are refused
	CacheDir string       // for metadata of wheels and results of sdist builds
	Getenv   func(string) string
	Now      time.Time // for the cooldown

	// Previous is the lock to start from, nil for none: its versions are kept
	// where they still fit, but for the projects of Upgrade; UpgradeAll keeps none.
	Previous   *lock.Lock
	Upgrade    []string
	UpgradeAll bool

	Jobs     int // resolutions and downloads at once; 0: one per core
	Progress progress.Sink
}

// Result is the Python part of a lock: of each platform everything but Base
// and Debs is set.
type Result struct {
	Tools     []lock.Tool
	Platforms []*lock.Platform
}

// resolver is one resolution under way.
type resolver struct {
	req     Request
	uv      *uvProgram
	router  *router
	targets []target
	local   map[string][]index.File // by project

	pages  flights[*page]
	texts  flights[[]byte]
	wheels flights[lock.Wheel]
	tools  flights[[]lock.Wheel]
}

// Resolve chooses the wheels of every venv on every platform, brings them into
// the store, and has each pass the strict reader. Nothing but the store and the
// cache is written.
//
// Errors: fault.Usage for a missing or unknown uv; fault.Resolve for
// everything that cannot be resolved or accepted, with the plugins it is
// about; fault.Network; fault.Integrity for files that are not what the index
// says or not well-formed; fault.Cancelled.
func Resolve(ctx context.Context, req Request) (*Result, error) {
	if err := errors.Join(checkRequirements(req.Plan), checkUpgrade(req)); err != nil {
		return nil, err
	}
	if req.Jobs < 1 {
		req.Jobs = runtime.NumCPU()
	}
	if req.Progress == nil {
		req.Progress = progress.None()
	}
	r := &resolver{req: req}
	if err := r.setTargets(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(req.CacheDir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "making the cache folder")
	}
	scratch, err := makeScratch(req.CacheDir, req.Now)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	if r.uv, err = findUV(ctx, req.Getenv, scratch); err != nil {
		return nil, err
	}
	if err := r.loadLocal(); err != nil {
		return nil, err
	}
	if r.router, err = newRouter(ctx, r); err != nil {
		return nil, err
	}
	defer r.router.close()
	venvs, err := r.resolveAll(ctx)
	if err != nil {
		return nil, err
	}
	return r.assemble(ctx, venvs)
}

// makeScratch makes a folder for uv, and removes those that killed runs have
// left behind more than a day ago.
func makeScratch(dir string, now time.Time) (string, error) {
	old, err := filepath.Glob(filepath.Join(dir, "uv-*"))
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "making a scratch folder")
	}
	for _, path := range old {
		if info, err := os.Lstat(path); err == nil && info.ModTime().Before(now.Add(-24*time.Hour)) {
			os.RemoveAll(path) // what stays does no harm
		}
	}
	scratch, err := os.MkdirTemp(dir, "uv-")
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "making a scratch folder")
	}
	return scratch, nil
}

func (r *resolver) setTargets() error {
	glibc := r.req.Glibc
	if suite := r.req.Plan.Manifest.Base.Debian; glibc == "" && suite != nil {
		glibc = glibcOf[suite.Suite]
	}
	var problems []error
	for _, platform := range slices.Sorted(slices.Values(r.req.Plan.Platforms)) {
		t, err := newTarget(Target{Platform: platform, Python: r.req.Plan.Python, Glibc: glibc})
		if err != nil {
			problems = append(problems, err)
		}
		r.targets = append(r.targets, t)
	}
	return errors.Join(problems...)
}

// venvResult is one resolved venv on one target.
type venvResult struct {
	target target
	venv   plan.Venv
	chosen []choice
	// exceptions are installers that were resolved and are not shipped.
	exceptions []resolved
}

// choice is a package of a venv, and the file that stands for it.
type choice struct {
	resolved
	*candidate
}

// resolveAll resolves every venv on every target, several at once. All
// problems are reported, in the order of the plan.
func (r *resolver) resolveAll(ctx context.Context) ([]*venvResult, error) {
	venvs := r.req.Plan.Venvs
	results := make([]*venvResult, len(venvs)*len(r.targets))
	problems := make([]error, len(results))
	var group errgroup.Group
	group.SetLimit(r.req.Jobs)
	for i := range results {
		t, v := r.targets[i/len(venvs)], venvs[i%len(venvs)]
		group.Go(func() error {
			step := r.req.Progress.Begin("resolve " + v.Dir + " (" + t.Platform + ")")
			results[i], problems[i] = r.resolveVenv(ctx, t, v)
			step.End(problems[i])
			return nil
		})
	}
	group.Wait() //nolint:errcheck // problems holds them
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "resolving")
	}
	return results, errors.Join(problems...)
}

func (r *resolver) resolveVenv(ctx context.Context, t target, v plan.Venv) (*venvResult, error) {
	a, run, err := r.ask(ctx, t, v.Requirements, r.constraints(), r.preferences(t, v.Dir))
	if err != nil {
		return nil, err
	}
	if a.code != 0 {
		return nil, r.explain(ctx, run, v, a)
	}
	result := &venvResult{target: t, venv: v}
	shipped, exceptions := withoutInstallers(a.resolved)
	result.exceptions = exceptions
	for _, p := range shipped {
		c, err := r.chosen(ctx, t, p)
		if err != nil {
			return nil, err
		}
		result.chosen = append(result.chosen, choice{p, c})
	}
	return result, nil
}

// chosen finds the file behind a package of uv's answer.
func (r *resolver) chosen(ctx context.Context, t target, p resolved) (*candidate, error) {
	page, err := r.page(ctx, t, p.name)
	if err != nil {
		return nil, err
	}
	c := page.find(p.version)
	if c == nil || c.file.SHA256 != p.sha256 {
		return nil, fault.New(fault.Internal, "reading uv's answer: %s==%s was not offered", p.name, p.version)
	}
	return c, nil
}

// ask runs uv once on behind the router.
func (r *resolver) ask(ctx context.Context, t target, requirements, constraints, preferences []string) (*answer, *run, error) {
	run := r.router.begin(t)
	defer r.router.end(run)
	a, err := r.uv.compile(ctx, question{
		target: t, index: run.url, requirements: requirements, constraints: constraints, preferences: preferences,
	})
	return a, run, err
}

// page returns what a target may use of a project; asked once per resolution.
func (r *resolver) page(ctx context.Context, t target, project string) (*page, error) {
	return r.pages.do(t.Platform+" "+project, func() (*page, error) { return r.load(ctx, t, project) })
}

func (r *resolver) constraints() []string {
	var lines []string
	for _, c := range r.req.Plan.Manifest.CLI.ConstraintLines {
		lines = append(lines, c.Requirement)
	}
	return lines
}

// scrub takes our own addresses and folders out of uv's text.
func (r *resolver) scrub(text string) string {
	text = strings.ReplaceAll(text, r.uv.dir+string(filepath.Separator), "")
	for {
		before, rest, found := strings.Cut(text, r.router.base)
		if !found {
			return strings.TrimSpace(text)
		}
		if end := strings.IndexAny(rest, " \n`)"); end >= 0 {
			rest = rest[end:]
		} else {
			rest = ""
		}
		text = before + "the index" + rest
	}
}
