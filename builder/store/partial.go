package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// lockPoll is how often a download that another process has in hand is looked at.
const lockPoll = 50 * time.Millisecond

// Partial is a download in progress. What was written survives Close and the
// process, and is continued by the next Begin for the same hash. One Partial
// per hash exists at a time, over all processes.
type Partial struct {
	store  *Store
	temp   temp
	sha    string
	size   int64
	offset int64
	hash   hash.Hash
}

// Begin opens the unfinished download of a file of that hash and size in
// bytes, at whatever offset an earlier one has reached. Where another process
// or goroutine has it open, Begin waits for it, or for ctx. It returns nil, nil
// when the blob is there and intact.
//
// Errors: fault.Cancelled; fault.Internal for the disk.
func (s *Store) Begin(ctx context.Context, sha string, size int64) (*Partial, error) {
	if !validHash(sha) {
		return nil, invalidHash(sha)
	}
	for {
		p, err := s.begin(sha, size)
		if err != nil {
			return nil, diskFault(err, "opening the download of sha256:%s", sha)
		}
		if p != nil && !s.intact(sha, size) {
			return p, nil
		}
		if p != nil {
			return nil, errors.Join(p.Reset(), p.Close())
		}
		select {
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Cancelled, context.Cause(ctx), "waiting for the download of sha256:%s by another process", sha)
		case <-time.After(lockPoll):
		}
	}
}

// begin makes one attempt; it returns nil, nil when the file is held elsewhere.
func (s *Store) begin(sha string, size int64) (*Partial, error) {
	f, err := os.OpenFile(filepath.Join(s.partials(), sha), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	ok, err := lockInPlace(f)
	if err != nil || !ok {
		return nil, errors.Join(err, f.Close())
	}
	p := &Partial{store: s, temp: temp{file: f}, sha: sha, size: size, hash: sha256.New()}
	// The bytes that are there count for the hash; how they came is of no matter.
	p.offset, err = io.Copy(p.hash, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if p.offset > size {
		if err := p.Reset(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return p, nil
}

// Offset returns how many bytes are there already.
func (p *Partial) Offset() int64 { return p.offset }

// Write appends to the download.
//
// Errors: fault.Integrity when this is more than the file's size, nothing of b
// being written; fault.Internal for the disk.
func (p *Partial) Write(b []byte) (int, error) {
	if p.offset+int64(len(b)) > p.size {
		return 0, fault.New(fault.Integrity, "receiving sha256:%s: more than the expected %d bytes", p.sha, p.size)
	}
	n, err := p.temp.file.Write(b)
	p.offset += int64(n)
	p.hash.Write(b[:n])
	if err != nil {
		return n, diskFault(err, "writing to store %s", p.store.root)
	}
	return n, nil
}

// Reset throws away what is there: the next Write is at offset 0.
func (p *Partial) Reset() error {
	if err := p.temp.file.Truncate(0); err != nil {
		return diskFault(err, "restarting the download of sha256:%s", p.sha)
	}
	if _, err := p.temp.file.Seek(0, io.SeekStart); err != nil {
		return diskFault(err, "restarting the download of sha256:%s", p.sha)
	}
	p.offset = 0
	p.hash.Reset()
	return nil
}

// Commit makes the finished download a blob of the store.
//
// Errors: fault.Integrity when size or hash differ; the content is thrown away
// then, so that the next attempt starts anew.
func (p *Partial) Commit() error {
	got := hex.EncodeToString(p.hash.Sum(nil))
	if p.offset != p.size || got != p.sha {
		mismatch := fault.Wrap(fault.Integrity,
			fmt.Errorf("received %d bytes with sha256:%s", p.offset, got),
			"checking download of %d bytes with sha256:%s", p.size, p.sha)
		return errors.Join(mismatch, p.Reset())
	}
	return p.store.publish(&p.temp, p.sha)
}

// Close releases the download; unless it was committed, it can be continued
// by another Begin. An empty one leaves nothing behind.
func (p *Partial) Close() error {
	if !p.temp.published && p.offset == 0 {
		if err := os.Remove(p.temp.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, p.temp.file.Close())
		}
	}
	return p.temp.file.Close()
}
