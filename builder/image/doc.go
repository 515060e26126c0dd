// Package image gives an immutable, verified view of a container image,
// wherever it is kept: an OCI layout, an archive file or a registry.
//
// Nothing that is read is trusted. Manifests and configs are size-capped and
// compared with their digests; layers are streamed through hashes of their
// compressed and uncompressed bytes, and their entries are held against the
// limits of this package. What does not fit is a fault.Integrity error that
// names the layer. Formats: OCI image spec 1.1, Docker image manifest V2
// schema 2, and the archive of `docker save`.
package image
