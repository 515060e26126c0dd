package builder

import (
	"context"
	"slices"
	"time"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/policy"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/builder/store"
)

// BuildRequest says what to build and where the image goes.
type BuildRequest struct {
	Manifest  *manifest.Manifest
	LockPath  string
	Platforms []string // of the lock's; empty is all
	Policies  *policy.Set
	Outputs   []Output
	Tag       string // reference to push to, and the name in files
	Push      bool
	Registry  image.Options
	Signer    *attest.Signer // nil leaves the image unsigned
	Dynamic   []probe.Runner // the probes of the escape suite that are run in the image
	CheckRun  bool           // run them; without it they count as not run
	StopAfter string         // one of Stages, or "" for everything
}

// Stages names the stages of a build in order, as StopAfter takes them.
var Stages = []string{"lock", "fetch", "graph", "solve", "prove", "facts", "probe", "policy", "attest"}

// BuildResult is an image that was accepted, or what the last stage returned.
type BuildResult struct {
	Digest    string           `json:"digest,omitempty"`
	Reference string           `json:"reference,omitempty"` // in the registry, by digest
	Platforms []PlatformResult `json:"platforms,omitempty"`
	Cached    bool             `json:"cached"` // nothing had to be built
	Stages    []Stage          `json:"stages"`
	// Value is what the stage named by StopAfter returned.
	Value any `json:"value,omitempty"`
}

// PlatformResult is the image of one platform.
type PlatformResult struct {
	Platform string          `json:"platform"`
	Digest   string          `json:"digest"`
	Size     int64           `json:"size"` // compressed bytes of all layers
	Layers   []LayerResult   `json:"layers"`
	Verdict  *policy.Verdict `json:"verdict"`
	Scores   []probe.Score   `json:"scores"` // of the escape suite, by tier
	Tests    []attest.Test   `json:"tests"`
}

