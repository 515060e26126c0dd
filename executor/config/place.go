package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
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
		if usable(dir) {
			return dir
		}
	}
	return dirs[0]
}

// usable looks at a directory, or at the nearest above it that is there.
func usable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			return info.IsDir() && unix.Access(dir, unix.W_OK|unix.X_OK) == nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return false
		}
	}
}
