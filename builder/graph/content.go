package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"

	"github.com/moby/buildkit/client/llb"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/pack"
)

func newContent() Content {
	return Content{Generated: map[string]*io.SectionReader{}, Packs: map[string]*pack.Pack{}, Stored: map[string]int64{}}
}

// program adds what this program carries and returns its hash.
func (c Content) program(r *io.SectionReader) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return "", fault.Wrap(fault.Internal, err, "reading a program")
	}
	sha := hex.EncodeToString(hash.Sum(nil))
	c.Generated[sha] = r
	return sha, nil
}

// spec adds a step's specification.
func (c Content) spec(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "writing a step's specification")
	}
	sum := sha256.Sum256(b)
	sha := hex.EncodeToString(sum[:])
	c.Generated[sha] = io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
	return sha, nil
}

// pack adds an archive of stored blobs, reading each of them once.
func (c Content) pack(members []pack.Member, open pack.Opener) (string, error) {
	p, err := pack.New(members)
	if err != nil {
		return "", err
	}
	sha, err := p.Digest(open)
	if err != nil {
		return "", err
	}
	c.Packs[sha] = p
	return sha, nil
}

const (
	dataMode    os.FileMode = 0o444
	programMode os.FileMode = 0o555
	// blobFile is the name of the one file of every blob's state.
	blobFile = "blob"
)

// blob is the state that holds a blob of the content as a file. Its name is
// part of the step's cache key and the same everywhere, so that the same bytes
// are transferred once.
func blob(sha string, mode os.FileMode, what string) llb.State {
	return llb.OCILayoutBlob(blobReference+sha, llb.ImageBlobOCIStore("", StoreID),
		llb.Filename(blobFile), llb.Chmod(mode), llb.WithCustomName(inputPrefix+what))
}

const (
	// blobReference is the name under which blobs appear in BuildKit's
	// provenance. The host cannot exist (RFC 6762 keeps .local for link-local names).
	blobReference = "lockforge.local/blob@sha256:"
	// inputPrefix marks vertices that are inputs and no steps.
	inputPrefix = "[input] "
)