// LayerResult is one layer and what it is made from.
type LayerResult struct {
	graph.Layer
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// Stage is the time that one stage took.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// build is one build under way; the stages fill it in order.
type build struct {
	w      *Workspace
	req    BuildRequest
	result *BuildResult

	lock       *lock.Lock
	lockDigest string
	key        string
	store      *store.Store
	bases      map[string]graph.BaseImage
	graph      *graph.Graph
	client     *solve.Client
	stop       func()
	solved     *solve.Result
	image      *image.Image
	proving    chan proved
	proofs     []solve.Proof
	found      []*findings
	statements []attest.Statement
}

// Build makes the image that manifest and lock describe, proves and judges it,
// and hands it out. A denied image is neither signed nor pushed nor written:
// the verdicts are in the result, and the error is fault.Denied.
func (w *Workspace) Build(ctx context.Context, r BuildRequest) (*BuildResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &build{w: w, req: r, result: &BuildResult{}, stop: func() {}}
	release, err := w.shareImages()
	if err != nil {
		cancel()
		return nil, err
	}
	defer func() {
		cancel()
		b.stop()
		release()
		if b.solved != nil {
			w.tidy()
		}
	}()
	if err := b.readLock(); err != nil {
		return nil, err
	}
	if r.StopAfter == "" {
		if rec, img := w.recall(ctx, b.key); rec != nil && (!r.CheckRun || r.tried(rec)) {
			b.image, b.statements = img, rec.Statements
			b.result.Digest, b.result.Platforms, b.result.Cached = rec.Solved.Digest, rec.Platforms, true
			return b.result, b.deliver(ctx)
		}
	}
	for _, stage := range []struct {
		name string
		run  func(context.Context) (any, error)
	}{
		{"lock", func(context.Context) (any, error) { return b.lock, nil }},
		{"fetch", b.fetch},
		{"graph", b.plan},
		{"solve", b.solve},
		{"prove", b.prove},
		{"facts", b.collect},
		{"probe", b.probe},
		{"policy", b.judge},
		{"attest", b.describe},
	} {
		start := time.Now()
		value, err := stage.run(ctx)
		b.result.Stages = append(b.result.Stages, Stage{stage.name, time.Since(start).Seconds()})
		if err != nil {
			return b.result, err
		}
		if stage.name == r.StopAfter {
			b.result.Value = value
			return b.result, nil
		}
	}
	if err := w.remember(&record{Key: b.key, Solved: b.solved, Platforms: b.result.Platforms, Statements: b.statements}); err != nil {
		return nil, err
	}
	return b.result, b.deliver(ctx)
}

// readLock reads the lock, holds it against the manifest and leaves out the
// platforms that were not asked for.
func (b *build) readLock() error {
	l, err := CheckLock(b.req.Manifest, b.req.LockPath)
	if err != nil {
		return err
	}
	if len(b.req.Platforms) > 0 {
		if l, err = only(l, b.req.Platforms); err != nil {
			return err
		}
	}
	// What image and provenance call the lock is what they were made from: of
	// a lock with more platforms than were asked for, the part.
	source, err := attest.LockSource(l)
	if err != nil {
		return err
	}
	b.lockDigest = source.Digest
	b.req.Platforms = nil
	for _, p := range l.Platforms {
		b.req.Platforms = append(b.req.Platforms, p.Platform)
	}
	b.lock = l
	b.key, err = recordKey(b.req, b.lockDigest)
	return err
}

func only(l *lock.Lock, platforms []string) (*lock.Lock, error) {
	selected := *l
	selected.Platforms = slices.DeleteFunc(slices.Clone(l.Platforms), func(p *lock.Platform) bool {
		return !slices.Contains(platforms, p.Platform)
	})
	if len(selected.Platforms) != len(platforms) {
		return nil, fault.New(fault.Usage, "selecting platforms %v: the lock does not have all of them", platforms).
			Hint("add them to `platforms` in the manifest and lock again")
	}
	return &selected, nil
}

func (b *build) fetch(ctx context.Context) (any, error) {
	blobs, err := store.Open(b.w.CacheDir)
	if err != nil {
		return nil, err
	}
	b.store = blobs
	fetched, bases, err := b.w.fill(ctx, b.req.Manifest, b.lock, blobs)
	if err != nil {
		return nil, err
	}
	b.bases = bases
	if err := b.w.checkBases(ctx, b.req.Manifest, b.lock, blobs, b.bases); err != nil {
		return nil, err
	}
	return fetched, b.w.buildSdists(ctx, b.req.Manifest, b.lock, blobs)
}

func (b *build) plan(context.Context) (any, error) {
	step := b.w.Progress.Begin("checking and arranging the locked files")
	inputs := b.w.graphInputs(b.store, b.lockDigest)
	inputs.Bases = b.bases
	g, err := graph.Build(b.req.Manifest, b.lock, inputs)
	step.End(err)
	b.graph = g
	return g, err
}

// solve starts the proofs as well: they need the steps' results and not the
// compressed layers, which take as long to make.
func (b *build) solve(ctx context.Context) (any, error) {
	dir, err := b.w.makeImageDir(b.key)
	if err != nil {
		return nil, err
	}
	if b.client, b.stop, err = b.w.connect(ctx, b.lock.Layers.Compression); err != nil {
		return nil, err
	}
	b.proving = make(chan proved, 1)
	go func() {
		proofs, err := solve.Prove(ctx, b.client, b.graph, opener(b.store), b.w.Progress)
		b.proving <- proved{proofs, err}
	}()
	b.solved, err = solve.Run(ctx, b.client, b.graph, solve.Options{Open: opener(b.store), Layout: dir}, b.w.Progress)
	if err != nil {
		return nil, err
	}
	b.image, err = image.Open(ctx, "oci:"+dir+"@"+b.solved.Digest, image.Options{})
	b.result.Digest = b.solved.Digest
	return b.solved, err
}

// proved is what the proofs came to.
type proved struct {
	proofs []solve.Proof
	err    error
}

func (b *build) prove(ctx context.Context) (any, error) {
	select {
	case p := <-b.proving:
		b.proofs = p.proofs
		b.stop() // unless others use the engine, its memory is free for the rest, which reads what it made
		b.stop = func() {}
		return p.proofs, p.err
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "proving imports")
	}
}

func (b *build) deliver(ctx context.Context) (err error) {
	start := time.Now()
	b.result.Reference, err = b.w.deliver(ctx, b.req, b.image, b.statements)
	b.result.Stages = append(b.result.Stages, Stage{"deliver", time.Since(start).Seconds()})
	return err
}
