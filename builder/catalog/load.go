package catalog

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/sealed"
)

// cacheFormat changes when Catalog or what is read into it changes.
const cacheFormat = 1

// maxCache bounds a cached catalog, in bytes; release 1.7 needs 150 kB.
const maxCache = 8 << 20

// cached is the content of a cache file.
type cached struct {
	Format  int      `json:"format"`
	Catalog *Catalog `json:"catalog"`
}

// Load returns the catalog of a release, from cacheDir where it is there and
// whole, else from the release's wheel. A published version never changes, so
// a cached catalog has no age. The version must be in PEP 440 form.
//
// Errors: fault.Resolve for an unknown release, fault.Network, fault.Integrity
// for a wheel that is not what the index says; fault.Internal when the cache
// can't be written.
func Load(ctx context.Context, src Source, version, cacheDir string) (*Catalog, error) {
	v, err := pep440.Parse(version)
	if err != nil {
		return nil, fault.Wrap(fault.Manifest, err, "loading the catalog of the CLI")
	}
	version = v.String()
	path := filepath.Join(cacheDir, version+".json")
	if c, err := readCache(path, version); err == nil {
		return c, nil
	}
	release, err := src.Release(ctx, version)
	if err != nil {
		return nil, err
	}
	c, err := Read(release, release.Size, release.Filename, version)
	if err != nil {
		return nil, err
	}
	c.SHA256 = release.SHA256
	if err := sealed.Write(path, cached{cacheFormat, c}); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "caching the catalog of %s", version)
	}
	return c, nil
}

// readCache fails for a file that is absent, damaged, of another format or of
// another release; the catalog is then read anew.
func readCache(path, version string) (*Catalog, error) {
	var file cached
	if err := sealed.Read(path, maxCache, &file); err != nil {
		return nil, err
	}
	if file.Format != cacheFormat || file.Catalog == nil || file.Catalog.CLIVersion != version {
		return nil, errors.New("of another format or release")
	}
	return file.Catalog, nil
}
