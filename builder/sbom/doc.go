// Package sbom writes what is in an image as SPDX 2.3 and as CycloneDX 1.6,
// and reads both back.
//
// Documents are made from facts, never from plans: what they list was found in
// the image's layers. A lock adds what bytes cannot tell, the hash of the file
// that a package came in and the reason why a requirement is not shipped. One
// image and one lock give one document, byte for byte: its time is the image's
// and its identity follows from the image's digest.
package sbom
