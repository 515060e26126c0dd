package debian

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
)

// Getter opens one address from an offset on; *index.Client is one. A login in
// the address is used for the request and appears in no error.
type Getter interface {
	Get(ctx context.Context, url string, offset int64) (body io.ReadCloser, size int64, err error)
}

// Source finds locked packages on the mirrors; package fetch takes it for
// every origin that begins with "debian".
type Source struct {
	mirrors Mirrors
	getter  Getter
}

// NewSource makes a Source over mirrors.
func NewSource(mirrors Mirrors, getter Getter) *Source {
	return &Source{mirrors: mirrors, getter: getter}
}

// URLs lists the addresses that may serve f, in the order of the mirrors. They
// may hold credentials.
func (s *Source) URLs(_ context.Context, f lock.File) ([]string, error) {
	name, ok := strings.CutPrefix(f.Origin, "debian:")
	switch ArchiveName(name) {
	case Main, Updates, Security:
	default:
		ok = false
	}
	if !ok || f.Path == "" || path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || strings.HasPrefix(f.Path, "..") {
		return nil, fault.New(fault.LockDrift, "file %s has origin %q and path %q", f.Name, f.Origin, f.Path)
	}
	var urls []string
	for _, m := range s.mirrors.of(ArchiveName(name)) {
		urls = append(urls, m.join(f.Path))
	}
	return urls, nil
}

// Get opens an address that URLs gave, from offset on. Mirrors keep only the
// newest version of a package, which is what a missing one is explained by.
func (s *Source) Get(ctx context.Context, url string, offset int64) (io.ReadCloser, int64, error) {
	body, size, err := s.getter.Get(ctx, url, offset)
	if errors.Is(err, index.ErrNotFound) {
		err = fault.Wrap(fault.Network, err, "fetching a package that has left the mirror").
			Hint("mirrors keep only the newest version: lock again with --upgrade, or use a mirror with snapshots, or import a bundle")
	}
	return body, size, err
}
