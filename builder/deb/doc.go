// Package deb reads Debian binary packages strictly: the ar container, the
// control archive and the data archive, every part bounded.
//
// Only what a library package needs is accepted: regular files, directories
// and symbolic links below relative paths. Everything else (hard links,
// devices, setuid bits, extended attributes, paths that climb) is refused with
// fault.Integrity, because no maintainer script or dpkg runs that could give
// it a meaning.
package deb

// Limits of one package. The largest package of a plugin library closure that
// was measured unpacks to 40 MiB.
const (
	MaxControl = 16 << 20  // bytes of the unpacked control archive
	MaxData    = 1 << 30   // bytes of the unpacked data archive
	MaxFile    = 512 << 20 // bytes of one file
	MaxEntries = 100_000   // entries of the data archive
	MaxPath    = 4096      // bytes of a path or link target
	MaxDict    = 64 << 20  // bytes of an xz or zstd window
)
