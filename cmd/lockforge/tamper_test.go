package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// indexDocument is as much of an image index, or of a manifest, as it takes to
// find blobs.
type indexDocument struct {
	Manifests []descriptor `json:"manifests"`
	Layers    []descriptor `json:"layers"`
}

type descriptor struct {
	Digest       string            `json:"digest"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
}

// tamper DIR WHAT changes one bit of a layout: of the image's "index", of its
// first "layer", or of the first "signature".
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tamper dir index|layer|signature")
	}
	dir := ts.MkAbs(args[0])
	read := func(path string) (doc indexDocument) {
		content, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(json.Unmarshal(content, &doc))
		return doc
	}
	blob := func(d descriptor) string {
		return filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(d.Digest, "sha256:"))
	}
	for _, entry := range read(filepath.Join(dir, "index.json")).Manifests {
		isSignature := strings.HasSuffix(entry.Annotations["kind"], "/sigs")
		switch what := args[1]; {
		case what == "signature" && isSignature:
			flipByte(ts, blob(read(blob(entry)).Layers[0]))
			return
		case what == "index" && entry.ArtifactType == "":
			flipByte(ts, blob(entry))
			return
		case what == "layer" && entry.ArtifactType == "" && !isSignature:
			platform := read(blob(entry)).Manifests[0]
			flipByte(ts, blob(read(blob(platform)).Layers[0]))
			return
		}
	}
	ts.Fatalf("%s holds no %s", args[0], args[1])
}
