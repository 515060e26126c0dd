package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/lockforge/lockforge/bench/measure"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/store"
)

// input is what baseline, bound and lockforge all start from: the locked
// wheels as plain files, and lockforge's content store, both filled.
type input struct {
	manifest string
	cache    string // --cache-dir of lockforge
	wheels   string // directory of the union of wheels, by file name
	platform *lock.Platform
}

// prepare locks and fetches outside every measurement.
func prepare(ctx context.Context, o options) (*input, error) {
	in := &input{
		manifest: filepath.Join(o.work, "manifest.yaml"),
		cache:    filepath.Join(o.work, "cache"),
		wheels:   filepath.Join(o.work, "wheels"),
	}
	if err := copyFile(o.manifest, in.manifest); err != nil {
		return nil, err
	}
	lockFile := in.manifest + ".lock"
	if _, err := measure.NewCommand(ctx, o.lockforge, "lock", in.manifest, "--check", "--cache-dir", in.cache).Run(); err != nil {
		if _, err := measure.NewCommand(ctx, o.lockforge, "lock", in.manifest, "--cache-dir", in.cache).Run(); err != nil {
			return nil, err
		}
	}
	if _, err := measure.NewCommand(ctx, o.lockforge, "fetch", in.manifest, "--cache-dir", in.cache).Run(); err != nil {
		return nil, err
	}
	l, err := lock.Read(lockFile)
	if err != nil {
		return nil, err
	}
	for _, p := range l.Platforms {
		if p.Platform == "linux/"+runtime.GOARCH {
			in.platform = p
		}
	}
	if in.platform == nil {
		return nil, fmt.Errorf("%s has no linux/%s", o.manifest, runtime.GOARCH)
	}
	return in, in.layOut()
}

// layOut copies the wheels out of the store under their own names.
func (in *input) layOut() error {
	s, err := store.Open(in.cache)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(in.wheels, 0o755); err != nil {
		return err
	}
	for _, w := range in.platform.Wheels {
		if err := copyFile(s.Path(w.SHA256), filepath.Join(in.wheels, w.File)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return err
	}
	return dst.Close()
}
