package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/session"
	sessioncontent "github.com/moby/buildkit/session/content"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/source"
	"github.com/moby/buildkit/source/containerblob"
	srctypes "github.com/moby/buildkit/source/types"
	"github.com/moby/buildkit/source/util/pathutil"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// blobReadSize is how much of a blob one request to the client asks for.
// BuildKit's own source asks for 32 KiB at a time, which costs a round trip
// each: 174 MiB of wheels took 8 s that way.
const blobReadSize = 8 << 20

// blobSource serves oci-layout+blob sources from the client's session as
// BuildKit's own source does: same identifiers, hence the same provenance
// records, and same files, but with large reads.
type blobSource struct{ cache cache.Accessor }

func (*blobSource) Schemes() []string { return []string{srctypes.OCIBlobScheme} }

func (*blobSource) Identifier(scheme, ref string, attrs map[string]string, _ *pb.Platform) (source.Identifier, error) {
	id, err := containerblob.NewImageBlobIdentifier(ref, scheme)
	if err != nil {
		return nil, err
	}
	id.StoreID = attrs[pb.AttrOCILayoutStoreID]
	if id.StoreID == "" {
		return nil, fmt.Errorf("blob %s names no store", ref)
	}
	id.SessionID = attrs[pb.AttrOCILayoutSessionID]
	if name, ok := attrs[pb.AttrHTTPFilename]; ok {
		id.Filename = pathutil.SafeFileName(name)
	}
	if perm, ok := attrs[pb.AttrHTTPPerm]; ok {
		p, err := strconv.ParseInt(perm, 0, 32)
		if err != nil {
			return nil, fmt.Errorf("blob %s: mode %q: %w", ref, perm, err)
		}
		id.Perm = int(p)
	}
	return id, id.Reference.Digest().Validate()
}

func (s *blobSource) Resolve(_ context.Context, id source.Identifier, sessions *session.Manager, _ solver.Vertex) (source.SourceInstance, error) {
	blob, ok := id.(*containerblob.ImageBlobIdentifier)
	if !ok {
		return nil, fmt.Errorf("%s is no blob", id)
	}
	return &blobInstance{cache: s.cache, id: blob, sessions: sessions}, nil
}

type blobInstance struct {
	cache    cache.Accessor
	id       *containerblob.ImageBlobIdentifier
	sessions *session.Manager
}

// CacheKey depends on everything that shapes the file, and on nothing else.
func (b *blobInstance) CacheKey(context.Context, solver.JobContext, int) (key, pin string, opts solver.CacheOpts, done bool, err error) {
	digest := b.id.Reference.Digest()
	k, err := json.Marshal([]any{"lockforge-blob-v1", digest, b.fileName(), b.id.Perm})
	return string(k), digest.String(), nil, true, err
}

// Snapshot writes the blob as a file, hashing it on the way.
func (b *blobInstance) Snapshot(ctx context.Context, job solver.JobContext) (_ cache.ImmutableRef, err error) {
	var group session.Group
	if job != nil {
		group = job.Session()
	}
	ref, err := b.cache.New(ctx, nil, group, cache.CachePolicyRetain, cache.WithDescription("blob "+b.id.Reference.String()))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = ref.SetCachePolicyDefault()
			_ = ref.Release(context.WithoutCancel(ctx))
		}
	}()
	mountable, err := ref.Mount(ctx, false, group)
	if err != nil {
		return nil, err
	}
	mounter := snapshot.LocalMounter(mountable)
	dir, err := mounter.Mount()
	if err != nil {
		return nil, err
	}
	err = b.writeFile(ctx, group, dir)
	if unmountErr := mounter.Unmount(); err == nil {
		err = unmountErr
	}
	if err != nil {
		return nil, err
	}
	return ref.Commit(ctx)
}

func (b *blobInstance) writeFile(ctx context.Context, group session.Group, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	perm := os.FileMode(0o600)
	if b.id.Perm != 0 {
		perm = os.FileMode(b.id.Perm)
	}
	name := b.fileName()
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := b.withStore(ctx, group, func(ctx context.Context, r io.Reader) error { return b.copyVerified(f, r) }); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	epoch := time.Unix(0, 0)
	return root.Chtimes(name, epoch, epoch)
}

// copyVerified writes the blob to a file, in the place of what is in it.
func (b *blobInstance) copyVerified(f *os.File, r io.Reader) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	digest := b.id.Reference.Digest()
	hash := digest.Algorithm().Digester()
	if _, err := io.CopyBuffer(io.MultiWriter(f, hash.Hash()), r, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("reading blob %s: %w", digest, err)
	}
	if got := hash.Digest(); got != digest {
		return fmt.Errorf("blob %s came as %s", digest, got)
	}
	return nil
}

// withStore calls use with a reader of the blob in the store of a client that
// wants it. Of several, one may die half-way: then use is called again.
func (b *blobInstance) withStore(ctx context.Context, group session.Group, use func(context.Context, io.Reader) error) error {
	read := func(ctx context.Context, caller session.Caller) error {
		store := sessioncontent.NewCallerStore(caller, "oci:"+b.id.StoreID)
		info, err := store.Info(ctx, b.id.Reference.Digest())
		if err != nil {
			return err
		}
		at, err := store.ReaderAt(ctx, ocispecs.Descriptor{Digest: info.Digest, Size: info.Size})
		if err != nil {
			return err
		}
		defer at.Close()
		size := int(min(info.Size, blobReadSize))
		return use(ctx, readerOnly{bufio.NewReaderSize(io.NewSectionReader(at, 0, info.Size), size)})
	}
	if b.id.SessionID != "" {
		caller, err := b.sessions.Get(ctx, b.id.SessionID, false)
		if err != nil {
			return err
		}
		return read(ctx, caller)
	}
	return b.sessions.Any(ctx, group, func(ctx context.Context, _ string, caller session.Caller) error { return read(ctx, caller) })
}

// readerOnly hides WriteTo, which would hand out the whole large buffer's
// worth of small reads to the writer's own ReadFrom.
type readerOnly struct{ io.Reader }

func (b *blobInstance) fileName() string {
	if b.id.Filename != "" {
		return b.id.Filename
	}
	return b.id.Reference.Digest().Encoded()
}
