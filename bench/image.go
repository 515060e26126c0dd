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
	compiled, plain := filepath.Join(o.work, "rootfs"), filepath.Join(o.work, "rootfs-plain")
	for _, rootfs := range []string{compiled, plain} {
		if err := o.setAside(rootfs); err != nil {
			return err
		}
		if err := ocirun.Unpack(ctx, "oci:"+imageDir(o), rootfs); err != nil {
			return err
		}
	}
	if err := removeBytecode(filepath.Join(plain, contract.StorePath)); err != nil {
		return err
	}
	tree, err := treeSize(filepath.Join(compiled, filepath.Dir(contract.StorePath)))
	if err != nil {
		return err
	}
	union, err := treeSize(boundDir(o))
	if err != nil {
		return err
	}
	r.Tree, r.Union = append(r.Tree, tree), append(r.Union, union)
	return measureStartUp(ctx, in, compiled, plain, r)
}

// startUps is how often each kind of start-up is taken; the shortest counts.
const startUps = 5

func measureStartUp(ctx context.Context, in *input, compiled, plain string, r *results) error {
	best := map[string]float64{}
	for i := range startUps + 1 {
		for _, rootfs := range []string{compiled, plain} {
			took, err := startUp(ctx, in, rootfs)
			if err != nil {
				return err
			}
			// The first run fills the page cache.
			if i == 1 || i > 1 && took < best[rootfs] {
				best[rootfs] = took
			}
		}
	}
	r.StartBytecode, r.StartPlain = append(r.StartBytecode, best[compiled]), append(r.StartPlain, best[plain])
	return nil
}

// startUp takes `datahub version` in the first venv.
func startUp(ctx context.Context, in *input, rootfs string) (float64, error) {
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
	if err == nil && code != 0 {
		err = fmt.Errorf("datahub version: exit code %d: %s", code, output.String())
	}
	return time.Since(start).Seconds(), err
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
