package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/moby/buildkit/cache/remotecache"
	daemonconfig "github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/worker"
	bolt "go.etcd.io/bbolt"
)

// Build records are kept just long enough to read the provenance from them.
const historyAge = 48 * time.Hour

var historyEntries int64 = 20

// daemon is an open BuildKit.
type daemon struct {
	controller *control.Controller
	content    string // directory of its blobs
}

// open opens the state and wires the daemon's parts. Errors that the state of
// an earlier process may cause match errDamaged.
func open(ctx context.Context, c config) (*daemon, error) {
	if err := prepareProcess(c); err != nil {
		return nil, err
	}
	sessions, err := session.NewManager()
	if err != nil {
		return nil, err
	}
	s := snapshotter(c.Root)
	w, err := newWorker(ctx, c, s)
	if err != nil {
		return nil, errors.Join(errDamaged, err)
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, err
	}
	cache, err := bboltcachestorage.NewStore(filepath.Join(c.Root, "cache.db"))
	if err != nil {
		return nil, fmt.Errorf("%w: cache.db: %w", errDamaged, err)
	}
	history, err := boltutil.SafeOpen(filepath.Join(c.Root, "history.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("%w: history.db: %w", errDamaged, err)
	}
	controller, err := control.NewController(control.Opt{
		SessionManager:            sessions,
		WorkerController:          workers,
		Frontends:                 map[string]frontend.Frontend{},
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{},
		CacheManager:              solver.NewCacheManager(ctx, "local", cache, worker.NewCacheResultStorage(workers)),
		HistoryDB:                 history,
		HistoryConfig:             &daemonconfig.HistoryConfig{MaxAge: daemonconfig.Duration{Duration: historyAge}, MaxEntries: &historyEntries},
		CacheStore:                cache,
		LeaseManager:              w.LeaseManager(),
		ContentStore:              w.ContentStore(),
		GarbageCollect:            w.GarbageCollect,
		GracefulStop:              ctx.Done(),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return &daemon{controller: controller, content: contentDir(c.Root, s)}, nil
}

func (d *daemon) close() error { return d.controller.Close() }
