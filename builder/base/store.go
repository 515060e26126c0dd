package base

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

// Image is a base whose blobs are all in the store.
type Image struct {
	Manifest string           // digest of its manifest, "sha256:<hex>"
	Blobs    map[string]int64 // sizes of manifest, configuration and layers, by SHA-256 (hex)
	Layers   []string         // descriptions, lowest first
	DiffIDs  []string         // of its layers, lowest first
}

// Request says which base is wanted.
type Request struct {
	Locked   lock.Base
	Platform string // "linux/amd64"
	Flatten  bool
	Allow    []manifest.Allow // programs that a copy keeps
	Store    *store.Store
	// Source opens the base where the manifest says it is. It is asked only
	// for what the store does not have.
	Source func(context.Context) (*image.Platform, error)
}

// Fetch brings a locked base, or the filtered copy of it, into the store. A base
// with other layers than the lock's is fault.LockDrift.
func Fetch(ctx context.Context, r Request) (*Image, error) {
	made, err := r.stored(ctx)
	if err == nil {
		return made, nil
	}
	if !fault.Is(err, fault.Integrity) && !errors.Is(err, store.ErrAbsent) {
		return nil, err
	}
	p, err := r.Source(ctx)
	if err != nil {
		return nil, err
	}
	if p.Digest() != r.Locked.Image {
		return nil, fault.New(fault.LockDrift, "opening the base image for %s: it is %s, the lock says %s", r.Platform, p.Digest(), r.Locked.Image).
			Hint("lock again")
	}
	if made, err = Add(ctx, p, r.Flatten, r.Allow, r.Store); err != nil {
		return nil, err
	}
	return made, r.check(made)
}

// Add brings a base image into the store: as it is, or a filtered copy.
func Add(ctx context.Context, p *image.Platform, flatten bool, allow []manifest.Allow, s *store.Store) (*Image, error) {
	if flatten {
		return Flatten(ctx, p, allow, s)
	}
	for _, d := range p.Blobs() {
		if err := add(ctx, p, d, s); err != nil {
			return nil, err
		}
	}
	return describe(p), nil
}

func add(ctx context.Context, p *image.Platform, d image.Descriptor, s *store.Store) (err error) {
	sha := hexOf(d.Digest)
	if s.Has(sha, d.Size) {
		if blob, err := s.Open(sha); err == nil {
			return blob.Close()
		}
	}
	r, err := p.OpenBlob(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = s.PutExpected(r, d.Size, sha)
	return err
}

func describe(p *image.Platform) *Image {
	made := &Image{Manifest: p.Digest(), Blobs: map[string]int64{}}
	for _, d := range p.Blobs() {
		made.Blobs[hexOf(d.Digest)] = d.Size
	}
	for n, l := range p.Layers() {
		made.Layers = append(made.Layers, fmt.Sprintf("layer %d of base image %.19s", n+1, p.Digest()))
		made.DiffIDs = append(made.DiffIDs, l.DiffID)
	}
	return made
}

// stored returns a base that the store has whole.
func (r Request) stored(ctx context.Context) (*Image, error) {
	if r.Flatten {
		if len(r.Locked.Layers) != 1 {
			return nil, fault.New(fault.LockDrift, "reading the lock: a flattened base has one layer, not %d", len(r.Locked.Layers)).Hint("lock again")
		}
		sha := hexOf(r.Locked.Layers[0])
		blob, err := r.Store.Open(sha)
		if err != nil {
			return nil, err
		}
		defer blob.Close()
		return single(r.Platform, sha, blob.Size(), r.Store)
	}
	p, err := image.OpenManifest(ctx, r.Store.Root(), r.Locked.Image)
	if err != nil {
		return nil, err
	}
	for _, d := range p.Blobs() {
		blob, err := r.Store.Open(hexOf(d.Digest))
		if err != nil {
			return nil, err
		}
		if err := blob.Close(); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading blob %s", d.Digest)
		}
	}
	made := describe(p)
	return made, r.check(made)
}

// Open opens a base that is in the store.
func Open(ctx context.Context, digest string, s *store.Store) (*image.Platform, error) {
	return image.OpenManifest(ctx, s.Root(), digest)
}

func (r Request) check(made *Image) error {
	if slices.Equal(made.DiffIDs, r.Locked.Layers) {
		return nil
	}
	return fault.New(fault.LockDrift, "comparing the base image %s for %s with the lock: its layers are %v, the lock says %v", r.Locked.Image, r.Platform, made.DiffIDs, r.Locked.Layers).
		Hint("lock again: this version of lockforge copies the base in another way")
}

// single makes an image of one uncompressed layer that is in the store.
func single(platform, layer string, size int64, s *store.Store) (*Image, error) {
	os, arch, _ := strings.Cut(platform, "/")
	made := &Image{
		Blobs:   map[string]int64{layer: size},
		Layers:  []string{"base image without what a locked image must not have"},
		DiffIDs: []string{"sha256:" + layer},
	}
	put := func(v any) (image.Descriptor, error) {
		b, err := json.Marshal(v)
		if err != nil {
			return image.Descriptor{}, fault.Wrap(fault.Internal, err, "describing a base image")
		}
		sha, err := s.PutBytes(b)
		made.Blobs[sha] = int64(len(b))
		return image.Descriptor{Digest: "sha256:" + sha, Size: int64(len(b))}, err
	}
	config, err := put(map[string]any{
		"architecture": arch, "os": os, "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": made.DiffIDs},
	})
	if err != nil {
		return nil, err
	}
	config.MediaType = image.MediaTypeConfig
	manifest, err := put(map[string]any{
		"schemaVersion": 2, "mediaType": image.MediaTypeManifest, "config": config,
		"layers": []image.Descriptor{{MediaType: image.MediaTypeTar, Digest: made.DiffIDs[0], Size: size}},
	})
	made.Manifest = manifest.Digest
	return made, err
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }
