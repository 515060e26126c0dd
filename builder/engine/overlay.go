package engine

import "github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"

// Overlay says why the engine would not use overlay mounts below dir and copy
// files for each step instead; nil where it would use them. It needs root, and
// leaves nothing behind.
func Overlay(dir string) error { return overlayutils.Supported(dir) }
