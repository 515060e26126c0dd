package builder

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/fetch"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

// FetchResult says what the content store now holds of a lock.
type FetchResult struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Fetched int   `json:"fetched"` // files that were not there, or damaged
}

// Fetch brings every file of a lock into the content store. No index and no
// mirror is asked when nothing is missing.
func (w *Workspace) Fetch(ctx context.Context, m *manifest.Manifest, l *lock.Lock) (*FetchResult, error) {
	blobs, err := store.Open(w.CacheDir)
	if err != nil {
		return nil, err
	}
	result, _, err := w.fill(ctx, m, l, blobs)
	return result, err
}

// fill is Fetch into an open store, which remembers what it has checked; it
// also returns the base images of the lock.
func (w *Workspace) fill(ctx context.Context, m *manifest.Manifest, l *lock.Lock, blobs *store.Store) (*FetchResult, map[string]graph.BaseImage, error) {
	if err := addLocalWheels(m, l, blobs); err != nil {
		return nil, nil, err
	}
	bases, err := w.fetchBases(ctx, m, l, blobs)
	if err != nil {
		return nil, nil, err
	}
	result, err := w.fetch(ctx, m, l.Files(), blobs)
	return result, bases, err
}

func (w *Workspace) fetch(ctx context.Context, m *manifest.Manifest, files []lock.File, blobs *store.Store) (*FetchResult, error) {
	missing := lacking(files, blobs)
	result := &FetchResult{Files: len(files), Fetched: len(missing)}
	for _, f := range files {
		result.Bytes += f.Size
	}
	if len(missing) == 0 {
		return result, nil
	}
	sources, err := w.sources(m, missing)
	if err != nil {
		return nil, err
	}
	return result, fetch.All(ctx, missing, blobs, sources, w.Progress)
}

// lacking returns the files that the store does not hold intact.
func lacking(files []lock.File, blobs *store.Store) []lock.File {
	intact := make([]bool, len(files))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, f := range files {
		group.Go(func() error {
			if !blobs.Has(f.SHA256, f.Size) {
				return nil
			}
			if b, err := blobs.Open(f.SHA256); err == nil {
				intact[i] = true
				return b.Close()
			}
			return nil
		})
	}
	_ = group.Wait() // a file that cannot be read counts as missing
	var missing []lock.File
	for i, f := range files {
		if !intact[i] {
			missing = append(missing, f)
		}
	}
	return missing
}

// sources finds the indexes and mirrors that the files come from, and only
// those: where no OS package is missing, no mirror has to be configured.
func (w *Workspace) sources(m *manifest.Manifest, files []lock.File) (map[string]fetch.Source, error) {
	sources := map[string]fetch.Source{}
	for _, f := range files {
		_, _, isDebian := strings.Cut(f.Origin, ":")
		switch {
		case isDebian && sources["debian"] == nil:
			mirrors, client, err := w.mirrors(m)
			if err != nil {
				return nil, err
			}
			sources["debian"] = debian.NewSource(mirrors, client)
		case !isDebian && sources["index"] == nil:
			indexes, err := index.Discover(m, w.Index)
			if err != nil {
				return nil, err
			}
			sources["index"] = w.client(indexes)
		}
	}
	return sources, nil
}

// addLocalWheels brings the manifest's own wheels into the store.
func addLocalWheels(m *manifest.Manifest, l *lock.Lock, blobs *store.Store) error {
	paths := map[string]string{}
	for _, w := range m.Wheels {
		paths[w.SHA256] = filepath.Join(filepath.Dir(m.Path), w.Path)
	}
	for _, p := range l.Platforms {
		for _, w := range p.Wheels {
			if w.Index != lock.LocalIndex || blobs.Has(w.SHA256, w.Size) {
				continue
			}
			path, ok := paths[w.SHA256]
			if !ok {
				return fault.New(fault.LockDrift, "finding local wheel %s: the manifest lists no wheel with its hash", w.File).
					Hint("list the wheel under `wheels`, or lock again")
			}
			sha, _, err := blobs.PutFile(path, w.Size)
			if err != nil {
				return err
			}
			if sha != w.SHA256 {
				return fault.New(fault.Integrity, "reading local wheel %s: its hash is %s, the manifest says %s", path, sha, w.SHA256)
			}
		}
	}
	return nil
}
