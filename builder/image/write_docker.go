package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/lockforge/lockforge/builder/fault"
)

// WriteDocker writes one platform's image as `docker save` does, for `docker
// load` and clients that know nothing of OCI archives or zstd: layers are
// uncompressed and named by diff ID. tag is "name:tag" or "". The bytes depend
// on the image and the tag only.
func WriteDocker(ctx context.Context, file string, p *Platform, tag string) error {
	config, err := p.ReadConfig(ctx)
	if err != nil {
		return err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	configName := hexOf(digestOf(config)) + ".json"
	e := entry{Config: configName, Layers: []string{}}
	if tag != "" {
		e.RepoTags = []string{tag}
	}
	for _, l := range p.layers {
		e.Layers = append(e.Layers, hexOf(l.DiffID)+".tar")
	}
	manifest, err := json.Marshal([]entry{e})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing archive %s", file)
	}
	return writeFile(file, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		written := map[string]bool{}
		for _, l := range p.layers {
			if written[l.DiffID] {
				continue
			}
			written[l.DiffID] = true
			if err := p.tarLayer(ctx, tw, l); err != nil {
				return err
			}
		}
		if err := tarBytes(tw, configName, config); err != nil {
			return err
		}
		if err := tarBytes(tw, "manifest.json", manifest); err != nil {
			return err
		}
		return tw.Close()
	})
}

// tarLayer unpacks a layer twice, since a tar header states the size ahead.
func (p *Platform) tarLayer(ctx context.Context, tw *tar.Writer, l Layer) error {
	size, err := p.uncompressed(ctx, l, io.Discard)
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(tarHeader(hexOf(l.DiffID)+".tar", tar.TypeReg, 0o644, size)); err != nil {
		return err
	}
	_, err = p.uncompressed(ctx, l, tw)
	return err
}

// uncompressed writes a layer's verified tar to w and returns its size.
func (p *Platform) uncompressed(ctx context.Context, l Layer, w io.Writer) (int64, error) {
	blob, err := openVerified(ctx, p.child.src, Descriptor{Digest: l.Digest, Size: l.Size})
	if err != nil {
		return 0, err
	}
	defer blob.Close()
	in := &counter{r: blob}
	buffered := bufio.NewReaderSize(in, 1<<16)
	plain, err := decompress(buffered, compressionOf(l.MediaType))
	if err != nil {
		return 0, fault.Wrap(fault.Integrity, err, "reading layer %d (%s)", l.Index+1, l.Digest)
	}
	defer plain.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), &inflated{r: plain, in: in})
	if err == nil {
		err = exhaust(buffered)
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); err == nil && got != l.DiffID {
		err = fault.New(fault.Integrity, "its uncompressed bytes are %s, the config says %s", got, l.DiffID)
	}
	if err != nil {
		return 0, fault.Wrap(fault.Integrity, err, "reading layer %d (%s)", l.Index+1, l.Digest)
	}
	return n, nil
}
