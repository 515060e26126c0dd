// Package solve has BuildKit execute a graph: it offers the content that the
// graph names, follows the steps, takes the image into an OCI layout and the
// provenance out of the build record.
package solve
