package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// cacheFormat changes when Catalog or what is read into it changes.
const cacheFormat = 1

// maxCache bounds a cached catalog, in bytes; release 1.7 needs 150 kB.
const maxCache = 8 << 20

// cached is the content of a cache file: the catalog and the hash of its JSON.
type cached struct {
	Format  int             `json:"format"`
	SHA256  string          `json:"sha256"`
	Catalog json.RawMessage `json:"catalog"`
}

// Load returns the catalog of a release, from cacheDir where it is there and
// whole, else from the release's wheel. A published version never changes, so
// a cached catalog has no age. The version must be in PEP 440 form.
//
// Errors: fault.Resolve for an unknown release, fault.Network, fault.Integrity
// for a wheel that is not what the index says; fault.Internal when the cache
// can't be written.
func Load(ctx context.Context, src Source, version, cacheDir string) (*Catalog, error) {
	v, err := pep440.Parse(version)
	if err != nil {
		return nil, fault.Wrap(fault.Manifest, err, "loading the catalog of the CLI")
	}
	version = v.String()
	path := filepath.Join(cacheDir, version+".json")
	if c, err := readCache(path, version); err == nil {
		return c, nil
	}
	release, err := src.Release(ctx, version)
	if err != nil {
		return nil, err
	}
	c, err := Read(release, release.Size, release.Filename, version)
	if err != nil {
		return nil, err
	}
	c.SHA256 = release.SHA256
	if err := writeCache(path, c); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "caching the catalog of %s", version)
	}
	return c, nil
}

// readCache fails for a file that is absent, damaged, of another format or of
// another release; the catalog is then read anew.
func readCache(path, version string) (*Catalog, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := limitio.ReadAll(f, maxCache)
	if err != nil {
		return nil, err
	}
	var file cached
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Format != cacheFormat || file.SHA256 != hash(file.Catalog) {
		return nil, errors.New("damaged or of another format")
	}
	c := &Catalog{}
	if err := json.Unmarshal(file.Catalog, c); err != nil {
		return nil, err
	}
	if c.CLIVersion != version {
		return nil, errors.New("of another release")
	}
	return c, nil
}

// writeCache replaces the file in one step, so that other processes and an
// interrupted run see the old one or the new one.
func writeCache(path string, c *Catalog) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	data, err := json.Marshal(cached{Format: cacheFormat, SHA256: hash(body), Catalog: body})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".catalog-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func hash(data []byte) string {
	sum := sha256.Sum256(bytes.TrimSpace(data))
	return hex.EncodeToString(sum[:])
}
