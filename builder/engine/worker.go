package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/network"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/runc"
	"golang.org/x/sync/semaphore"
)

// Bounds of what the state directory keeps between builds. A build of every
// plugin leaves about 5 GB.
const (
	keepFor       = 60 * 24 * time.Hour
	keepAtMost    = 40 << 30 // bytes
	keepAtLeast   = 10 << 30 // bytes
	leaveDiskFree = 2 << 30  // bytes
)

func newWorker(ctx context.Context, c config, s runc.SnapshotterFactory) (*base.Worker, error) {
	opt, err := runc.NewWorkerOpt(c.Root, s, false, oci.ProcessSandbox, nil, nil,
		netproviders.Opt{Mode: "host"}, nil, c.Runc, "", false, semaphore.NewWeighted(c.Parallelism), "", "", nil)
	if err != nil {
		return nil, err
	}
	// A step that asks for any network has no provider and fails.
	opt.NetworkProviders = map[pb.NetMode]network.Provider{pb.NetMode_NONE: network.NewNoneProvider()}
	opt.RegistryHosts = noRegistry
	opt.BuildkitVersion = client.BuildkitVersion{Package: version.Package, Version: version.Version, Revision: version.Revision}
	opt.GCPolicy = []client.PruneInfo{
		{All: true, KeepDuration: keepFor, ReservedSpace: keepAtLeast, MaxUsedSpace: keepAtMost, MinFreeSpace: leaveDiskFree},
		{All: true, ReservedSpace: keepAtLeast, MaxUsedSpace: keepAtMost, MinFreeSpace: leaveDiskFree},
	}
	w, err := base.NewWorker(ctx, opt)
	if err != nil {
		return nil, err
	}
	w.SourceManager.Register(&blobSource{cache: w.CacheMgr})
	return w, nil
}

func snapshotter(root string) runc.SnapshotterFactory {
	if overlayutils.Supported(root) != nil {
		return runc.SnapshotterFactory{Name: "native", New: native.NewSnapshotter}
	}
	return runc.SnapshotterFactory{Name: "overlayfs", New: func(root string) (snapshots.Snapshotter, error) {
		return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
	}}
}

// contentDir is where the worker of newWorker keeps its blobs.
func contentDir(root string, s runc.SnapshotterFactory) string {
	return filepath.Join(root, "runc-"+s.Name, "content", "blobs", "sha256")
}

// noRegistry keeps the engine from fetching: everything a build needs comes
// from the client's store, by hash.
func noRegistry(host string) ([]docker.RegistryHost, error) {
	return nil, fmt.Errorf("the embedded engine talks to no registry, and was asked for %s", host)
}
