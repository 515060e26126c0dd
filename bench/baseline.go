package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/bench/measure"
	"github.com/lockforge/lockforge/builder/lock"
)

// baseline is upstream's recipe on the same wheels: a venv and an install per
// plugin, one after another, from a warm uv cache, then one layer with a gzip
// that uses both cores.
func baseline(ctx context.Context, o options, in *input, compile bool) (measure.Sample, error) {
	// The first pass fills uv's cache and is not measured.
	warm := filepath.Join(o.work, "uv-cache")
	if _, err := os.Stat(warm); err != nil {
		if _, err := installAll(ctx, o, in, false); err != nil {
			return measure.Sample{}, err
		}
	}
	total, err := installAll(ctx, o, in, compile)
	if err != nil {
		return measure.Sample{}, err
	}
	layer := filepath.Join(o.work, "baseline.tar.gz")
	pack, err := measure.NewCommand(ctx, "sh", "-c", `tar -C "$1" -cf - . | pigz -p2 -6 > "$2"`, "sh", venvsDir(o), layer).Run()
	if err != nil {
		return measure.Sample{}, err
	}
	total = total.Plus(pack)
	info, err := os.Stat(layer)
	if err != nil {
		return measure.Sample{}, err
	}
	total.Bytes = info.Size()
	return total, nil
}

func venvsDir(o options) string { return filepath.Join(o.work, "venvs") }

func installAll(ctx context.Context, o options, in *input, compile bool) (measure.Sample, error) {
	if err := o.setAside(venvsDir(o)); err != nil {
		return measure.Sample{}, err
	}
	var total measure.Sample
	for _, venv := range in.platform.Venvs {
		s, err := install(ctx, o, in, venv, compile)
		if err != nil {
			return measure.Sample{}, err
		}
		total = total.Plus(s)
	}
	return total, nil
}

func install(ctx context.Context, o options, in *input, venv lock.Venv, compile bool) (measure.Sample, error) {
	dir := filepath.Join(venvsDir(o), venv.Dir)
	env := append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(o.work, "uv-cache"), "UV_LINK_MODE=copy", "UV_OFFLINE=1", "UV_NO_CONFIG=1")
	create := measure.NewCommand(ctx, o.uv, "venv", "--python", o.python, dir)
	create.Env = env
	total, err := create.Run()
	if err != nil {
		return measure.Sample{}, err
	}
	args := []string{"pip", "install", "--python", filepath.Join(dir, "bin", "python"), "--no-deps", "--no-index"}
	if compile {
		args = append(args, "--compile-bytecode")
	}
	for _, file := range venv.Wheels {
		args = append(args, filepath.Join(in.wheels, file))
	}
	fill := measure.NewCommand(ctx, o.uv, args...)
	fill.Env = env
	s, err := fill.Run()
	return total.Plus(s), err
}
