package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/bench/measure"
)

// buildState matches the parts of a cache directory that a build makes; the
// content store beside them stays filled.
var buildState = []string{"engine-*", "images"}

// forgetBuilds takes everything that an earlier build, or a source archive's
// while locking, has left in a cache directory out of it.
func forgetBuilds(o options, cache string) error {
	for _, pattern := range buildState {
		parts, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil {
			return err
		}
		if err := o.setAside(parts...); err != nil {
			return err
		}
	}
	return nil
}

func imageDir(o options) string { return filepath.Join(o.work, "image") }

// measureBuild takes one cold build (no BuildKit state, no result) and one
// no-op build, with every proxy pointing nowhere so that a request would fail.
func measureBuild(ctx context.Context, o options, in *input, r *results) error {
	if err := forgetBuilds(o, in.cache); err != nil {
		return err
	}
	if err := o.setAside(imageDir(o)); err != nil {
		return err
	}
	metadataFile := filepath.Join(o.work, "metadata.json")
	args := []string{"build", in.manifest, "-o", "oci:" + imageDir(o), "--cache-dir", in.cache, "--metadata-file", metadataFile, "--quiet"}
	cold, err := measure.NewCommand(ctx, o.lockforge, args...).Run()
	if err != nil {
		return err
	}
	r.Cold = append(r.Cold, cold)
	made, err := readMetadata(metadataFile)
	if err != nil {
		return err
	}
	if made.Cached {
		return errors.New("the cold build was none: its image was remembered")
	}
	r.Stages = append(r.Stages, made.Stages)

	warm := measure.NewCommand(ctx, o.lockforge, args...)
	const nowhere = "http://127.0.0.1:9"
	warm.Env = append(os.Environ(), "HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "ALL_PROXY="+nowhere)
	again, err := warm.Run()
	if err != nil {
		return err
	}
	r.Warm = append(r.Warm, again)
	return nil
}

// stage is the part of a cold build spent in one stage, in seconds.
type stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// metadata is what the bench reads of a build's metadata file.
type metadata struct {
	Cached bool    `json:"cached"`
	Stages []stage `json:"stages"`
}

func readMetadata(path string) (m metadata, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(content, &m)
}
