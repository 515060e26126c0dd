package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/wheel"
)

// maxWheel bounds the CLI's wheel, in bytes; release 1.7 has 6 MB.
const maxWheel = 64 << 20

// Source gives the wheel of one CLI release.
type Source interface {
	// Release returns the wheel of a version (PEP 440) with its file name.
	// Unknown versions are fault.Resolve.
	Release(ctx context.Context, version string) (Release, error)
}

// Release is a wheel whose bytes are known to be those that the index named.
type Release struct {
	Filename string
	SHA256   string // hex
	Size     int64
	io.ReaderAt
}

// Index is what FromIndex needs of an index client.
type Index interface {
	Files(ctx context.Context, project string) ([]index.File, error)
	Get(ctx context.Context, url string, offset int64) (io.ReadCloser, int64, error)
}

// FromIndex returns a source that downloads the wheel and checks its hash.
func FromIndex(i Index) Source { return fromIndex{i} }

type fromIndex struct{ index Index }

func (f fromIndex) Release(ctx context.Context, version string) (Release, error) {
	files, err := f.index.Files(ctx, plan.Project)
	if err != nil {
		return Release{}, err
	}
	file, ok := pick(files, version)
	if !ok {
		return Release{}, fault.New(fault.Resolve, "looking for %s %s: the index has no wheel of it", plan.Project, version).
			Hint("check cli.version in the manifest against the releases on your index")
	}
	if file.Yanked {
		return Release{}, fault.New(fault.Resolve, "looking for %s %s: the release was withdrawn (yanked): %s", plan.Project, version, file.YankedReason).
			Hint("choose another release in cli.version")
	}
	body, _, err := f.index.Get(ctx, file.URL, 0)
	if err != nil {
		return Release{}, fault.Wrap(fault.KindOf(err), err, "downloading %s", file.Name)
	}
	defer body.Close()
	content, err := limitio.ReadAll(body, maxWheel)
	if err != nil {
		return Release{}, fault.Wrap(fault.Network, err, "downloading %s", file.Name)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != file.SHA256 {
		return Release{}, fault.New(fault.Integrity, "downloading %s: its hash is %s, the index says %s", file.Name, got, file.SHA256)
	}
	return Release{Filename: file.Name, SHA256: file.SHA256, Size: int64(len(content)), ReaderAt: bytes.NewReader(content)}, nil
}

// pick finds the pure Python wheel of a version. The CLI has never had another.
func pick(files []index.File, version string) (index.File, bool) {
	for _, f := range files {
		name, err := wheel.ParseFilename(f.Name)
		if err != nil || !wheel.SameVersion(name.Version, version) {
			continue
		}
		for _, tag := range name.Tags {
			if tag.ABI == "none" && tag.Platform == "any" {
				return f, true
			}
		}
	}
	return index.File{}, false
}
