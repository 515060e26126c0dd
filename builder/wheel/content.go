package wheel

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Verify reads every member and checks its size, its checksum and its hash in
// RECORD. It stops at the first mismatch.
func (w *Wheel) Verify() error {
	for _, m := range w.members {
		if _, err := w.Copy(io.Discard, m); err != nil {
			return err
		}
	}
	return nil
}

// Copy writes a member's content to dst and checks it in the same pass: size,
// checksum, and hash in RECORD. On error, what has been written is not to be
// used. It fails with fault.Integrity, or with dst's own error.
func (w *Wheel) Copy(dst io.Writer, m *Member) (int64, error) {
	sink := &writer{w: dst}
	n, err := w.copy(sink, m)
	switch {
	case sink.err != nil:
		return n, fault.Wrap(fault.Internal, sink.err, "writing member %q of wheel %s", m.Name, w.File)
	case err != nil:
		return n, fault.Wrap(fault.Integrity, memberError(m.Name, "%w", err), "reading wheel %s", w.File)
	}
	return n, nil
}

// Read returns a member's checked content. It fails with fault.Integrity where
// the member has more than limit bytes.
func (w *Wheel) Read(m *Member, limit int64) ([]byte, error) {
	b, err := w.read(m, limit)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading wheel %s", w.File)
	}
	return b, nil
}

func (w *Wheel) read(m *Member, limit int64) ([]byte, error) {
	if m.Size > limit {
		return nil, memberError(m.Name, "%w", &limitio.TooLarge{Limit: limit})
	}
	var b bytes.Buffer
	if _, err := w.copy(&b, m); err != nil {
		return nil, memberError(m.Name, "%w", err)
	}
	return b.Bytes(), nil
}

// scratch holds what is costly to make anew for each of thousands of members.
type scratch struct {
	in  *bufio.Reader
	z   io.ReadCloser
	buf []byte
}

var scratches = sync.Pool{New: func() any {
	in := bufio.NewReaderSize(nil, 64<<10)
	return &scratch{in: in, z: flate.NewReader(in), buf: make([]byte, 64<<10)}
}}

func (w *Wheel) copy(dst io.Writer, m *Member) (int64, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	packed := io.NewSectionReader(w.r, m.data, m.packed)
	s.in.Reset(packed)

	var content io.Reader = s.in
	if m.method == methodDeflate {
		if err := s.z.(flate.Resetter).Reset(s.in, nil); err != nil {
			return 0, err
		}
		content = s.z
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	// The writer hides dst's ReadFrom, which would bypass the buffer.
	n, err := io.CopyBuffer(&writer{w: io.MultiWriter(dst, sum, crc)}, limitio.Reader(content, m.Size), s.buf)
	switch left, _ := s.in.Peek(1); {
	case err != nil:
		return n, fmt.Errorf("unpacking: %w", err)
	case n != m.Size:
		return n, fmt.Errorf("%d bytes unpacked, %d announced", n, m.Size)
	case len(left) != 0:
		return n, errors.New("bytes after the end of the compressed data")
	case crc.Sum32() != m.crc:
		return n, errors.New("checksum does not match")
	}
	if got := hex.EncodeToString(sum.Sum(nil)); m.SHA256 != "" && got != m.SHA256 {
		return n, fmt.Errorf("sha256 is %s, RECORD says %s", got, m.SHA256)
	}
	return n, nil
}

// writer remembers its own error, to tell it from the reader's.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}
