// Package attest says what is known about an image, signs it, keeps it beside
// the image, and checks it again.
//
// Make turns a build into in-toto statements. A Signer holds a cosign key
// pair, a KMS key or a keyless identity. Attach signs and stores: in a
// registry under cosign's .sig and .att tags, which are OCI 1.1 referrers of
// the image at the same time, or in an OCI layout as cosign's local images
// and as manifests with a subject. Check reads all of it back as untrusted
// input and returns only what a trusted signer said about this very digest.
//
// Formats: in-toto Statement v1, DSSE v1, SLSA provenance v1, SLSA VSA v1,
// in-toto test-result v0.1, cosign's simple signing payload, sigstore bundle
// v0.3 (keyless signatures only).
package attest
