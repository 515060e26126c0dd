package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// maxIndex bounds a compressed package index; the largest measured has 10 MB.
const maxIndex = 64 << 20

// indexReader reads archives from mirrors and keeps package indexes by hash.
type indexReader struct {
	getter   Getter
	cacheDir string
}

// read verifies the archive's InRelease on one mirror and adds the packages of
// its component "main" to all.
func (x indexReader) read(ctx context.Context, m Mirror, w want, all *catalog) (time.Time, error) {
	dir := "dists/" + w.archive.dir(w.suite)
	signed, err := x.fetch(ctx, m, dir+"/InRelease", maxRelease)
	if err != nil {
		return time.Time{}, err
	}
	r, err := verifyRelease(signed, w)
	if err != nil {
		return time.Time{}, fault.Wrap(fault.KindOf(err), err, "checking %s on %s", dir, m)
	}
	// The security archive calls its component "updates/main" and still keeps
	// the index under "main".
	name := "main/binary-" + all.arch + "/Packages.xz"
	file, ok := r.files[name]
	if !ok {
		return time.Time{}, fault.New(fault.Integrity, "Release of %s lists no %s", dir, name)
	}
	packed, err := x.index(ctx, m, dir, name, file, r.byHash)
	if err != nil {
		return time.Time{}, err
	}
	if err := all.unpack(packed, w.archive, maxPackages); err != nil {
		return time.Time{}, fault.Wrap(fault.Integrity, err, "reading %s/%s", dir, name)
	}
	return r.date, nil
}

// index returns a package index whose hash the signed Release gives: from the
// cache, else by hash (which a mirror under update serves consistently), else
// by name.
func (x indexReader) index(ctx context.Context, m Mirror, dir, name string, file indexFile, byHash bool) ([]byte, error) {
	if file.size > maxIndex {
		return nil, fault.New(fault.Integrity, "index %s/%s has %d bytes, more than %d", dir, name, file.size, maxIndex)
	}
	cached := filepath.Join(x.cacheDir, file.sha256+".xz")
	if content, err := os.ReadFile(cached); err == nil && file.matches(content) {
		return content, nil
	}
	var content []byte
	err := index.ErrNotFound
	if byHash {
		content, err = x.fetch(ctx, m, dir+"/"+path.Dir(name)+"/by-hash/SHA256/"+file.sha256, file.size)
	}
	if errors.Is(err, index.ErrNotFound) {
		content, err = x.fetch(ctx, m, dir+"/"+name, file.size)
	}
	if err != nil {
		return nil, err
	}
	if !file.matches(content) {
		return nil, fault.New(fault.Integrity, "index %s/%s on %s is not the signed one", dir, name, m).
			Hint("the mirror may be in the middle of an update: try again")
	}
	return content, save(cached, content)
}

func (f indexFile) matches(content []byte) bool {
	sum := sha256.Sum256(content)
	return int64(len(content)) == f.size && hex.EncodeToString(sum[:]) == f.sha256
}

// fetch reads a file of a mirror whole.
func (x indexReader) fetch(ctx context.Context, m Mirror, name string, limit int64) ([]byte, error) {
	body, _, err := x.getter.Get(ctx, m.join(name), 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := limitio.ReadAll(body, limit)
	if errors.Is(err, limitio.ErrTooLarge) {
		return nil, fault.Wrap(fault.Integrity, err, "reading %s on %s", name, m)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Network, err, "reading %s on %s", name, m)
	}
	return content, nil
}

// save writes a cache file whole or not at all.
func save(name string, content []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Wrap(fault.Internal, err, "making cache directory %s", dir)
	}
	temp, err := os.CreateTemp(dir, ".index-*")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing into cache directory %s", dir)
	}
	_, err = temp.Write(content)
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		os.Remove(temp.Name())
		return fault.Wrap(fault.Internal, err, "writing cache file %s", name)
	}
	return nil
}
