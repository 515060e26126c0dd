package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func read(t *testing.T, s *Store, sha string) []byte {
	t.Helper()
	b, err := s.Open(sha)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	content, err := io.ReadAll(b.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// names lists a folder's entries, "" when it is empty.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestPutAndOpen(t *testing.T) {
	content := []byte("some wheel")
	local := filepath.Join(t.TempDir(), "local.whl")
	if err := os.WriteFile(local, content, 0o600); err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(s *Store) (string, error){
		"Put":      func(s *Store) (string, error) { sha, _, err := s.Put(bytes.NewReader(content), 10); return sha, err },
		"PutBytes": func(s *Store) (string, error) { return s.PutBytes(content) },
		"PutFile":  func(s *Store) (string, error) { sha, _, err := s.PutFile(local, 10); return sha, err },
		"PutExpected": func(s *Store) (string, error) {
			_, err := s.PutExpected(bytes.NewReader(content), 10, hashOf(content))
			return hashOf(content), err
		},
	}
	for name, put := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			sha, err := put(s)
			if err != nil {
				t.Fatal(err)
			}
			if sha != hashOf(content) || !s.Has(sha, 10) || s.Has(sha, 9) {
				t.Errorf("sha %s, Has %v and %v", sha, s.Has(sha, 10), s.Has(sha, 9))
			}
			if got := read(t, s, sha); !bytes.Equal(got, content) {
				t.Errorf("content %q", got)
			}
			if left := names(t, s.partials()); left != "" {
				t.Errorf("left in partial: %s", left)
			}
			info, err := os.Stat(s.Path(sha))
			if err != nil || info.Mode().Perm() != 0o444 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestPutRefuses(t *testing.T) {
	broken := errors.New("line cut")
	tests := map[string]struct {
		put  func(s *Store) error
		kind fault.Kind
		is   error
	}{
		"more than the limit": {
			func(s *Store) error { _, _, err := s.Put(strings.NewReader("12345"), 4); return err },
			fault.Integrity, limitio.ErrTooLarge,
		},
		"another hash": {
			func(s *Store) error {
				_, err := s.PutExpected(strings.NewReader("a"), 4, hashOf([]byte("b")))
				return err
			},
			fault.Integrity, nil,
		},
		"no hash": {
			func(s *Store) error { _, err := s.PutExpected(strings.NewReader("a"), 4, "../../x"); return err },
			fault.Integrity, nil,
		},
		"a broken reader": {
			func(s *Store) error { _, _, err := s.Put(iotest.ErrReader(broken), 4); return err },
			fault.Internal, broken,
		},
		"no local file": {
			func(s *Store) error { _, _, err := s.PutFile("/nowhere/x", 4); return err },
			fault.Internal, fs.ErrNotExist,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			err := test.put(s)
			if err == nil || fault.KindOf(err) != test.kind || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("kind %v: %v", fault.KindOf(err), err)
			}
			if left := names(t, s.partials()) + names(t, s.blobs()); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

func TestLayoutForm(t *testing.T) {
	root := t.TempDir()
	open(t, root)
	if err := os.WriteFile(filepath.Join(root, "oci-layout"), []byte(`{"imageLayou`), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, root) // mends what a dying disk or editor left
	var layout struct{ ImageLayoutVersion string }
	var index struct {
		SchemaVersion int
		Manifests     []any
	}
	for name, into := range map[string]any{"oci-layout": &layout, "index.json": &index} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = json.Unmarshal(content, into)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if layout.ImageLayoutVersion != "1.0.0" || index.SchemaVersion != 2 || index.Manifests == nil {
		t.Errorf("layout %+v, index %+v", layout, index)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Open(hashOf([]byte("never stored"))); !errors.Is(err, ErrAbsent) || len(fault.Hints(err)) != 1 {
		t.Errorf("absent blob: %v", err)
	}
	for _, sha := range []string{"", "abc", "../../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("g", 64)} {
		if _, err := s.Open(sha); !fault.Is(err, fault.Integrity) {
			t.Errorf("%q: %v", sha, err)
		}
		if s.Has(sha, 0) || s.Path(sha) != "" {
			t.Errorf("%q is taken for a hash", sha)
		}
	}
}

// TestBitFlips damages a blob at 100 places, with a fresh Store each time as
// another process would have: every one is found, and the blob is gone after.
func TestBitFlips(t *testing.T) {
	root := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 64)
	sha, err := open(t, root).PutBytes(content)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		s := open(t, root)
		damaged := bytes.Clone(content)
		damaged[i*len(content)/100] ^= 1 << (i % 8)
		replace(t, s.Path(sha), damaged)
		if _, err := s.Open(sha); fault.KindOf(err) != fault.Integrity {
			t.Fatalf("flip %d: %v", i, err)
		}
		if s.Has(sha, int64(len(content))) {
			t.Fatalf("flip %d: the damaged blob is still there", i)
		}
		if _, err := s.PutBytes(content); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, s, sha), content) {
			t.Fatalf("flip %d: content is wrong after it was stored again", i)
		}
	}
}

// replace writes a file anew, whatever its mode.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerdictEndsWithAChange(t *testing.T) {
	s := open(t, t.TempDir())
	sha, err := s.PutBytes([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	read(t, s, sha)
	replace(t, s.Path(sha), []byte("CONTENT"))
	// Timestamps of a file system may be coarser than this test is fast.
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(s.Path(sha), later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(sha); !fault.Is(err, fault.Integrity) {
		t.Errorf("changed blob: %v", err)
	}
}

func TestPutMendsDamagedBlob(t *testing.T) {
	root := t.TempDir()
	content := []byte("content")
	sha, err := open(t, root).PutBytes(content)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	replace(t, s.Path(sha), []byte("CONTENT"))
	if _, err := s.PutBytes(content); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, sha); !bytes.Equal(got, content) {
		t.Errorf("content %q", got)
	}
}

func TestSymlinkIsNoBlob(t *testing.T) {
	s := open(t, t.TempDir())
	content := []byte("content")
	target := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(target, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, s.Path(hashOf(content))); err != nil {
		t.Fatal(err)
	}
	if s.Has(hashOf(content), int64(len(content))) {
		t.Error("a symbolic link counts as blob")
	}
	if _, err := s.Open(hashOf(content)); err == nil {
		t.Error("a symbolic link is opened")
	}
	if _, err := s.PutBytes(content); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, hashOf(content)); !bytes.Equal(got, content) {
		t.Errorf("content %q", got)
	}
}

func TestConcurrentWriters(t *testing.T) {
	root := t.TempDir()
	content := bytes.Repeat([]byte("x"), 1<<16)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			s, err := Open(root) // each with its own clean, as processes have
			if err == nil {
				_, _, err = s.Put(bytes.NewReader(content), 1<<20)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s := open(t, root)
	if got := names(t, s.blobs()); got != hashOf(content) {
		t.Errorf("blobs: %s", got)
	}
	if left := names(t, s.partials()); left != "" {
		t.Errorf("left in partial: %s", left)
	}
}

func TestDiskFaultsHaveAHint(t *testing.T) {
	for cause, kind := range map[error]fault.Kind{
		syscall.ENOSPC: fault.DiskFull, syscall.EDQUOT: fault.DiskFull, syscall.EROFS: fault.Internal,
	} {
		err := diskFault(&fs.PathError{Op: "write", Path: "x", Err: cause}, "writing")
		if fault.KindOf(err) != kind || len(fault.Hints(err)) != 1 {
			t.Errorf("%v: kind %v, hints %q", cause, fault.KindOf(err), fault.Hints(err))
		}
	}
}
