package unpack

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
)

// maxInputs bounds the members of a pack.
const maxInputs = 100_000

// inputs gives the input files of a step, from the pack or, without one, from
// the directory it would be in.
type inputs struct {
	dir     string
	pack    *os.File // nil without a pack
	members map[string]*io.SectionReader
	opened  []*os.File
}

func openInputs(dir string) (*inputs, error) {
	in := &inputs{dir: dir, members: map[string]*io.SectionReader{}}
	f, err := os.Open(filepath.Join(dir, "pack"))
	if errors.Is(err, fs.ErrNotExist) {
		return in, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening pack")
	}
	in.pack = f
	if err := in.index(); err != nil {
		f.Close()
		return nil, fault.Wrap(fault.Integrity, err, "reading pack")
	}
	return in, nil
}

// index finds where the pack's members are. They are read in place: a tar
// reader leaves its file at the start of the member it just announced.
func (in *inputs) index() error {
	info, err := in.pack.Stat()
	if err != nil {
		return err
	}
	whole := io.NewSectionReader(in.pack, 0, info.Size())
	for r := tar.NewReader(whole); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at, err := whole.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		switch {
		case h.Typeflag != tar.TypeReg || at+h.Size > info.Size():
			return fmt.Errorf("member %q is no regular file, or truncated", h.Name)
		case in.members[h.Name] != nil:
			return fmt.Errorf("member %q is there twice", h.Name)
		case len(in.members) == maxInputs:
			return fmt.Errorf("more than %d members", maxInputs)
		}
		in.members[h.Name] = io.NewSectionReader(in.pack, at, h.Size)
	}
}

// open returns an input file after checking its hash, so that nothing is read
// from bytes that the lock doesn't know.
func (in *inputs) open(i Input) (*io.SectionReader, error) {
	r, err := in.find(i.File)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading input %s", i.File)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != i.SHA256 {
		return nil, fault.New(fault.Integrity, "reading input %s: sha256 is %s, the lock says %s", i.File, got, i.SHA256)
	}
	return io.NewSectionReader(r, 0, r.Size()), nil // with a position of its own
}

func (in *inputs) find(name string) (*io.SectionReader, error) {
	if in.pack != nil {
		if r := in.members[name]; r != nil {
			return r, nil
		}
		return nil, fault.New(fault.Internal, "opening input %s: not in the pack", name)
	}
	f, err := os.Open(filepath.Join(in.dir, name))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening input %s", name)
	}
	in.opened = append(in.opened, f)
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening input %s", name)
	}
	return io.NewSectionReader(f, 0, info.Size()), nil
}

func (in *inputs) close() {
	if in.pack != nil {
		in.opened = append(in.opened, in.pack)
	}
	for _, f := range in.opened {
		f.Close()
	}
}
