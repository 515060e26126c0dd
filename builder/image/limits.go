package image

// Limits on what an image may make its reader do. They are far above real
// images (48 connector venvs: 45 layers, 100,000 entries, 3 GB) and far below
// what would hurt the machine that reads.
const (
	MaxManifestSize = 4 << 20  // bytes of one index or manifest, as registries limit it
	MaxConfigSize   = 8 << 20  // bytes of one image config
	MaxManifests    = 128      // entries of one index
	MaxLayers       = 256      // layers of one platform; kernels mount at most 500, docker 127
	MaxEntries      = 250_000  // tar entries of one layer
	MaxPathLength   = 4096     // bytes of one entry's path or link target, Linux' PATH_MAX
	MaxNameLength   = 255      // bytes of one path component, Linux' NAME_MAX
	MaxNameBytes    = 64 << 20 // bytes of all paths of one layer together
	MaxFileSize     = 8 << 30  // bytes of one file
	MaxLayerSize    = 32 << 30 // bytes of one uncompressed layer
	MaxXattrBytes   = 64 << 10 // bytes of one entry's extended attributes, Linux' limit
	MaxRatio        = 1000     // uncompressed bytes per compressed byte
	RatioFloor      = 64 << 20 // uncompressed bytes below which MaxRatio is not looked at
	MaxPadding      = 1 << 20  // zero bytes after the end of a tar archive
)
