package probe

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/wheel"
)

// Limits on looking into one file of the image. An archive that passes one
// could hide an installer behind it, so passing one is a finding.
const (
	maxNesting      = 3         // archives inside of archives
	maxMembers      = 100_000   // members of one archive, all of its inner ones included
	maxUnpacked     = 512 << 20 // bytes unpacked of one file, all inner archives included
	maxInnerArchive = 32 << 20  // bytes of one archive inside of another, held in memory
	zipTail         = 22 + 1<<16 - 1
)

// opener looks into one file and what is nested in it.
type opener struct {
	note     func(kindOfHit, string, string)
	members  int
	unpacked int64
	reported map[string]bool
}

var errTooMuch = errors.New("more than is looked into")

// inspectArchive looks for installers in a file that is an archive, under
// whatever name and with whatever before it: Python imports from a ZIP archive
// that is appended to anything.
func inspectArchive(e facts.Entry, content io.ReaderAt, note func(kindOfHit, string, string)) {
	o := &opener{note: note, reported: map[string]bool{}}
	if name := installerArchive(e.Path); name != "" {
		note(hitArchive, "", name+", told by its name")
	}
	err := o.open(content, e.Size, "", 0)
	switch {
	case errors.Is(err, errTooMuch), errors.Is(err, limitio.ErrTooLarge):
		note(hitOpaque, "", "an archive with more in it than is looked into")
	case err != nil:
		note(hitOpaque, "", "a ZIP archive that cannot be read as one")
	}
}

func (o *opener) found(what string) {
	if !o.reported[what] {
		o.reported[what] = true
		o.note(hitArchive, "", "it holds "+what)
	}
}

// installerArchive tells wheels, all of them, and the source archives of
// installers by their names.
func installerArchive(p string) string {
	base := strings.ToLower(path.Base(p))
	if strings.HasSuffix(base, ".whl") {
		return "a wheel"
	}
	for _, end := range []string{".tar.gz", ".tgz", ".tar.bz2", ".zip", ".pyz", ".egg"} {
		if stem, ok := strings.CutSuffix(base, end); ok {
			project, _, _ := strings.Cut(stem, "-")
			if _, is := lock.Installer(wheel.NormalizeName(project)); is {
				return "the source archive of " + project
			}
		}
	}
	return ""
}

// open looks at what content is. where names the archives around it.
func (o *opener) open(content io.ReaderAt, size int64, where string, depth int) error {
	head := make([]byte, 512)
	n, err := content.ReadAt(head[:min(size, 512)], 0)
	if err != nil && err != io.EOF {
		return err
	}
	head = head[:n]
	if ends, exactly := endsAsZip(content, size); ends {
		err := o.zip(content, size, where, depth)
		if exactly || passing(err) != nil || bytes.HasPrefix(head, []byte("PK\x03\x04")) {
			return err
		}
		if err == nil {
			return nil
		}
	}
	stream, err := unpacker(head, io.NewSectionReader(content, 0, size))
	if stream == nil || err != nil {
		return nil // no archive, or one that nobody can unpack
	}
	defer stream.Close()
	return o.inner(o.counted(stream), where, depth)
}

// endRecord is the signature of a ZIP archive's end record.
var endRecord = []byte("PK\x05\x06")

// endsAsZip looks for the end record of a ZIP archive, as far from the end as
// Python looks for it. exactly says that it ends where the file ends, which
// happens to no other file by chance.
func endsAsZip(content io.ReaderAt, size int64) (ends, exactly bool) {
	if size < 22 {
		return false, false
	}
	tail := make([]byte, min(size, zipTail))
	if _, err := content.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return false, false
	}
	// The last one counts, as for Python. Looking from the front is much faster
	// than bytes.LastIndex, and most files have none.
	at := -1
	for next := bytes.Index(tail, endRecord); next >= 0; next = bytes.Index(tail[at+1:], endRecord) {
		at += 1 + next
	}
	if at < 0 || at+22 > len(tail) {
		return false, false
	}
	comment := int(tail[at+20]) | int(tail[at+21])<<8
	return true, at+22+comment == len(tail)
}

