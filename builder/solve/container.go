package solve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/pb"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
)

// Root is an image whose programs are to be run.
type Root struct {
	Platform string           // "linux/amd64"
	Manifest string           // its digest, "sha256:<hex>"
	Blobs    map[string]int64 // manifest, configuration and layers: size by SHA-256 (hex)
	Open     pack.Opener      // opens one of them
}

// Process is a program in a container of its own: with the image's root file
// system, which it may write to, and with nothing of a network but the loopback
// device.
type Process struct {
	Args, Env []string
	Dir       string
	UID, GID  int
	// Mounts are small directories by their path in the container, read-only
	// and root's there.
	Mounts map[string]fs.FS
	// Serve gets a listener whose connections are those that the program makes
	// to the unix socket at Socket, which only its user can. "" is no socket.
	Socket         string
	Serve          func(net.Listener)
	Stdout, Stderr io.Writer
}

// Containers starts containers of one image at a BuildKit, several at once.
type Containers struct {
	gc      gateway.Client
	root    gateway.Reference
	sockets *sockets
}

// Platforms lists the platforms that BuildKit runs programs of, "linux/amd64".
func (c *Client) Platforms(ctx context.Context) ([]string, error) {
	workers, err := c.bk.ListWorkers(ctx)
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Cancelled, context.Cause(ctx), "asking BuildKit at %s for its platforms", c.addr)
	}
	if err != nil {
		return nil, unreachable(err, c.addr)
	}
	var names []string
	for _, w := range workers {
		for _, p := range w.Platforms {
			names = append(names, platforms.Format(platforms.Normalize(p)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Enter hands an image to BuildKit, and calls f with its containers; they end
// when f does. Its error is f's, or fault.EngineDown where BuildKit went away.
// For an image that BuildKit does not take it is fault.Build, and f is not
// called.
func (c *Client) Enter(ctx context.Context, r Root, f func(context.Context, *Containers) error) error {
	definition, err := graph.Root(r.Platform, r.Manifest)
	if err != nil {
		return err
	}
	in := newInputs(graph.Content{Stored: r.Blobs}, r.Open)
	defer in.close()
	s := &sockets{}
	opt := client.SolveOpt{OCIStores: map[string]content.Store{graph.StoreID: in}, Session: []session.Attachable{s}, Internal: true}
	entered, failed := false, error(nil) // BuildKit would make a text of f's error
	_, _, err = c.build(ctx, opt, func(ctx context.Context, gc gateway.Client) (*gateway.Result, error) {
		root, err := solveDefinition(ctx, gc, definition, true)
		if err != nil {
			return nil, err
		}
		entered = true
		failed = f(ctx, &Containers{gc, root, s})
		return gateway.NewResult(), nil
	}, progress.None())
	switch {
	case err != nil && fault.KindOf(err) == fault.Build && entered:
		return fault.Wrap(fault.EngineDown, err, "running programs at BuildKit")
	case err != nil:
		return err
	}
	return failed
}

// releaseTime bounds the ending of a container that was given up.
const releaseTime = 20 * time.Second

// Run runs a program to its end, or to ctx's, and returns its exit code. An
// error says that there was no container, or no end that BuildKit knows of.
func (c *Containers) Run(ctx context.Context, p Process) (code int, err error) {
	mounts := []gateway.Mount{{Dest: "/", Ref: c.root, MountType: pb.MountType_BIND}}
	for _, at := range slices.Sorted(maps.Keys(p.Mounts)) {
		m, err := c.directory(ctx, at, p.Mounts[at])
		if err != nil {
			return 0, err
		}
		mounts = append(mounts, m)
	}
	if p.Socket != "" {
		id, l := c.sockets.listen()
		defer l.Close()
		go p.Serve(l)
		mounts = append(mounts, gateway.Mount{Dest: p.Socket, MountType: pb.MountType_SSH, SSHOpt: &pb.SSHOpt{ID: id, Uid: uint32(p.UID), Gid: uint32(p.GID), Mode: 0o600}})
	}
	container, err := c.gc.NewContainer(ctx, gateway.NewContainerRequest{Mounts: mounts, NetMode: pb.NetMode_NONE})
	if err != nil {
		return 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		_ = container.Release(ctx) // its program has ended, or is ended by it
	}()
	process, err := container.Start(ctx, gateway.StartRequest{
		Args: p.Args, Env: p.Env, Cwd: p.Dir, User: strconv.Itoa(p.UID) + ":" + strconv.Itoa(p.GID),
		Stdout: writeCloser{p.Stdout}, Stderr: writeCloser{p.Stderr}, SecurityMode: pb.SecurityMode_SANDBOX,
	})
	if err != nil {
		return 0, err
	}
	err = process.Wait()
	var exit *gatewaypb.ExitError
	if ctx.Err() == nil && errors.As(err, &exit) {
		return int(exit.ExitCode), nil
	}
	return 0, err
}

func (c *Containers) directory(ctx context.Context, at string, fsys fs.FS) (gateway.Mount, error) {
	definition, err := graph.Directory(fsys)
	if err != nil {
		return gateway.Mount{}, err
	}
	ref, err := solveDefinition(ctx, c.gc, definition, true)
	if err != nil {
		return gateway.Mount{}, fault.Wrap(fault.Build, err, "making %s", at)
	}
	return gateway.Mount{Dest: at, Ref: ref, MountType: pb.MountType_BIND, Readonly: true}, nil
}

type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }
