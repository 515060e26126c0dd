package wheel

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Wheel is an opened wheel. It keeps the reader it was opened with, and is
// safe for concurrent use where that reader's ReadAt is.
type Wheel struct {
	Filename
	// DistInfo is the wheel's own .dist-info directory, spelled as in the archive.
	DistInfo string

	r           io.ReaderAt
	members     []*Member
	byName      map[string]*Member
	metadata    *Metadata
	info        *Info
	entryPoints EntryPoints
}

// Member is a regular file of a wheel. Directory entries carry nothing that the
// files' names do not say, and are checked and left out.
type Member struct {
	Name   string      // path inside the archive, with slashes
	Size   int64       // bytes, unpacked
	Mode   fs.FileMode // permission bits as archived; see Executable
	SHA256 string      // hex, from RECORD; empty for RECORD itself

	packed int64 // bytes in the archive
	header int64 // offset of the local header
	data   int64 // offset of the packed bytes
	method uint16
	crc    uint32
}

// Executable reports whether any of the member's execute bits is set.
func (m *Member) Executable() bool { return m.Mode&0o111 != 0 }

// Open reads the structure of the wheel in the first size bytes of r, and
// everything in it but the members' content, which Verify and Copy check.
// The file name is the wheel's own, without a directory; name, version and tags
// are taken from it and compared with what the wheel says inside.
//
// It fails with fault.Integrity for every wheel that is not well-formed in the
// sense of the package's documentation.
func Open(r io.ReaderAt, size int64, filename string) (*Wheel, error) {
	w := &Wheel{r: r}
	if err := w.open(size, filename); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading wheel %s", filename)
	}
	return w, nil
}

func (w *Wheel) open(size int64, filename string) (err error) {
	if w.Filename, err = parseFilename(filename); err != nil {
		return err
	}
	entries, err := readArchive(w.r, size)
	if err != nil {
		return err
	}
	if w.members, err = checkMembers(entries); err != nil {
		return err
	}
	w.byName = make(map[string]*Member, len(w.members))
	for _, m := range w.members {
		w.byName[m.Name] = m
	}
	for _, step := range []func() error{w.findDistInfo, w.checkData, w.readRecord, w.readMetadata, w.readInfo, w.readEntryPoints} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Members returns the wheel's files, sorted by name. The slice is the caller's,
// the members are shared and must not be changed.
func (w *Wheel) Members() []*Member { return append([]*Member(nil), w.members...) }

// Member returns the file of that name, or nil.
func (w *Wheel) Member(name string) *Member { return w.byName[name] }

// Metadata returns what METADATA says.
func (w *Wheel) Metadata() *Metadata { return w.metadata }

// Info returns what WHEEL says.
func (w *Wheel) Info() *Info { return w.info }

// EntryPoints returns what entry_points.txt says; it is empty where there is none.
func (w *Wheel) EntryPoints() EntryPoints { return w.entryPoints }

// findDistInfo sets DistInfo: there must be exactly one such directory at the
// top, and its name must be that of the wheel. Nested ones (vendored packages)
// are ordinary files. A top-level .egg-info would be a second distribution to
// importlib.metadata, and is refused.
func (w *Wheel) findDistInfo() error {
	for _, m := range w.members {
		top, _, nested := strings.Cut(m.Name, "/")
		ext := strings.ToLower(path.Ext(top))
		switch {
		case ext == ".egg-info":
			return memberError(m.Name, "a second distribution: top-level .egg-info")
		case ext != ".dist-info" || top == w.DistInfo:
			continue
		case !nested:
			return memberError(m.Name, "a .dist-info that is a file")
		case w.DistInfo != "":
			return memberError(m.Name, "a second .dist-info directory beside "+w.DistInfo)
		}
		w.DistInfo = top
	}
	if w.DistInfo == "" {
		return fmt.Errorf("no .dist-info directory")
	}
	name, version, ok := strings.Cut(strings.TrimSuffix(w.DistInfo, ".dist-info"), "-")
	if !ok || NormalizeName(name) != w.Name || !SameVersion(version, w.Version) {
		return fmt.Errorf("directory %s does not belong to %s %s", w.DistInfo, w.Name, w.Version)
	}
	return nil
}

// Schemes of the .data directory, see DataPath.
var schemes = map[string]bool{"purelib": true, "platlib": true, "scripts": true, "headers": true, "data": true}

// checkData checks that .data directories at the top are the wheel's own, and
// hold known installation schemes only.
func (w *Wheel) checkData() error {
	for _, m := range w.members {
		top, rest, _ := strings.Cut(m.Name, "/")
		if !strings.EqualFold(path.Ext(top), ".data") {
			continue
		}
		if top != w.dataDir() {
			return memberError(m.Name, "a .data directory that is not "+w.dataDir())
		}
		scheme, file, ok := strings.Cut(rest, "/")
		if !ok || file == "" || !schemes[scheme] {
			return memberError(m.Name, "no known installation scheme")
		}
	}
	return nil
}

func (w *Wheel) dataDir() string { return strings.TrimSuffix(w.DistInfo, ".dist-info") + ".data" }

// DataPath splits the name of a member of the wheel's .data directory into the
// installation scheme (purelib, platlib, scripts, headers or data) and the path
// below it. For other members, scheme is empty and rest is the name.
func (w *Wheel) DataPath(m *Member) (scheme, rest string) {
	inside, ok := strings.CutPrefix(m.Name, w.dataDir()+"/")
	if !ok {
		return "", m.Name
	}
	scheme, rest, _ = strings.Cut(inside, "/")
	return scheme, rest
}

// required returns the content of a file of .dist-info that a wheel must have.
func (w *Wheel) required(name string, limit int64) ([]byte, error) {
	m := w.byName[w.DistInfo+"/"+name]
	if m == nil {
		return nil, fmt.Errorf("no %s/%s", w.DistInfo, name)
	}
	return w.read(m, limit)
}

func memberError(name, format string, args ...any) error {
	return fmt.Errorf("member %q: "+format, append([]any{name}, args...)...)
}
