package index

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/builder/internal/sealed"
)

// pageLifetime is how long a page of the cache folder counts as new. It spares
// a lock that follows a lock the same 50 MB of pages; a release that appeared
// in between may be missed for that long.
const pageLifetime = 10 * time.Minute

// maxCached bounds a file of the cache, in bytes.
const maxCached = 64 << 20

// pageFile is where the files of a page are kept.
func (c *Client) pageFile(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(c.opts.CacheDir, "pages", hex.EncodeToString(sum[:]))
}

// cached returns the files of a page that was fetched not long ago. Whatever
// is wrong with the cache, the answer is that there is nothing.
func (c *Client) cached(address, name string) ([]File, bool) {
	if c.opts.CacheDir == "" {
		return nil, false
	}
	path := c.pageFile(address)
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()).Abs() > pageLifetime {
		return nil, false
	}
	var files []File
	if sealed.Read(path, maxCached, &files) != nil {
		return nil, false
	}
	return files, true
}

// cache keeps the files of a page, for this user's eyes only: the page may be
// of a private index. The page was had without it, so a failure is no error.
func (c *Client) cache(address string, files []File) {
	if c.opts.CacheDir == "" {
		return
	}
	path := c.pageFile(address)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	c.swept.Do(func() { sweep(filepath.Dir(path)) })
	_ = sealed.Write(path, files)
}

// sweep removes pages that no lock will look at again, and what killed
// processes left.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 2*pageLifetime {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
