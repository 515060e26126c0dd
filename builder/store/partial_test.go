package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

const text = "the quick brown fox"

func begin(t *testing.T, s *Store, content string) *Partial {
	t.Helper()
	p, err := s.Begin(t.Context(), hashOf([]byte(content)), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, p *Partial, text string) {
	t.Helper()
	if _, err := p.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func closePartial(t *testing.T, p *Partial) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestResume stops after each byte, opens the store anew, and goes on.
func TestResume(t *testing.T) {
	root := t.TempDir()
	for i := range len(text) {
		p := begin(t, open(t, root), text)
		if p.Offset() != int64(i) {
			t.Fatalf("offset %d, want %d", p.Offset(), i)
		}
		write(t, p, text[i:i+1])
		if i == len(text)-1 {
			if err := p.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		closePartial(t, p)
	}
	s := open(t, root)
	if got := read(t, s, hashOf([]byte(text))); string(got) != text {
		t.Errorf("content %q", got)
	}
	if left := names(t, s.partials()); left != "" {
		t.Errorf("left in partial: %s", left)
	}
	if p := begin(t, s, text); p != nil {
		t.Error("a download begins of what is there")
	}
}

func TestCommitRefusesWrongContent(t *testing.T) {
	tests := map[string]string{
		"short":         text[:5],
		"same length":   "THE QUICK BROWN FOX",
		"nothing":       "",
		"wrong at last": text[:len(text)-1] + "?",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			p := begin(t, s, text)
			write(t, p, content)
			if err := p.Commit(); fault.KindOf(err) != fault.Integrity {
				t.Errorf("commit: %v", err)
			}
			if p.Offset() != 0 {
				t.Errorf("offset %d: the wrong content was kept", p.Offset())
			}
			write(t, p, text)
			if err := p.Commit(); err != nil {
				t.Error(err)
			}
			closePartial(t, p)
			if got := read(t, s, hashOf([]byte(text))); string(got) != text {
				t.Errorf("content %q", got)
			}
		})
	}
}

func TestPartialTakesNoMoreThanItsSize(t *testing.T) {
	s := open(t, t.TempDir())
	p := begin(t, s, text)
	if _, err := p.Write([]byte(text + "!")); fault.KindOf(err) != fault.Integrity {
		t.Errorf("write: %v", err)
	}
	closePartial(t, p)
	if left := names(t, s.partials()); left != "" {
		t.Errorf("left in partial: %s", left)
	}
}

func TestBeginWaits(t *testing.T) {
	root := t.TempDir()
	first := begin(t, open(t, root), text)
	write(t, first, text)

	ctx, cancel := context.WithTimeout(t.Context(), 3*lockPoll)
	defer cancel()
	s := open(t, root)
	if _, err := s.Begin(ctx, hashOf([]byte(text)), int64(len(text))); fault.KindOf(err) != fault.Cancelled {
		t.Errorf("a second download beside the first: %v", err)
	}
	done := make(chan *Partial)
	go func() {
		p, err := s.Begin(t.Context(), hashOf([]byte(text)), int64(len(text)))
		if err != nil {
			t.Error(err)
		}
		done <- p
	}()
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	closePartial(t, first)
	if p := <-done; p != nil {
		t.Error("a download begins of what has just arrived")
	}
}

// TestLeftovers puts down what killed processes leave, and looks at what the
// next Open does about it.
func TestLeftovers(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	if _, err := s.PutBytes([]byte(text)); err != nil {
		t.Fatal(err)
	}
	place := func(name, content string, age time.Duration) string {
		t.Helper()
		path := filepath.Join(s.partials(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return name
	}
	place("put-123", "half a fi", 0)
	place(hashOf([]byte(text)), text[:4], 0)
	place(hashOf([]byte("old")), "o", 8*24*time.Hour)
	fresh := place(hashOf([]byte("fresh")), "fre", time.Hour)
	foreign := place("README", "somebody's own", 99*24*time.Hour)
	inUse, err := s.temp()
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.discard()

	open(t, root)
	want := map[string]bool{fresh: true, foreign: true, filepath.Base(inUse.file.Name()): true}
	entries, err := os.ReadDir(s.partials())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s is still there", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("%s is gone", name)
	}
	p := begin(t, s, "fresh")
	if p.Offset() != 3 {
		t.Errorf("the fresh download is at %d", p.Offset())
	}
	closePartial(t, p)
}

func TestBeginStartsOverWhenTooLong(t *testing.T) {
	s := open(t, t.TempDir())
	path := filepath.Join(s.partials(), hashOf([]byte(text)))
	if err := os.WriteFile(path, []byte(text+" and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, s, text)
	defer closePartial(t, p)
	if p.Offset() != 0 {
		t.Errorf("offset %d", p.Offset())
	}
}
