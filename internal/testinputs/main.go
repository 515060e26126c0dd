// Command testinputs lays locked files out under their own names, for tests
// that read real wheels and source archives:
//
//	go run ./internal/testinputs LOCK CACHE DIR
//
// DIR/wheels gets the wheels, DIR/sdists the source archives with the build
// tools. The store in CACHE has to hold them already.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/store"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: testinputs LOCK CACHE DIR")
		os.Exit(2)
	}
	if err := layOut(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func layOut(lockFile, cache, dir string) error {
	l, err := lock.Read(lockFile)
	if err != nil {
		return err
	}
	blobs, err := store.Open(cache)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, p := range l.Platforms {
		if p.Platform != "linux/"+runtime.GOARCH {
			continue
		}
		for _, w := range p.Wheels {
			err = errors.Join(err, link(blobs.Path(w.SHA256), filepath.Join(dir, "wheels", w.File)))
		}
		for _, s := range p.Sdists {
			err = errors.Join(err, link(blobs.Path(s.SHA256), filepath.Join(dir, "sdists", s.File)))
		}
		for _, w := range p.BuildTools {
			err = errors.Join(err, link(blobs.Path(w.SHA256), filepath.Join(dir, "sdists", w.File)))
		}
		return err
	}
	return fmt.Errorf("laying out %s: it has no linux/%s", lockFile, runtime.GOARCH)
}

// link makes a hard link: the store never writes into a file it has.
func link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
