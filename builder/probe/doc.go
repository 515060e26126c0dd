// Package probe is the escape suite: it tries, probe by probe, whether an image
// is as locked as it says, and sums the answers up as one score per tier.
//
// Static probes are answered by the bytes of the image alone: Read makes one
// bounded pass over every layer, those that higher layers hide included, and
// feeds all of them at once. Dynamic probes run something in the image; they
// come from another package as a Runner and share Probe, Result and Report.
//
// A probe that could not run is never a pass: it is shown as "not run" with
// its reason and counts against the score.
package probe
