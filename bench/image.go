package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/internal/ocirun"
)

// measureImage takes the size of the image's Python tree next to the union of
// unpacked wheels with bytecode, and the start-up of `datahub version` with
// and without the bytecode.
func measureImage(ctx context.Context, o options, in *input, r *results) error {
	rootfs := filepath.Join(o.work, "rootfs")
	if err := os.RemoveAll(rootfs); err != nil {
		return err
	}
	if err := ocirun.Unpack(ctx, "oci:"+imageDir(o), rootfs); err != nil {
		return err
	}
	tree, err := treeSize(filepath.Join(rootfs, filepath.Dir(contract.StorePath)))
	if err != nil {
		return err
	}
	union, err := treeSize(boundDir(o))
	if err != nil {
		return err
	}
	r.Tree, r.Union = append(r.Tree, tree), append(r.Union, union)

	fast, err := startUp(ctx, in, rootfs)
	if err != nil {
		return err
	}
	if err := removeBytecode(filepath.Join(rootfs, contract.StorePath)); err != nil {
		return err
	}
	slow, err := startUp(ctx, in, rootfs)
	if err != nil {
		return err
	}
	r.StartBytecode, r.StartPlain = append(r.StartBytecode, fast), append(r.StartPlain, slow)
	return nil
}

// startUp is the shortest of three runs of `datahub version` in the first venv.
func startUp(ctx context.Context, in *input, rootfs string) (float64, error) {
	best := 0.0
	for i := range 4 {
		var output strings.Builder
		start := time.Now()
		code, err := ocirun.Run(ctx, ocirun.Spec{
			Rootfs: rootfs,
			Args:   []string{filepath.Join(contract.DefaultVenvPath, in.platform.Venvs[0].Dir, "bin", "datahub"), "version"},
			Env:    []string{"DATAHUB_TELEMETRY_ENABLED=false", "HOME=/tmp"},
			UID:    1000,
			Stdout: &output,
			Stderr: &output,
		})
		if err != nil {
			return 0, err
		}
		if code != 0 {
			return 0, fmt.Errorf("datahub version: exit code %d: %s", code, output.String())
		}
		took := time.Since(start).Seconds()
		// The first run fills the page cache.
		if i == 1 || i > 1 && took < best {
			best = took
		}
	}
	return best, nil
}

// treeSize adds up the sizes of all regular files.
func treeSize(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func removeBytecode(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".pyc") {
			errs = append(errs, os.Remove(path))
		}
		return err
	})
	return errors.Join(append(errs, err)...)
}
