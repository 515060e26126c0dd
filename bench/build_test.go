package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAColdBuildFindsNothingButTheStore(t *testing.T) {
	cache := t.TempDir()
	for _, part := range []string{"blobs/sha256", "engine-zstd/state", "engine-gzip/state", "images/blobs", "pypi"} {
		if err := os.MkdirAll(filepath.Join(cache, part), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := forgetBuilds(options{work: t.TempDir()}, cache); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"blobs", "pypi"}, left); diff != "" {
		t.Errorf("left in the cache (-want +got):\n%s", diff)
	}
}
