// Package graph turns a manifest and its lock into what BuildKit executes: one
// LLB definition and one image configuration per platform. It does no I/O of
// its own; the content of wheels is read through the inputs it is given. The
// same inputs give the same bytes, in whatever order they list things.
package graph

import (
	"io"

	"github.com/lockforge/lockforge/builder/pack"
)

// StoreID is the name under which the client offers its content to BuildKit.
const StoreID = "lockforge"

// Graph is one image, ready to be solved. It is not changed after Build.
type Graph struct {
	Platforms   []*Platform `json:"platforms"` // sorted by name
	Compression string      `json:"compression"`
	Epoch       int64       `json:"epoch"` // seconds; the time of every file and layer
	Content     Content     `json:"-"`

	images []*image // for steps that run in the finished image
}

// Platform is the image of one platform.
type Platform struct {
	Platform   string  `json:"platform"` // "linux/amd64"
	Definition []byte  `json:"-"`        // LLB, a marshalled pb.Definition
	Config     []byte  `json:"-"`        // OCI image configuration, JSON
	Layers     []Layer `json:"layers"`   // bottom to top
}

// Layer is one layer of an image.
type Layer struct {
	Name  string   `json:"name"`  // "os", "python", "wheels-07", ...
	What  string   `json:"what"`  // for people
	Files []string `json:"files"` // names of the locked files it is made from
}

// Content is what the definitions refer to by hash. A blob is in exactly one
// of the maps; the keys are SHA-256 hashes (hex).
type Content struct {
	Generated map[string]*io.SectionReader // made by this package, or carried by the program
	Packs     map[string]*pack.Pack        // archives of stored blobs
	Stored    map[string]int64             // sizes of blobs of the content store
}
