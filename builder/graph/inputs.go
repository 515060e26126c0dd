package graph

import (
	"io"

	"github.com/lockforge/lockforge/builder/pack"
)

// Inputs is what a graph needs besides manifest and lock.
type Inputs struct {
	// Open opens a locked file of the content store.
	Open pack.Opener
	// Unpack and Executor return static programs for an architecture.
	Unpack, Executor func(arch string) (*io.SectionReader, error)
	// BuildPlatform is where the steps run, "linux/amd64".
	BuildPlatform string
	// LockDigest is the digest of the lock file, "sha256:<hex>".
	LockDigest string
	// ToolVersion is the version of lockforge.
	ToolVersion string
	// Bases are the base images by platform, where the lock names one.
	Bases map[string]BaseImage
}

// BaseImage is one platform's image that takes the place of the OS part. Its
// blobs are in the content store.
type BaseImage struct {
	Manifest string           // digest of the image manifest, "sha256:<hex>"
	Blobs    map[string]int64 // sizes of manifest, configuration and layers, by SHA-256 (hex)
	Layers   []string         // descriptions, bottom to top, one per layer
	Bytecode bool             // its standard library has bytecode
}
