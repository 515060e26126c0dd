package builder

import (
	"context"
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/lock/pypi"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/store"
)

// Small wheels share this many layers; larger ones than ownAbove bytes have a
// layer of their own. Both are written into the lock, so that a later change
// here moves nothing in an image that is already locked.
const (
	buckets  = 16
	ownAbove = 8 << 20
)

// LockRequest says what to lock and what of the previous lock to keep.
type LockRequest struct {
	Manifest   *manifest.Manifest
	Path       string   // of the lock file
	Upgrade    []string // projects that may move
	UpgradeAll bool
}

// LockResult is a lock that is in place.
type LockResult struct {
	Lock    *lock.Lock    `json:"-"`
	Path    string        `json:"path"`
	Changes []lock.Change `json:"changes"`
	// Written is false where the lock file already said the same; First is
	// true where there was none to compare with.
	Written bool `json:"written"`
	First   bool `json:"first"`
}

// Lock resolves a manifest and writes its lock. A lock file that already says
// the same is left as it is, its date included.
func (w *Workspace) Lock(ctx context.Context, r LockRequest) (*LockResult, error) {
	indexes, err := index.Discover(r.Manifest, w.Index)
	if err != nil {
		return nil, err
	}
	given, err := w.inspectBase(ctx, r.Manifest)
	if err != nil {
		return nil, err
	}
	p, err := w.plan(ctx, r.Manifest, indexes, given)
	if err != nil {
		return nil, err
	}
	previous, err := lock.Read(r.Path)
	if err != nil && !fault.Is(err, fault.LockMissing) && !fault.Is(err, fault.LockDrift) {
		return nil, err
	}
	l, err := w.resolve(ctx, r, resolution{p, indexes, given, previous})
	if err != nil {
		return nil, err
	}
	result := &LockResult{Lock: l, Path: r.Path, Changes: lock.Diff(previous, l), First: previous == nil}
	if previous != nil && lock.Same(previous, l) {
		result.Lock = previous
		return result, nil
	}
	result.Written = true
	return result, lock.Write(r.Path, l)
}

// resolution is what a lock is resolved from.
type resolution struct {
	plan     *plan.Plan
	indexes  *index.Set
	given    *givenBase // nil where the OS part is assembled from packages
	previous *lock.Lock // nil where there is none
}

// resolve asks for OS packages first: wheels that have to be built from
// source archives are built on them.
func (w *Workspace) resolve(ctx context.Context, r LockRequest, from resolution) (*lock.Lock, error) {
	p, previous := from.plan, from.previous
	blobs, err := store.Open(w.CacheDir)
	if err != nil {
		return nil, err
	}
	bases, glibc, err := w.resolveBase(ctx, from, blobs)
	if err != nil {
		return nil, err
	}
	client := w.client(from.indexes)
	defer client.Close()
	l := &lock.Lock{
		Version:    1,
		Manifest:   r.Manifest.Digest(),
		Resolved:   w.Now().UTC().Format(time.DateOnly),
		CLIVersion: p.CLIVersion,
		Layers:     layersOf(r.Manifest, previous),
	}
	sdists := newSdistBuilder(w, r.Manifest, l, find(bases, hostPlatform), blobs)
	defer sdists.close()
	python, err := pypi.Resolve(ctx, pypi.Request{
		Plan:       p,
		Glibc:      glibc,
		Dir:        filepath.Dir(r.Manifest.Path),
		Index:      client,
		Store:      blobs,
		Builder:    sdists,
		CacheDir:   w.cache("pypi"),
		Getenv:     w.Index.Getenv,
		Now:        w.Now(),
		Previous:   previous,
		Upgrade:    r.Upgrade,
		UpgradeAll: r.UpgradeAll,
		Progress:   w.Progress,
	})
	if err != nil {
		return nil, err
	}
	l.Tools = python.Tools
	for i, platform := range python.Platforms {
		platform.Base, platform.Debs = bases[i].Base, bases[i].Debs
		l.Platforms = append(l.Platforms, platform)
	}
	return l, nil
}

// resolveBase locks what every platform begins with, in the plan's order. The
// version of glibc is "" where the suite decides it.
func (w *Workspace) resolveBase(ctx context.Context, from resolution, blobs *store.Store) (bases []*lock.Platform, glibc string, err error) {
	if from.given == nil {
		bases, err = w.resolveOS(ctx, from.plan, from.previous)
		return bases, "", err
	}
	step := w.Progress.Begin("storing the base image")
	bases, err = from.given.lock(ctx, from.plan.Manifest, blobs)
	step.End(err)
	return bases, from.given.glibc, err
}

// resolveOS locks the OS packages of every platform, in the plan's order.
func (w *Workspace) resolveOS(ctx context.Context, p *plan.Plan, previous *lock.Lock) ([]*lock.Platform, error) {
	mirrors, client, err := w.mirrors(p.Manifest)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var names []string
	for _, o := range p.OSPackages {
		names = append(names, o.Name)
	}
	var bases []*lock.Platform
	for _, platform := range p.Platforms {
		step := w.Progress.Begin("OS packages for " + platform)
		result, err := debian.Resolve(ctx, debian.Request{
			Suite:    p.Manifest.Base.Debian.Suite,
			Platform: platform,
			Packages: names,
			Previous: archivesOf(previous, platform),
			Mirrors:  mirrors,
			Getter:   client,
			CacheDir: w.cache("debian"),
			Now:      w.Now(),
		})
		step.End(err)
		if err != nil {
			return nil, err
		}
		bases = append(bases, &lock.Platform{Platform: platform, Python: result.Python, Base: result.Base, Debs: result.Debs})
	}
	return bases, nil
}

func archivesOf(l *lock.Lock, platform string) []lock.Archive {
	if l == nil {
		return nil
	}
	if p := find(l.Platforms, platform); p != nil {
		return p.Base.Archives
	}
	return nil
}

func layersOf(m *manifest.Manifest, previous *lock.Lock) lock.Layers {
	l := lock.Layers{Budget: m.Layers.Budget, Buckets: buckets, OwnAbove: ownAbove, Compression: m.Layers.Compression}
	if previous != nil {
		l.Buckets, l.OwnAbove = previous.Layers.Buckets, previous.Layers.OwnAbove
	}
	return l
}

// CheckLock reads a lock and compares it with the manifest, without resolving.
func CheckLock(m *manifest.Manifest, path string) (*lock.Lock, error) {
	l, err := lock.Read(path)
	if err != nil {
		return nil, err
	}
	return l, lock.Check(m, l)
}
