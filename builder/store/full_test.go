package store

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestFullDisk fills a real file system of 256 kB.
func TestFullDisk(t *testing.T) {
	root := testenv.SmallDisk(t, "256k")
	s := open(t, root)
	big := bytes.Repeat([]byte("x"), 1<<20)
	full := map[string]func() error{
		"Put": func() error { _, _, err := s.Put(bytes.NewReader(big), 1<<21); return err },
		"Partial": func() error {
			p, err := s.Begin(t.Context(), hashOf(big), int64(len(big)))
			if err != nil {
				return err
			}
			_, err = p.Write(big)
			return errors.Join(err, p.Reset(), p.Close())
		},
	}
	for name, fill := range full {
		err := fill()
		if !errors.Is(err, syscall.ENOSPC) || fault.KindOf(err) != fault.DiskFull || len(fault.Hints(err)) != 1 {
			t.Errorf("%s: kind %v, hints %q: %v", name, fault.KindOf(err), fault.Hints(err), err)
		}
	}
	if left := names(t, s.partials()) + names(t, s.blobs()); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if _, err := s.PutBytes([]byte("small")); err != nil {
		t.Errorf("after the disk was full: %v", err)
	}
}