// zip looks into a ZIP archive. One that only seems to have an end record is none.
func (o *opener) zip(content io.ReaderAt, size int64, where string, depth int) error {
	z, err := zip.NewReader(content, size)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if err := o.member(where, f.Name); err != nil {
			return err
		}
		if f.UncompressedSize64 < 22 || f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			continue // encrypted, or a method that Python does not know either
		}
		err = o.inner(o.counted(r), where+f.Name+": ", depth)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// member judges a member of an archive by its name.
func (o *opener) member(where, name string) error {
	if o.members++; o.members > maxMembers {
		return errTooMuch
	}
	name = strings.TrimPrefix(name, "./")
	if found := facts.InstallerModule(name); found != "" {
		o.found(found + in(where))
	}
	if found := installerArchive(name); found != "" {
		o.found(found + in(where))
	}
	return nil
}

func in(where string) string {
	if where == "" {
		return ""
	}
	return " in " + strings.TrimSuffix(where, ": ")
}

// inner looks at one member's bytes: a program, or one more archive.
func (o *opener) inner(r io.Reader, where string, depth int) error {
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return passing(err)
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return o.program(r, where)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		if depth == maxNesting {
			return errTooMuch
		}
		b, err := limitio.ReadAll(r, maxInnerArchive)
		if err != nil {
			return passing(err)
		}
		return passing(o.zip(bytes.NewReader(b), int64(len(b)), where, depth+1))
	case isTar(head):
		return o.tar(r, where, depth)
	}
	stream, err := unpacker(head, r)
	if stream == nil || err != nil {
		return nil
	}
	defer stream.Close()
	if depth == maxNesting {
		return errTooMuch
	}
	return o.inner(o.counted(stream), where, depth+1)
}

func isTar(head []byte) bool {
	return len(head) >= 262 && bytes.Equal(head[257:262], []byte("ustar"))
}

func (o *opener) tar(r io.Reader, where string, depth int) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err != nil {
			return passing(err)
		}
		if err := o.member(where, h.Name); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Size < 22 {
			continue
		}
		if depth == maxNesting {
			continue // its members are judged by name
		}
		if err := o.inner(tr, where+h.Name+": ", depth+1); err != nil {
			return err
		}
	}
}

// program looks for the marks of tools in a program inside an archive.
func (o *opener) program(r io.Reader, where string) error {
	found := seen{}
	buf := make([]byte, window)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		found.look(buf[:kept+n], archivedMarks)
		if err != nil {
			for _, m := range archivedMarks {
				if found.all(m) {
					o.found(m.kind + " " + m.name + in(where))
				}
			}
			return passing(err)
		}
		kept = copy(buf, buf[len(buf)-overlap:])
	}
}

// archivedMarks are the programs that nobody has a reason to pack up.
var archivedMarks = []programMark{
	{"installer", "uv", []string{"crates/uv-"}},
	{"installer", "conda", []string{"micromamba"}},
	{"shell", "busybox", []string{"BusyBox v"}},
	{"shell", "bash", []string{"GNU bash, version "}},
	{"downloader", "curl", []string{"Usage: curl [options"}},
}

// passing drops the errors that say an archive is not well-formed, and keeps
// those that say it is more than is looked into.
func passing(err error) error {
	if errors.Is(err, errTooMuch) || errors.Is(err, limitio.ErrTooLarge) {
		return err
	}
	return nil
}

// unpacker tells a compressed stream by its first bytes; nil for all others.
func unpacker(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		x, err := xz.ReaderConfig{DictCap: 8 << 20, SingleStream: true}.NewReader(r)
		return io.NopCloser(x), err
	case bytes.HasPrefix(head, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(r)), nil
	case isTar(head):
		return io.NopCloser(r), nil
	}
	return nil, nil
}

// counted charges what is read to the file that is looked into.
func (o *opener) counted(r io.Reader) io.Reader { return &charged{o, r} }

type charged struct {
	o *opener
	r io.Reader
}

func (c *charged) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.o.unpacked += int64(n); c.o.unpacked > maxUnpacked {
		return n, errTooMuch
	}
	return n, err
}
