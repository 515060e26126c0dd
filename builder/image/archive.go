package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// maxArchiveMembers bounds an image archive: blobs, and what docker puts beside them.
const maxArchiveMembers = 4096

// archive is an image in one tar file, an OCI layout or the form of `docker
// save`. Members are read in place; the file is opened anew for each.
type archive struct {
	file    string
	members map[string]section
	memory  map[string][]byte  // manifests that were made for a docker archive
	blobs   map[string]section // by digest
}

type section struct{ offset, size int64 }

func (a *archive) open(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	s, ok := a.blobs[d.Digest]
	if !ok {
		return nil, fault.New(fault.Integrity, "opening blob %s: archive %s lacks it", d.Digest, a.file)
	}
	return a.section(s)
}

func (a *archive) section(s section) (io.ReadCloser, error) {
	f, err := os.Open(a.file)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "opening archive %s", a.file)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, s.offset, s.size), f}, nil
}

func (a *archive) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	if raw, ok := a.memory[d.Digest]; ok {
		return raw, nil
	}
	return readSmall(ctx, a, d)
}

func openArchive(ctx context.Context, ref string) (*Image, error) {
	file, digest, name := splitLayoutRef(ref)
	if _, err := os.Stat(ref); err == nil {
		file, digest, name = ref, "", ""
	}
	a := &archive{file: file, members: map[string]section{}, memory: map[string][]byte{}, blobs: map[string]section{}}
	if err := a.scan(); err != nil {
		return nil, err
	}
	if s, ok := a.members["index.json"]; ok {
		rc, err := a.section(s)
		if err != nil {
			return nil, err
		}
		defer rc.Close()
		index, err := decodeLayoutIndex(rc, file)
		if err != nil {
			return nil, err
		}
		root, err := selectRoot(file, index.Manifests, digest, name)
		if err != nil {
			return nil, err
		}
		return load(ctx, a, root)
	}
	root, err := a.docker()
	if err != nil {
		return nil, err
	}
	return load(ctx, a, root)
}

// scan notes where each member of the archive lies.
func (a *archive) scan() error {
	f, err := os.Open(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.Usage, err, "opening archive %s", a.file)
	} else if err != nil {
		return fault.Wrap(fault.Integrity, err, "opening archive %s", a.file)
	}
	defer f.Close()
	links := map[string]string{}
	tr := tar.NewReader(f) // seeks over contents, since f can
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading archive %s", a.file)
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading archive %s", a.file)
		}
		if err := a.member(h, at, links); err != nil {
			return err
		}
	}
	// docker writes a layer that two images share as a link to the first copy.
	for name, target := range links {
		if s, ok := a.members[target]; ok {
			a.members[name] = s
		}
	}
	return nil
}

func (a *archive) member(h *tar.Header, at int64, links map[string]string) error {
	name, err := cleanPath(h.Name)
	if err != nil {
		return fault.Wrap(fault.Integrity, err, "reading archive %s", a.file)
	}
	if len(a.members)+len(links) >= maxArchiveMembers {
		return fault.New(fault.Integrity, "reading archive %s: more than %d members", a.file, maxArchiveMembers)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if _, dup := a.members[name]; dup {
			return fault.New(fault.Integrity, "reading archive %s: member %q is there twice", a.file, name)
		}
		a.members[name] = section{at, h.Size}
		if dir, base := path.Split(name); dir == "blobs/sha256/" {
			a.blobs["sha256:"+base] = section{at, h.Size}
		}
	case tar.TypeSymlink:
		links[name] = path.Join(path.Dir(name), h.Linkname)
	case tar.TypeLink:
		links[name] = path.Clean(h.Linkname)
	}
	return nil
}

// docker makes the OCI manifest that a docker archive lacks: its layers are
// known by diff ID only, so their digests are computed here.
func (a *archive) docker() (Descriptor, error) {
	s, ok := a.members["manifest.json"]
	if !ok {
		return Descriptor{}, fault.New(fault.Usage, "opening archive %s: neither index.json nor manifest.json in it", a.file).
			Hint("an image archive is written by `lockforge build -o tar:FILE`, `docker save` or `skopeo copy`")
	}
	raw, err := a.small(s)
	if err != nil {
		return Descriptor{}, err
	}
	var images []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(raw, &images); err != nil {
		return Descriptor{}, fault.Wrap(fault.Integrity, err, "reading manifest.json of %s", a.file)
	}
	if len(images) != 1 {
		return Descriptor{}, fault.New(fault.Usage, "opening archive %s: it holds %d images, one is read", a.file, len(images))
	}
	if len(images[0].Layers) > MaxLayers {
		return Descriptor{}, fault.New(fault.Integrity, "opening archive %s: %d layers are more than %d", a.file, len(images[0].Layers), MaxLayers)
	}
	m := manifestJSON{SchemaVersion: 2, MediaType: MediaTypeManifest}
	if m.Config, err = a.describe(images[0].Config); err != nil {
		return Descriptor{}, err
	}
	m.Config.MediaType = MediaTypeConfig
	for _, name := range images[0].Layers {
		d, err := a.describe(name)
		if err != nil {
			return Descriptor{}, err
		}
		m.Layers = append(m.Layers, d)
	}
	made, err := json.Marshal(m)
	if err != nil {
		return Descriptor{}, fault.Wrap(fault.Internal, err, "writing the manifest of %s", a.file)
	}
	d := Descriptor{MediaType: MediaTypeManifest, Digest: digestOf(made), Size: int64(len(made))}
	a.memory[d.Digest] = made
	if len(images[0].RepoTags) == 1 {
		d.Annotations = map[string]string{AnnotationRefName: images[0].RepoTags[0]}
	}
	return d, nil
}

func (a *archive) small(s section) ([]byte, error) {
	rc, err := a.section(s)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	raw, err := limitio.ReadAll(rc, MaxManifestSize)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading archive %s", a.file)
	}
	return raw, nil
}

// describe hashes a member and tells its compression by its first bytes.
func (a *archive) describe(member string) (Descriptor, error) {
	s, ok := a.members[path.Clean(member)]
	if !ok {
		return Descriptor{}, fault.New(fault.Integrity, "reading archive %s: member %q is missing", a.file, member)
	}
	rc, err := a.section(s)
	if err != nil {
		return Descriptor{}, err
	}
	defer rc.Close()
	sum := sha256.New()
	first := &prefix{}
	if n, err := io.Copy(io.MultiWriter(sum, first), rc); err != nil || n != s.size {
		return Descriptor{}, fault.New(fault.Integrity, "reading archive %s: member %q ends after %d of %d bytes", a.file, member, n, s.size)
	}
	d := Descriptor{MediaType: first.mediaType(), Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: s.size}
	a.blobs[d.Digest] = s
	return d, nil
}

// prefix keeps the first bytes that are written to it.
type prefix struct{ b []byte }

func (p *prefix) Write(b []byte) (int, error) {
	if room := 4 - len(p.b); room > 0 {
		p.b = append(p.b, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (p *prefix) mediaType() string {
	switch {
	case bytes.HasPrefix(p.b, []byte{0x1f, 0x8b}):
		return MediaTypeTarGzip
	case bytes.HasPrefix(p.b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return MediaTypeTarZstd
	}
	return MediaTypeTar
}
