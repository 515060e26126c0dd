// Package rootfs computes what Debian packages become in an image: which of
// their files are kept, where, and what takes the place of the maintainer
// scripts that never run.
//
// It only computes. Package unpack writes the result in a build step, and the
// facts of a built image are matched against the same computation.
package rootfs
