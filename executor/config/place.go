package config

import (
	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
)

// Where scratch directories are unless somebody says otherwise: upstream's
// place, and one that is there with a volume for logs only. Where such a volume
// is mounted below /tmp/datahub, the container's runtime makes that directory,
// and nobody else can write to it.
const (
	defaultWork    = "/tmp/datahub/ingest"
	workBesideLogs = ".ingest" // no run's id
)

// firstUsable returns the first directory that is there and can be written or
// that can be made, else the first of all, so that an error names the usual one.
func firstUsable(dirs ...string) string {
	for _, dir := range dirs {
		if existing, err := ownfile.Nearest(dir); err == nil && unix.Access(existing, unix.W_OK|unix.X_OK) == nil {
			return dir
		}
	}
	return dirs[0]
}
