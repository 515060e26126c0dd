package pypi

import (
	"context"
	"os"

	"github.com/lockforge/lockforge/builder/fault"
)

// Program finds the uv that Resolve would run, by LOCKFORGE_UV or on PATH, and
// returns its path and version. A uv that Resolve would not run is fault.Usage
// with a hint.
func Program(ctx context.Context, getenv func(string) string) (path, version string, err error) {
	scratch, err := os.MkdirTemp("", "lockforge-uv-")
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, err, "looking for uv")
	}
	defer os.RemoveAll(scratch)
	u, err := findUV(ctx, getenv, scratch)
	if err != nil {
		return "", "", err
	}
	return u.path, u.version, nil
}
