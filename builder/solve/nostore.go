package solve

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// noStore is a content.Store that can do nothing. The two stores of this
// package embed it and add the few methods that BuildKit needs of them.
type noStore struct{}

var _ content.Store = noStore{}

func refuse(what string) error { return fmt.Errorf("%s: %w", what, errdefs.ErrNotImplemented) }

func (noStore) Info(context.Context, digest.Digest) (content.Info, error) {
	return content.Info{}, errdefs.ErrNotFound
}

func (noStore) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return nil, errdefs.ErrNotFound
}

func (noStore) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, refuse("update")
}

func (noStore) Walk(context.Context, content.WalkFunc, ...string) error { return refuse("walk") }

func (noStore) Delete(context.Context, digest.Digest) error { return refuse("delete") }

func (noStore) Status(context.Context, string) (content.Status, error) {
	return content.Status{}, errdefs.ErrNotFound
}

func (noStore) ListStatuses(context.Context, ...string) ([]content.Status, error) { return nil, nil }

func (noStore) Abort(context.Context, string) error { return nil }

func (noStore) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, refuse("writer")
}
