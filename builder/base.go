package builder

import (
	"cmp"
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/base"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

// givenBase is the base image that a manifest names, on its platforms.
type givenBase struct {
	python, glibc string
	platforms     []*image.Platform // in the manifest's order
}

// openBase opens the base image that a manifest names.
func openBase(ctx context.Context, m *manifest.Manifest) (*image.Image, error) {
	if m.Base.Layout != "" {
		dir, digest, _ := strings.Cut(m.Base.Layout, "@")
		return image.Open(ctx, "oci:"+filepath.Join(filepath.Dir(m.Path), dir)+"@"+digest, image.Options{})
	}
	return image.Open(ctx, m.Base.Image, image.Options{})
}

// inspectBase finds out which Python and which glibc a base image has, nil
// where the manifest names none. All platforms must have the same Python; of
// their C libraries the oldest decides which wheels run.
func (w *Workspace) inspectBase(ctx context.Context, m *manifest.Manifest) (*givenBase, error) {
	if m.Base.Debian != nil {
		return nil, nil
	}
	step := w.Progress.Begin("reading the base image")
	given, err := inspectBase(ctx, m)
	step.End(err)
	return given, err
}

func inspectBase(ctx context.Context, m *manifest.Manifest) (*givenBase, error) {
	img, err := openBase(ctx, m)
	if err != nil {
		return nil, err
	}
	given := &givenBase{}
	for _, name := range m.Platforms {
		p, err := img.Platform(name)
		if err != nil {
			return nil, err
		}
		report, err := base.Inspect(ctx, p)
		if err != nil {
			return nil, err
		}
		if given.python != "" && given.python != report.Python {
			return nil, fault.New(fault.Manifest, "reading base image %s: Python %s on one platform and %s on another", img.Digest(), given.python, report.Python).
				Hint("use a base with the same Python on all platforms")
		}
		given.python = report.Python
		if given.glibc == "" || olderGlibc(report.Glibc, given.glibc) {
			given.glibc = report.Glibc
		}
		given.platforms = append(given.platforms, p)
	}
	return given, nil
}

// olderGlibc compares versions of the form 2.N.
func olderGlibc(a, b string) bool {
	minor := func(v string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(v, "2."))
		return n
	}
	return cmp.Less(minor(a), minor(b))
}

// lock locks the base of every platform and brings it into the store.
func (g *givenBase) lock(ctx context.Context, m *manifest.Manifest, blobs *store.Store) ([]*lock.Platform, error) {
	var locked []*lock.Platform
	for _, p := range g.platforms {
		added, err := base.Add(ctx, p, m.Base.Flatten, m.Allow, blobs)
		if err != nil {
			return nil, err
		}
		locked = append(locked, &lock.Platform{
			Platform: p.Name(), Python: g.python, Base: lock.Base{Image: p.Digest(), Layers: added.DiffIDs},
		})
	}
	return locked, nil
}

// fetchBases brings the base images of a lock into the store, none where it
// has none. The image is looked for only where the store lacks something.
func (w *Workspace) fetchBases(ctx context.Context, m *manifest.Manifest, l *lock.Lock, blobs *store.Store) (map[string]graph.BaseImage, error) {
	bases := map[string]graph.BaseImage{}
	for _, p := range l.Platforms {
		if p.Base.Image == "" {
			continue
		}
		step := w.Progress.Begin("base image for " + p.Platform)
		made, err := fetchBase(ctx, m, p, blobs)
		step.End(err)
		if err != nil {
			return nil, err
		}
		bases[p.Platform] = graph.BaseImage{Manifest: made.Manifest, Blobs: made.Blobs, Layers: made.Layers}
	}
	return bases, nil
}

func fetchBase(ctx context.Context, m *manifest.Manifest, p *lock.Platform, blobs *store.Store) (*base.Image, error) {
	return base.Fetch(ctx, base.Request{
		Locked: p.Base, Platform: p.Platform, Flatten: m.Base.Flatten, Allow: m.Allow, Store: blobs,
		Source: func(ctx context.Context) (*image.Platform, error) {
			img, err := openBase(ctx, m)
			if err != nil {
				return nil, err
			}
			return img.Platform(p.Platform)
		},
	})
}

// checkBases refuses base images with another Python than the lock's, and ones
// with files that a locked image must not have: building would only show it
// later. A flattened base has been filtered, and has no bytecode.
func (w *Workspace) checkBases(ctx context.Context, m *manifest.Manifest, l *lock.Lock, blobs *store.Store, bases map[string]graph.BaseImage) error {
	if m.Base.Flatten {
		return nil
	}
	for _, p := range l.Platforms {
		given, ok := bases[p.Platform]
		if !ok {
			continue
		}
		step := w.Progress.Begin("checking the base image for " + p.Platform)
		report, err := checkBase(ctx, m, p, blobs)
		step.End(err)
		if err != nil {
			return err
		}
		given.Bytecode = report.Bytecode
		bases[p.Platform] = given
	}
	return nil
}

func checkBase(ctx context.Context, m *manifest.Manifest, p *lock.Platform, blobs *store.Store) (*base.Report, error) {
	opened, err := base.Open(ctx, p.Base.Image, blobs)
	if err != nil {
		return nil, err
	}
	report, err := base.Inspect(ctx, opened)
	if err != nil {
		return nil, err
	}
	if report.Python != p.Python {
		return nil, fault.New(fault.LockDrift, "checking base image %s: it has Python %s, the lock is for %s", p.Base.Image, report.Python, p.Python).Hint("lock again")
	}
	return report, base.Refuse(p.Platform, p.Base.Image, base.Without(report.Forbidden, m.Allow))
}
