package builder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// keepBuilds is how many builds the image cache keeps: enough to go back and
// forth between a few manifests without building anything.
const keepBuilds = 5

// Names in the image cache that are no builds.
const (
	sharedBlobs = "blobs"
	imagesLock  = "lock"
)

// shareImages keeps the image cache as it is until release is called: whoever
// tidies it needs it alone.
func (w *Workspace) shareImages() (release func(), err error) {
	f, err := w.lockImages(unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil // the lock belongs to the open file
}

func (w *Workspace) lockImages(how int) (*os.File, error) {
	dir := w.cache("images")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "making the image cache")
	}
	f, err := os.OpenFile(filepath.Join(dir, imagesLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "locking the image cache")
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fault.Wrap(fault.Internal, err, "locking the image cache"), f.Close())
	}
	return f, nil
}

// tidy keeps the image cache from growing. A build is not worse for a cache
// that could not be tidied, so that is only shown.
func (w *Workspace) tidy() {
	if err := w.tidyImages(context.Background()); err != nil {
		w.Progress.Begin("tidying the image cache").End(err)
	}
}

// tidyImages removes all builds but the newest, and the blobs that none of
// those has. While another build runs it does nothing: that one will do it.
func (w *Workspace) tidyImages(ctx context.Context) error {
	f, err := w.lockImages(unix.LOCK_EX | unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	builds, err := w.cachedBuilds()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	var problems []error
	for n, b := range builds {
		if n < keepBuilds && b.use(ctx, used) {
			continue
		}
		problems = append(problems, os.RemoveAll(b.dir))
	}
	return errors.Join(append(problems, w.dropBlobs(used))...)
}

// cachedBuild is one layout of the image cache.
type cachedBuild struct {
	dir  string
	when time.Time // it was made, or handed out again
}

// cachedBuilds lists the builds, the newest first.
func (w *Workspace) cachedBuilds() ([]cachedBuild, error) {
	entries, err := os.ReadDir(w.cache("images"))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "listing the image cache")
	}
	var builds []cachedBuild
	for _, e := range entries {
		if !e.IsDir() || e.Name() == sharedBlobs {
			continue
		}
		b := cachedBuild{dir: filepath.Join(w.cache("images"), e.Name())}
		for _, file := range []string{".", recordFile} {
			if info, err := os.Stat(filepath.Join(b.dir, file)); err == nil && info.ModTime().After(b.when) {
				b.when = info.ModTime()
			}
		}
		builds = append(builds, b)
	}
	slices.SortFunc(builds, func(a, b cachedBuild) int {
		if c := b.when.Compare(a.when); c != 0 {
			return c
		}
		return strings.Compare(a.dir, b.dir)
	})
	return builds, nil
}

// use notes the blobs of a build by name. It reports false for one that was
// never finished.
func (b cachedBuild) use(ctx context.Context, used map[string]bool) bool {
	img, err := image.Open(ctx, "oci:"+b.dir, image.Options{})
	if err != nil {
		return false
	}
	note := func(digest string) { used[strings.TrimPrefix(digest, "sha256:")] = true }
	note(img.Digest())
	for _, p := range img.Platforms() {
		for _, d := range p.Blobs() {
			note(d.Digest)
		}
	}
	return true
}

// dropBlobs removes what is not used, half-written blobs of killed builds
// included.
func (w *Workspace) dropBlobs(used map[string]bool) error {
	dir := filepath.Join(w.cache("images"), sharedBlobs, "sha256")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "listing the image cache")
	}
	var problems []error
	for _, e := range entries {
		if !used[e.Name()] {
			problems = append(problems, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(problems...)
}
