package solve

import (
	"context"
	"io/fs"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
)

const (
	// MaxFile bounds a file that a step makes, in bytes. The largest wheel built
	// from an sdist so far has 200 KB.
	MaxFile = 256 << 20
	// BuildKit answers in one message per request.
	fileChunk = 4 << 20
)

// File runs a step and returns the one file it made, with its name. A step that
// fails, or makes anything else than one file, is fault.Build.
func File(ctx context.Context, c *Client, f *graph.File, open pack.Opener, sink progress.Sink) (name string, b []byte, err error) {
	in := newInputs(f.Content, open)
	defer in.close()
	opt := client.SolveOpt{OCIStores: map[string]content.Store{graph.StoreID: in}, Internal: true}
	_, _, err = c.build(ctx, opt, func(ctx context.Context, gc gateway.Client) (*gateway.Result, error) {
		ref, err := solveDefinition(ctx, gc, f.Definition, true)
		if err != nil {
			return nil, err
		}
		if name, b, err = readOnly(ctx, ref); err != nil {
			return nil, err
		}
		return gateway.NewResult(), nil
	}, sink)
	if err != nil {
		return "", nil, fault.Wrap(fault.KindOf(err), err, "making the %s", f.Step)
	}
	return name, b, nil
}

// readOnly reads the only file of a result.
func readOnly(ctx context.Context, ref gateway.Reference) (string, []byte, error) {
	entries, err := ref.ReadDir(ctx, gateway.ReadDirRequest{Path: "/"})
	if err != nil {
		return "", nil, err
	}
	if len(entries) != 1 || !fs.FileMode(entries[0].Mode).IsRegular() {
		return "", nil, fault.New(fault.Build, "the step made %d files, want one", len(entries))
	}
	name, size := entries[0].Path, entries[0].Size
	if size > MaxFile {
		return "", nil, fault.New(fault.Build, "the step made %s with %d bytes, more than %d", name, size, MaxFile)
	}
	b := make([]byte, 0, size)
	for int64(len(b)) < size {
		part, err := ref.ReadFile(ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: len(b), Length: fileChunk}})
		if err != nil {
			return "", nil, err
		}
		if len(part) == 0 {
			return "", nil, fault.New(fault.Build, "reading %s ended after %d of %d bytes", name, len(b), size)
		}
		b = append(b, part...)
	}
	return name, b, nil
}
