package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/lock"
)

// baseline is upstream's recipe on the same wheels: a venv and an install per
// plugin, one after another, from a warm uv cache, then one layer with a gzip
// that uses both cores.
func baseline(ctx context.Context, o options, in *input, compile bool) (sample, error) {
	// The first pass fills uv's cache and is not measured.
	warm := filepath.Join(o.work, "uv-cache")
	if _, err := os.Stat(warm); err != nil {
		if _, err := installAll(ctx, o, in, false); err != nil {
			return sample{}, err
		}
	}
	total, err := installAll(ctx, o, in, compile)
	if err != nil {
		return sample{}, err
	}
	layer := filepath.Join(o.work, "baseline.tar.gz")
	pack, err := command(ctx, "sh", "-c", `tar -C "$1" -cf - . | pigz -p2 -6 > "$2"`, "sh", venvsDir(o), layer).run()
	if err != nil {
		return sample{}, err
	}
	total = total.plus(pack)
	info, err := os.Stat(layer)
	if err != nil {
		return sample{}, err
	}
	total.Bytes = info.Size()
	return total, nil
}

func venvsDir(o options) string { return filepath.Join(o.work, "venvs") }

func installAll(ctx context.Context, o options, in *input, compile bool) (sample, error) {
	if err := o.setAside(venvsDir(o)); err != nil {
		return sample{}, err
	}
	var total sample
	for _, venv := range in.platform.Venvs {
		s, err := install(ctx, o, in, venv, compile)
		if err != nil {
			return sample{}, err
		}
		total = total.plus(s)
	}
	return total, nil
}

func install(ctx context.Context, o options, in *input, venv lock.Venv, compile bool) (sample, error) {
	dir := filepath.Join(venvsDir(o), venv.Dir)
	env := append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(o.work, "uv-cache"), "UV_LINK_MODE=copy", "UV_OFFLINE=1", "UV_NO_CONFIG=1")
	create := command(ctx, o.uv, "venv", "--python", o.python, dir)
	create.Env = env
	total, err := create.run()
	if err != nil {
		return sample{}, err
	}
	args := []string{"pip", "install", "--python", filepath.Join(dir, "bin", "python"), "--no-deps", "--no-index"}
	if compile {
		args = append(args, "--compile-bytecode")
	}
	for _, file := range venv.Wheels {
		args = append(args, filepath.Join(in.wheels, file))
	}
	fill := command(ctx, o.uv, args...)
	fill.Env = env
	s, err := fill.run()
	return total.plus(s), err
}
