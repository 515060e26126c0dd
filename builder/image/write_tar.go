package image

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// WriteTar writes an image as an OCI archive: an OCI layout in one tar file.
// Its bytes depend on the image and the name only. The file appears by rename
// when it is complete.
func WriteTar(ctx context.Context, file string, img *Image, name string) error {
	index, err := json.Marshal(indexJSON{SchemaVersion: 2, MediaType: MediaTypeIndex, Manifests: []Descriptor{named(img.Descriptor(), name)}})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing archive %s", file)
	}
	contents := img.closure()
	slices.SortFunc(contents, func(a, b content) int { return cmp.Compare(a.desc.Digest, b.desc.Digest) })
	return writeFile(file, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		for _, dir := range []string{"blobs/", "blobs/sha256/"} {
			if err := tw.WriteHeader(tarHeader(dir, tar.TypeDir, 0o755, 0)); err != nil {
				return err
			}
		}
		for _, c := range contents {
			rc, err := c.open(ctx)
			if err != nil {
				return err
			}
			err = tarFile(tw, "blobs/sha256/"+hexOf(c.desc.Digest), c.desc.Size, rc)
			rc.Close()
			if err != nil {
				return err
			}
		}
		if err := tarBytes(tw, "index.json", index); err != nil {
			return err
		}
		if err := tarBytes(tw, "oci-layout", []byte(layoutFile)); err != nil {
			return err
		}
		return tw.Close()
	})
}

func tarHeader(name string, kind byte, mode, size int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: size, ModTime: time.Unix(0, 0)}
}

func tarBytes(tw *tar.Writer, name string, b []byte) error {
	if err := tw.WriteHeader(tarHeader(name, tar.TypeReg, 0o644, int64(len(b)))); err != nil {
		return err
	}
	_, err := tw.Write(b)
	return err
}

func tarFile(tw *tar.Writer, name string, size int64, r io.Reader) error {
	if err := tw.WriteHeader(tarHeader(name, tar.TypeReg, 0o644, size)); err != nil {
		return err
	}
	_, err := io.Copy(tw, r)
	return err
}
