// Package debtest makes small packages, good and hostile, for tests.
package debtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Compression is the suffix of a member, "" for none.
type Compression string

// Compressions that deb(5) lists and the reader takes.
const (
	Plain Compression = ""
	Gzip  Compression = ".gz"
	XZ    Compression = ".xz"
	Zstd  Compression = ".zst"
)

// Entry is one tar entry; Header.Size is set from Content.
type Entry struct {
	Header  tar.Header
	Content string
}

// File is a regular file of mode 0644.
func File(name, content string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}

// Dir is a directory of mode 0755.
func Dir(name string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}

// Link is a symbolic link.
func Link(name, target string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: target}, ""}
}

// Tar packs entries.
func Tar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		e.Header.Size = int64(len(e.Content))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Compress packs data.
func Compress(t testing.TB, c Compression, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var err error
	switch c {
	case Plain:
		return data
	case Gzip:
		w := gzip.NewWriter(&buf)
		if _, err = w.Write(data); err == nil {
			err = w.Close()
		}
	case XZ:
		var w *xz.Writer
		if w, err = xz.NewWriter(&buf); err == nil {
			if _, err = w.Write(data); err == nil {
				err = w.Close()
			}
		}
	case Zstd:
		var w *zstd.Encoder
		if w, err = zstd.NewWriter(&buf); err == nil {
			if _, err = w.Write(data); err == nil {
				err = w.Close()
			}
		}
	default:
		t.Fatalf("unknown compression %q", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Member is one member of the ar container.
type Member struct {
	Name string
	Data []byte
}

// Ar packs members.
func Ar(members ...Member) []byte {
	buf := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(buf, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.Name, 0, 0, 0, "100644", len(m.Data))
		buf.Write(m.Data)
		if len(m.Data)%2 == 1 {
			buf.WriteByte('\n')
		}
	}
	return buf.Bytes()
}

// Package makes a package of one architecture with these data entries.
func Package(t testing.TB, name, version, arch string, entries ...Entry) []byte {
	t.Helper()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nDescription: made for a test\n of several lines\n", name, version, arch)
	return WithControl(t, XZ, []Entry{File("./control", control)}, entries)
}

// WithControl makes a package from the entries of both archives.
func WithControl(t testing.TB, c Compression, control, data []Entry) []byte {
	t.Helper()
	return Ar(
		Member{"debian-binary", []byte("2.0\n")},
		Member{"control.tar" + string(c), Compress(t, c, Tar(t, control...))},
		Member{"data.tar" + string(c), Compress(t, c, Tar(t, data...))},
	)
}
