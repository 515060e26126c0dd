package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

// buildState are the parts of a cache directory that a build makes; the
// content store beside them stays filled.
var buildState = []string{"engine", "results", "layouts"}

func imageDir(o options) string { return filepath.Join(o.work, "image") }

// measureBuild takes one cold build (no BuildKit state, no result) and one
// no-op build, with every proxy pointing nowhere so that a request would fail.
func measureBuild(ctx context.Context, o options, in *input, r *results) error {
	for _, part := range buildState {
		if err := os.RemoveAll(filepath.Join(in.cache, part)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(imageDir(o)); err != nil {
		return err
	}
	metadata := filepath.Join(o.work, "metadata.json")
	args := []string{"build", in.manifest, "-o", "oci:" + imageDir(o), "--cache-dir", in.cache, "--metadata-file", metadata, "--quiet"}
	cold, err := command(ctx, o.lockforge, args...).run()
	if err != nil {
		return err
	}
	r.Cold = append(r.Cold, cold)
	stages, err := readStages(metadata)
	if err != nil {
		return err
	}
	r.Stages = append(r.Stages, stages)

	warm := command(ctx, o.lockforge, args...)
	const nowhere = "http://127.0.0.1:9"
	warm.Env = append(os.Environ(), "HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "ALL_PROXY="+nowhere)
	again, err := warm.run()
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

func readStages(metadata string) ([]stage, error) {
	content, err := os.ReadFile(metadata)
	if err != nil {
		return nil, err
	}
	var m struct {
		Stages []stage `json:"stages"`
	}
	return m.Stages, json.Unmarshal(content, &m)
}
