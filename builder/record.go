package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/internal/sealed"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/programs"
	"github.com/lockforge/lockforge/builder/solve"
)

// recordFile is the name of a build record in the layout of its image.
const recordFile = "record.json"

// recordLimit bounds a build record, in bytes.
const recordLimit = 256 << 20

// record is what is known of an accepted build: enough to hand the image out
// again without building, proving and judging it once more.
type record struct {
	Key        string             `json:"key"`
	Solved     *solve.Result      `json:"solved"`
	Platforms  []PlatformResult   `json:"platforms"`
	Statements []attest.Statement `json:"statements"`
}

// recordKey names everything that decides what a build yields and says: manifest,
// lock, rules, probes, the programs that make and start the image, and the tool itself.
func recordKey(r BuildRequest, lockDigest string) (string, error) {
	unpack, err := programs.Unpack(runtime.GOARCH)
	if err != nil {
		return "", err
	}
	program, err := hash(unpack)
	if err != nil {
		return "", err
	}
	parts := []string{
		Version, r.Manifest.Digest(), lockDigest, r.Policies.Digest(), program, strings.Join(r.Platforms, ","),
		probe.SuiteDigest(r.suite()), strconv.FormatBool(r.CheckRun),
	}
	for _, platform := range r.Platforms {
		executor, err := programs.Executor(strings.TrimPrefix(platform, "linux/"))
		if err != nil {
			return "", err
		}
		if program, err = hash(executor); err != nil {
			return "", err
		}
		parts = append(parts, program)
	}
	return hash(strings.NewReader(strings.Join(parts, "\n")))
}

func hash(r io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// recall returns the record of an earlier build and its image, if both are
// there and whole; nil otherwise.
func (w *Workspace) recall(ctx context.Context, key string) (*record, *image.Image) {
	path := filepath.Join(w.imageDir(key), recordFile)
	var rec record
	if sealed.Read(path, recordLimit, &rec) != nil || rec.Key != key {
		return nil, nil
	}
	if rec.Solved == nil || !solve.Holds(w.imageDir(key), rec.Solved) {
		return nil, nil
	}
	img, err := image.Open(ctx, "oci:"+w.imageDir(key)+"@"+rec.Solved.Digest, image.Options{})
	if err != nil {
		return nil, nil
	}
	now := w.Now()
	_ = os.Chtimes(path, now, now) // at worst, the build counts as older than it is
	return &rec, img
}

// remember writes the record, last of all that a build leaves in the cache.
func (w *Workspace) remember(rec *record) error {
	if err := sealed.Write(filepath.Join(w.imageDir(rec.Key), recordFile), rec); err != nil {
		return fault.Wrap(fault.Internal, err, "writing the build record")
	}
	return nil
}

// imageDir is the OCI layout of one build. All of them share one folder of
// blobs, so that a build takes from its predecessors what has not changed.
func (w *Workspace) imageDir(key string) string { return w.cache(filepath.Join("images", key[:32])) }

func (w *Workspace) makeImageDir(key string) (string, error) {
	dir := w.imageDir(key)
	shared := w.cache(filepath.Join("images", sharedBlobs))
	for _, d := range []string{dir, filepath.Join(shared, "sha256")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", fault.Wrap(fault.Internal, err, "making the image cache")
		}
	}
	err := os.Symlink(filepath.Join("..", sharedBlobs), filepath.Join(dir, "blobs"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fault.Wrap(fault.Internal, err, "making the image cache")
	}
	return dir, nil
}
