package main

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/lockforge/lockforge/bench/measure"
	"golang.org/x/sync/errgroup"
)

// cores is the machine's size for which the bars are set.
const cores = 2

// lowerBound does the least that any builder of the image must do: unzip and
// check the union of wheels once, compile its bytecode on both cores and
// compress the result with the fastest library at hand.
func lowerBound(ctx context.Context, o options, in *input) (measure.Sample, error) {
	tree := boundDir(o)
	if err := o.setAside(tree); err != nil {
		return measure.Sample{}, err
	}
	unzip, err := measure.Timed(func() error { return unzipAll(in, tree) })
	if err != nil {
		return measure.Sample{}, err
	}
	// Files that no interpreter of this version can compile make compileall
	// exit with 1; that is no fault of the measurement.
	compile, err := measure.NewCommand(ctx, "sh", "-c", `"$1" -m compileall -q -j2 --invalidation-mode unchecked-hash "$2" >/dev/null || true`, "sh", o.python, tree).Run()
	if err != nil {
		return measure.Sample{}, err
	}
	var size int64
	compress, err := measure.Timed(func() (err error) { size, err = compressTree(tree); return err })
	if err != nil {
		return measure.Sample{}, err
	}
	total := unzip.Plus(compile).Plus(compress)
	total.Bytes = size
	return total, nil
}

func boundDir(o options) string { return filepath.Join(o.work, "bound") }

func unzipAll(in *input, tree string) error {
	var group errgroup.Group
	group.SetLimit(cores)
	for _, w := range in.platform.Wheels {
		group.Go(func() error {
			return unzipWheel(filepath.Join(in.wheels, w.File), filepath.Join(tree, w.StoreKey()))
		})
	}
	return group.Wait()
}

// unzipWheel writes every member and compares its hash with RECORD.
func unzipWheel(file, dir string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer archive.Close()
	hashes := map[string]string{}
	var record string
	for _, member := range archive.File {
		if strings.HasSuffix(member.Name, "/") {
			continue
		}
		sum, content, err := writeMember(member, filepath.Join(dir, member.Name))
		if err != nil {
			return err
		}
		hashes[member.Name] = sum
		if strings.HasSuffix(member.Name, ".dist-info/RECORD") && strings.Count(member.Name, "/") == 1 {
			record = content
		}
	}
	rows, err := csv.NewReader(strings.NewReader(record)).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, row := range rows {
		if want, ok := strings.CutPrefix(row[1], "sha256="); ok && hashes[row[0]] != want {
			return fmt.Errorf("%s: %s does not match RECORD", file, row[0])
		}
	}
	return nil
}

func writeMember(member *zip.File, path string) (sum, content string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", "", err
	}
	src, err := member.Open()
	if err != nil {
		return "", "", err
	}
	defer src.Close()
	dst, err := os.Create(path)
	if err != nil {
		return "", "", err
	}
	defer dst.Close()
	hash := sha256.New()
	var kept strings.Builder
	out := io.MultiWriter(dst, hash)
	if strings.HasSuffix(path, "RECORD") {
		out = io.MultiWriter(out, &kept)
	}
	if _, err := io.Copy(out, src); err != nil {
		return "", "", err
	}
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)), kept.String(), nil
}

// compressTree packs each wheel's directory into a zstd layer, two at a time,
// and returns the sum of their sizes.
func compressTree(tree string) (int64, error) {
	dirs, err := os.ReadDir(tree)
	if err != nil {
		return 0, err
	}
	sizes := make([]int64, len(dirs))
	var group errgroup.Group
	group.SetLimit(cores)
	for i, dir := range dirs {
		group.Go(func() (err error) {
			sizes[i], err = compressDir(filepath.Join(tree, dir.Name()))
			return err
		})
	}
	err = group.Wait()
	var total int64
	for _, size := range sizes {
		total += size
	}
	return total, err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func compressDir(dir string) (int64, error) {
	var size counter
	z, err := zstd.NewWriter(&size, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	t := tar.NewWriter(z)
	if err := t.AddFS(os.DirFS(dir)); err != nil {
		return 0, err
	}
	if err := t.Close(); err != nil {
		return 0, err
	}
	err = z.Close()
	return int64(size), err
}
