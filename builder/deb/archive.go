package deb

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Archive is one opened package. It reads from the ReaderAt it was opened on
// and is safe for concurrent use when that one is.
type Archive struct {
	control, data arMember
}

// Control is what the control archive says.
type Control struct {
	Package string
	Version string
	Arch    string
	Text    string   // the control file as it is, ends with a line break
	MD5     []MD5Sum // of regular files, in the package's order
}

// MD5Sum is one line of the md5sums file. Path is relative to the root.
type MD5Sum struct {
	Sum  string // hex
	Path string
}

// Open checks the container of a package of size bytes: three members in the
// order of deb(5), format 2.0. The archives inside are read later.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	members, err := readAr(r, size)
	if err != nil {
		return nil, err
	}
	if len(members) != 3 {
		return nil, fault.New(fault.Integrity, "%d members instead of three", len(members))
	}
	if members[0].name != "debian-binary" {
		return nil, fault.New(fault.Integrity, "first member is %q", members[0].name)
	}
	version, err := limitio.ReadAll(members[0].data, 16)
	if err != nil || string(version) != "2.0\n" {
		return nil, fault.New(fault.Integrity, "format version %q", version)
	}
	a := &Archive{control: members[1], data: members[2]}
	if !strings.HasPrefix(a.control.name, "control.tar") || !strings.HasPrefix(a.data.name, "data.tar") {
		return nil, fault.New(fault.Integrity, "members are %q and %q", a.control.name, a.data.name)
	}
	return a, nil
}

// Control reads the control archive. Maintainer scripts in it are never
// looked at.
func (a *Archive) Control() (*Control, error) {
	files := map[string][]byte{}
	err := walkTar(a.control, "control.tar", MaxControl, func(m Member, r io.Reader) error {
		if m.Path != "control" && m.Path != "md5sums" {
			return nil
		}
		content, err := limitio.ReadAll(r, MaxControl)
		files[m.Path] = content
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the control archive")
	}
	text, ok := files["control"]
	if !ok {
		return nil, fault.New(fault.Integrity, "no control file")
	}
	c := &Control{Text: strings.TrimRight(string(text), "\n") + "\n"}
	stanzas := 0
	err = Stanzas(bytes.NewReader(text), func(s *Stanza) error {
		stanzas++
		c.Package, c.Version, c.Arch = s.Get("Package"), s.Get("Version"), s.Get("Architecture")
		return nil
	})
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the control file")
	}
	if stanzas != 1 || c.Package == "" || c.Version == "" || c.Arch == "" {
		return nil, fault.New(fault.Integrity, "control file has %d stanzas, or lacks name, version or architecture", stanzas)
	}
	c.MD5, err = parseMD5(string(files["md5sums"]))
	return c, err
}

func parseMD5(text string) ([]MD5Sum, error) {
	var sums []MD5Sum
	for line := range strings.Lines(text) {
		sum, path, ok := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		if !ok || len(sum) != 32 || path == "" {
			return nil, fault.New(fault.Integrity, "md5sums line %q", line)
		}
		sums = append(sums, MD5Sum{Sum: sum, Path: path})
	}
	return sums, nil
}

// Walk calls visit with every entry of the data archive, the root directory
// left out, in the order of the package. The reader gives a regular file's
// content and is valid during the call only.
//
// An entry that is not acceptable, a repeated path and an entry below one that
// is no directory end the walk with fault.Integrity.
func (a *Archive) Walk(visit func(Member, io.Reader) error) error {
	return walkTar(a.data, "data.tar", MaxData, visit)
}

func walkTar(m arMember, prefix string, limit int64, visit func(Member, io.Reader) error) error {
	plain, done, err := decompress(strings.TrimPrefix(m.name, prefix), io.NewSectionReader(m.data, 0, m.data.Size()), limit)
	if err != nil {
		return err
	}
	defer done()
	seen := map[string]byte{}
	entries := tar.NewReader(plain)
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return drain(plain)
		}
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading %s", m.name)
		}
		member, err := checkHeader(h)
		if err != nil {
			return err
		}
		if member.Path == "." {
			continue
		}
		if err := checkPlace(seen, member); err != nil {
			return err
		}
		if err := visit(member, entries); err != nil {
			return err
		}
	}
}

// drain reads what follows the end of a tar archive, so that the
// compression's own checksum is verified; only zeros may follow.
func drain(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) != 0 {
			return fault.New(fault.Integrity, "data after the end of the archive")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading the end of the archive")
		}
	}
}

// Size is the number of bytes of the compressed data archive, a measure of
// the work that Walk is.
func (a *Archive) Size() int64 { return a.data.data.Size() }
