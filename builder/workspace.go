package builder

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/builder/catalog"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/progress"
)

// Version is the version of lockforge, set when it is linked.
var Version = "unknown"

// Workspace is where and with what the commands work.
type Workspace struct {
	// CacheDir holds the content store, the catalogs and the state of the
	// build engine. It may be deleted at any time between commands.
	CacheDir string
	// Index is what the search for Python indexes may look at.
	Index index.Env
	// HostRoot is the root of the host whose apt sources are the default, "/".
	HostRoot string
	Engine   EngineOptions
	Progress progress.Sink
	Now      func() time.Time
}

// cache returns a folder of the cache directory.
func (w *Workspace) cache(name string) string { return filepath.Join(w.CacheDir, name) }

func (w *Workspace) client(indexes *index.Set) *index.Client {
	return index.NewClient(indexes, index.Options{CacheDir: w.cache("index")})
}

// mirrors finds where OS packages come from, and a client to read them with.
func (w *Workspace) mirrors(m *manifest.Manifest) (debian.Mirrors, *index.Client, error) {
	host := os.DirFS(w.HostRoot)
	mirrors, err := debian.FindMirrors(m.Base.Debian, host)
	if err != nil {
		return debian.Mirrors{}, nil, err
	}
	none, err := index.NoIndexes(w.Index)
	if err != nil {
		return debian.Mirrors{}, nil, err
	}
	return debian.AptCredentials(mirrors, host), index.NewClient(none, index.Options{}), nil
}

// Plan explains what a manifest leads to.
func (w *Workspace) Plan(ctx context.Context, m *manifest.Manifest) (*plan.Plan, error) {
	indexes, err := index.Discover(m, w.Index)
	if err != nil {
		return nil, err
	}
	given, err := w.inspectBase(ctx, m)
	if err != nil {
		return nil, err
	}
	return w.plan(ctx, m, indexes, given)
}

func (w *Workspace) plan(ctx context.Context, m *manifest.Manifest, indexes *index.Set, given *givenBase) (*plan.Plan, error) {
	offered, err := w.Catalog(ctx, indexes, m.CLI.Version)
	if err != nil {
		return nil, err
	}
	options := plan.Options{Catalog: offered, Indexes: indexes.Describe()}
	if given != nil {
		options.Python = given.python
	}
	return plan.New(m, options)
}

// Catalog returns what a CLI release offers.
func (w *Workspace) Catalog(ctx context.Context, indexes *index.Set, version string) (*catalog.Catalog, error) {
	client := w.client(indexes)
	defer client.Close()
	return catalog.Load(ctx, catalog.FromIndex(client), version, w.cache("catalog"))
}

// Plugins lists what a CLI release offers on a Debian suite.
func (w *Workspace) Plugins(ctx context.Context, version, suite string) ([]catalog.Offer, error) {
	indexes, err := index.Discover(nil, w.Index)
	if err != nil {
		return nil, err
	}
	offered, err := w.Catalog(ctx, indexes, version)
	if err != nil {
		return nil, err
	}
	return offered.Offers(suite), nil
}
