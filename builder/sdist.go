package builder

import (
	"context"
	"runtime"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/programs"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/builder/store"
)

// hostPlatform is where build steps run.
const hostPlatform = "linux/" + runtime.GOARCH

// sdistBuilder builds wheels of source archives on the OS packages of the
// host's platform. The engine is started when the first one is asked for.
type sdistBuilder struct {
	w        *Workspace
	manifest *manifest.Manifest
	lock     *lock.Lock
	platform *lock.Platform // nil where the host's platform is not locked
	store    *store.Store

	turn   chan struct{} // one at a time; made by newSdistBuilder
	bases  map[string]graph.BaseImage
	client *solve.Client
	stop   func()
}

func newSdistBuilder(w *Workspace, m *manifest.Manifest, l *lock.Lock, p *lock.Platform, s *store.Store) *sdistBuilder {
	return &sdistBuilder{w: w, manifest: m, lock: l, platform: p, store: s, turn: make(chan struct{}, 1)}
}

// BuildWheel implements pypi.SdistBuilder.
func (b *sdistBuilder) BuildWheel(ctx context.Context, s lock.Sdist, tools []lock.Wheel) (sha256, file string, size int64, err error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return "", "", 0, fault.Wrap(fault.Cancelled, ctx.Err(), "building the wheel of %s", s.File)
	}
	if err := b.prepare(ctx, s); err != nil {
		return "", "", 0, err
	}
	inputs := b.w.graphInputs(b.store, "")
	inputs.Bases = b.bases
	g, err := graph.Sdist(b.manifest, b.lock, b.platform, s, tools, inputs)
	if err != nil {
		return "", "", 0, err
	}
	file, content, err := solve.File(ctx, b.client, g, opener(b.store), b.w.Progress)
	if err != nil {
		return "", "", 0, err
	}
	sha256, err = b.store.PutBytes(content)
	return sha256, file, int64(len(content)), err
}

func (b *sdistBuilder) prepare(ctx context.Context, s lock.Sdist) (err error) {
	if b.client != nil {
		return nil
	}
	if b.platform == nil {
		return fault.New(fault.Resolve, "building the wheel of %s: it needs an interpreter for %s", s.File, hostPlatform).
			Hint("add %s to the manifest's platforms, or give a wheel under `wheels`", hostPlatform)
	}
	var debs []lock.File
	for _, d := range b.platform.Debs {
		debs = append(debs, d.Locked())
	}
	if _, err := b.w.fetch(ctx, b.manifest, debs, b.store); err != nil {
		return err
	}
	b.bases, err = b.w.fetchBases(ctx, b.manifest, &lock.Lock{Platforms: []*lock.Platform{b.platform}}, b.store)
	if err != nil {
		return err
	}
	b.client, b.stop, err = b.w.connect(ctx, b.manifest.Layers.Compression)
	return err
}

// close stops the engine, if one was started.
func (b *sdistBuilder) close() {
	if b.stop != nil {
		b.stop()
	}
}

// buildSdists rebuilds the wheels that no index has and this store lacks. A
// wheel that comes out with other bytes than the lock's is fault.Integrity.
func (w *Workspace) buildSdists(ctx context.Context, m *manifest.Manifest, l *lock.Lock, blobs *store.Store) error {
	for _, p := range l.Platforms {
		var missing []lock.Wheel
		for _, wheel := range p.Wheels {
			if wheel.Index == lock.BuiltIndex && !blobs.Has(wheel.SHA256, wheel.Size) {
				missing = append(missing, wheel)
			}
		}
		if len(missing) == 0 {
			continue
		}
		if err := w.rebuild(ctx, newSdistBuilder(w, m, l, find(l.Platforms, hostPlatform), blobs), p, missing); err != nil {
			return err
		}
	}
	return nil
}

func (w *Workspace) rebuild(ctx context.Context, b *sdistBuilder, p *lock.Platform, missing []lock.Wheel) error {
	defer b.close()
	for _, wheel := range missing {
		for _, s := range p.Sdists {
			if s.Name != wheel.Name || s.Version != wheel.Version {
				continue
			}
			sha256, _, _, err := b.BuildWheel(ctx, s, p.BuildTools)
			if err != nil {
				return err
			}
			if sha256 != wheel.SHA256 {
				return fault.New(fault.Integrity, "building the wheel of %s: its hash is %s, the lock says %s", s.File, sha256, wheel.SHA256).
					Hint("build with the version of lockforge that made the lock, or lock again")
			}
		}
	}
	return nil
}

func find(platforms []*lock.Platform, name string) *lock.Platform {
	for _, p := range platforms {
		if p.Platform == name {
			return p
		}
	}
	return nil
}

// opener reads locked files from the store.
func opener(blobs *store.Store) pack.Opener {
	return func(sha256 string) (pack.Blob, error) { return blobs.Open(sha256) }
}

// graphInputs is what every graph needs besides manifest and lock.
func (w *Workspace) graphInputs(blobs *store.Store, lockDigest string) graph.Inputs {
	return graph.Inputs{
		Open:          opener(blobs),
		Unpack:        programs.Unpack,
		Executor:      programs.Executor,
		BuildPlatform: hostPlatform,
		LockDigest:    lockDigest,
		ToolVersion:   Version,
	}
}
