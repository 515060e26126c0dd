package pack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
)

// memory is a store in memory that counts how many blobs are open.
type memory struct {
	blobs map[string][]byte
	open  int
}

type memoryBlob struct {
	*bytes.Reader
	m *memory
}

func (b memoryBlob) Close() error { b.m.open--; return nil }

func (m *memory) Open(sha string) (Blob, error) {
	content, ok := m.blobs[sha]
	if !ok {
		return nil, errors.New("no such blob")
	}
	m.open++
	return memoryBlob{bytes.NewReader(content), m}, nil
}

func (m *memory) put(name, content string) Member {
	sum := sha256.Sum256([]byte(content))
	sha := hex.EncodeToString(sum[:])
	m.blobs[sha] = []byte(content)
	return Member{Name: name, SHA256: sha, Size: int64(len(content))}
}

func newMemory() *memory { return &memory{blobs: map[string][]byte{}} }

func threeMembers(m *memory) []Member {
	return []Member{
		m.put("b.whl", strings.Repeat("b", 512)),
		m.put("a.whl", "short"),
		m.put(strings.Repeat("long-", 30)+".whl", strings.Repeat("c", 1500)),
		m.put("empty.whl", ""),
	}
}

func TestAPackIsATarOfItsMembers(t *testing.T) {
	m := newMemory()
	p, err := New(threeMembers(m))
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewReader(m.Open)
	got := map[string]string{}
	archive := tar.NewReader(io.NewSectionReader(r, 0, r.Size()))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o444 || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s: mode %o owner %d:%d time %v", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = string(content)
	}
	want := map[string]string{
		"a.whl": "short", "b.whl": strings.Repeat("b", 512), "empty.whl": "",
		strings.Repeat("long-", 30) + ".whl": strings.Repeat("c", 1500),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := r.Close(); err != nil || m.open != 0 {
		t.Errorf("close: %v, %d blobs left open", err, m.open)
	}
}

func TestDigestIsThatOfTheBytesRead(t *testing.T) {
	m := newMemory()
	p, err := New(threeMembers(m))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(io.NewSectionReader(p.NewReader(m.Open), 0, p.Size()))
	if err != nil || int64(len(all)) != p.Size() {
		t.Fatalf("read %d of %d bytes: %v", len(all), p.Size(), err)
	}
	sum := sha256.Sum256(all)
	got, err := p.Digest(m.Open)
	if want := hex.EncodeToString(sum[:]); err != nil || got != want {
		t.Errorf("Digest = %s, %v; want %s", got, err, want)
	}
	if err := iotest.TestReader(io.NewSectionReader(p.NewReader(m.Open), 0, p.Size()), all); err != nil {
		t.Error(err)
	}
}

func TestReadAtAnyOffset(t *testing.T) {
	m := newMemory()
	p, _ := New(threeMembers(m))
	r := p.NewReader(m.Open)
	all, _ := io.ReadAll(io.NewSectionReader(r, 0, p.Size()))
	random := rand.New(rand.NewSource(1))
	for range 500 {
		off := random.Intn(len(all))
		b := make([]byte, random.Intn(2000))
		n, err := r.ReadAt(b, int64(off))
		want := all[off:min(off+len(b), len(all))]
		if !bytes.Equal(b[:n], want) || (n < len(b)) != (err == io.EOF) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v", len(b), off, n, err)
		}
	}
}

func TestOrderOfMembersDoesNotMatter(t *testing.T) {
	m := newMemory()
	members := threeMembers(m)
	first, _ := New(members)
	want, _ := first.Digest(m.Open)
	slices.Reverse(members)
	second, _ := New(members)
	if got, _ := second.Digest(m.Open); got != want {
		t.Errorf("digest %s after reversing, %s before", got, want)
	}
}

func TestDamagedMembersAreFound(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"flipped":   func(b []byte) []byte { b[3] ^= 1; return b },
		"truncated": func(b []byte) []byte { return b[:len(b)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			member := m.put("a.whl", "some content")
			m.blobs[member.SHA256] = damage(m.blobs[member.SHA256])
			p, _ := New([]Member{member})
			if _, err := p.Digest(m.Open); !fault.Is(err, fault.Integrity) {
				t.Errorf("got %v, want an integrity fault", err)
			}
		})
	}
}

func TestAShortMemberNeverReadsAsAnotherArchive(t *testing.T) {
	m := newMemory()
	member := m.put("a.whl", "some content")
	m.blobs[member.SHA256] = m.blobs[member.SHA256][:4]
	p, _ := New([]Member{member})
	_, err := io.ReadAll(io.NewSectionReader(p.NewReader(m.Open), 0, p.Size()))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestBadMembersAreRefused(t *testing.T) {
	good := newMemory().put("a.whl", "x")
	for name, members := range map[string][]Member{
		"slash":     {{Name: "a/b", SHA256: good.SHA256}},
		"parent":    {{Name: "..", SHA256: good.SHA256}},
		"empty":     {{Name: "", SHA256: good.SHA256}},
		"hash":      {{Name: "a", SHA256: "abc"}},
		"size":      {{Name: "a", SHA256: good.SHA256, Size: -1}},
		"duplicate": {good, good},
	} {
		if _, err := New(members); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: got %v, want a fault", name, err)
		}
	}
}
