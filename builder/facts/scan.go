package facts

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/executor/contract"
)

// pythonMagics are the magic numbers of bytecode, by importlib's
// _bootstrap_external.py: the key under which a source is hashed.
var pythonMagics = []uint16{3495, 3531, 3571, 3627} // Python 3.11 to 3.14

// scanner reads the entries of one layer.
type scanner struct {
	layer Layer

	entries   []Entry
	whiteouts []Whiteout
	programs  []Program
	tools     []Tool
	elf       []ELF
	bytecode  []bytecode
	sources   map[string][]uint64 // .py file -> its hashes under pythonMagics
	texts     map[string]text     // files that say something about others
	problems  []Problem

	*workspace
	retain    []byte
	used      *budget
	observers []Observer

	venvRoot string
}

// text is a small file's content.
type text struct {
	layer   int
	content []byte
}

// bytecode is the header of a .pyc file.
type bytecode struct {
	path  string
	magic uint16
	flags uint32
	hash  uint64
}

// workspace is what reading one layer needs and the next one can use again.
type workspace struct {
	buf   []byte
	spool spool
	sha   hash.Hash
	md5   hash.Hash
}

func newWorkspace() *workspace {
	return &workspace{buf: make([]byte, 256<<10), spool: spool{buf: make([]byte, 0, spoolMemory)}, sha: sha256.New(), md5: md5.New()}
}

func newScanner(l image.Layer, venvRoot string, w *workspace) *scanner {
	return &scanner{layer: Layer{Layer: l}, venvRoot: venvRoot, sources: map[string][]uint64{}, texts: map[string]text{}, workspace: w}
}

// visit is the image.Visit of the layer.
func (s *scanner) visit(_ image.Layer, e image.Entry, r io.Reader) error {
	s.layer.Entries++
	if err := s.used.entry(s.layer.Index); err != nil {
		return err
	}
	switch e.Type {
	case image.Whiteout, image.Opaque:
		s.whiteouts = append(s.whiteouts, Whiteout{Path: e.Path, Layer: s.layer.Index, Opaque: e.Type == image.Opaque})
		return nil
	}
	entry := Entry{Path: e.Path, Layer: s.layer.Index, Type: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size, MTime: e.ModTime.Unix(), Link: e.Link, Device: e.Device}
	for k, v := range e.Xattrs {
		if entry.Xattrs == nil {
			entry.Xattrs = map[string]string{}
		}
		entry.Xattrs[k] = hex.EncodeToString([]byte(v))
	}
	if e.Type == image.File {
		if err := s.file(&entry, r); err != nil {
			return err
		}
	}
	s.classify(entry)
	s.entries = append(s.entries, entry)
	return s.observe(entry)
}

// file reads a file once: hashes, first bytes, and whatever its kind needs.
func (s *scanner) file(e *Entry, r io.Reader) error {
	s.layer.Bytes += e.Size
	n, err := io.ReadFull(r, s.buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	ended := err != nil
	e.Magic = magicOf(e.Path, s.buf[:n])
	if s.wantsText(e.Path) && e.Size <= maxText {
		if err := s.used.text(e.Layer, e.Size); err != nil {
			return err
		}
	}
	sinks, finish := s.sinks(e)
	for {
		for _, sink := range sinks {
			if _, err := sink.Write(s.buf[:n]); err != nil {
				return fault.Wrap(fault.Internal, err, "reading %s of layer %d", e.Path, e.Layer+1)
			}
		}
		if ended {
			break
		}
		n, err = r.Read(s.buf)
		if err != nil && err != io.EOF {
			return err
		}
		ended = err == io.EOF
	}
	finish()
	return nil
}

// sinks says who wants the bytes of a file, and what to do with them at its end.
func (s *scanner) sinks(e *Entry) ([]io.Writer, func()) {
	s.sha.Reset()
	sinks := []io.Writer{s.sha}
	finish := []func(){func() { e.SHA256 = hex.EncodeToString(s.sha.Sum(nil)) }}
	add := func(w io.Writer, f func()) {
		sinks, finish = append(sinks, w), append(finish, f)
	}
	if !strings.HasPrefix(e.Path, "opt/") {
		s.md5.Reset()
		add(s.md5, func() { e.MD5 = hex.EncodeToString(s.md5.Sum(nil)) })
	}
	if s.wantsText(e.Path) && e.Size <= maxText {
		s.retain = nil
		add(writer(func(p []byte) { s.retain = append(s.retain, p...) }), func() { s.texts[e.Path] = text{e.Layer, s.retain} })
	}
	if strings.HasSuffix(e.Path, ".py") {
		hashes := make([]*siphash13, len(pythonMagics))
		for n, m := range pythonMagics {
			hashes[n] = newSiphash13(uint64(m) | 0x0a0d0000)
			sinks = append(sinks, hashes[n])
		}
		finish = append(finish, func() {
			for _, h := range hashes {
				s.sources[e.Path] = append(s.sources[e.Path], h.Sum64())
			}
		})
	}
	s.spool.reset()
	switch e.Magic {
	case MagicELF, MagicZip, MagicWheel, MagicScript:
		m := newMarker()
		if e.Magic == MagicELF {
			sinks = append(sinks, m)
		}
		add(&s.spool, func() { s.inspect(e, m) })
	default:
		if len(s.observers) > 0 {
			sinks = append(sinks, &s.spool)
		}
	}
	if e.Magic == MagicPyc {
		head := s.buf[:16]
		s.bytecode = append(s.bytecode, bytecode{path: e.Path, magic: binary.LittleEndian.Uint16(head),
			flags: binary.LittleEndian.Uint32(head[4:]), hash: binary.LittleEndian.Uint64(head[8:])})
	}
	return sinks, func() {
		for _, f := range finish {
			f()
		}
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// inspect reads a spooled file as what its first bytes say it is.
func (s *scanner) inspect(e *Entry, m *marker) {
	if e.Magic == MagicELF {
		s.inspectELF(e, m)
	}
	archive := e.Magic == MagicZip || e.Magic == MagicWheel
	if !archive && !endsAsZip(&s.spool, s.spool.size) {
		return
	}
	found, err := toolsInZip(&s.spool, s.spool.size)
	if err != nil && archive {
		s.problem(e, "it starts as a ZIP archive and cannot be read as one")
	}
	for _, name := range found {
		s.tools = append(s.tools, Tool{e.Path, e.Layer, "installer", name, "archive"})
	}
}

func (s *scanner) inspectELF(e *Entry, m *marker) {
	for _, sig := range m.tools() {
		s.tools = append(s.tools, Tool{e.Path, e.Layer, sig.kind, sig.name, "content"})
	}
	facts, err := readELF(&s.spool, s.spool.size)
	if err != nil {
		s.problem(e, err.Error())
		return
	}
	facts.Path, facts.Layer = e.Path, e.Layer
	s.elf = append(s.elf, facts)
}

func (s *scanner) problem(e *Entry, what string) {
	s.problems = append(s.problems, Problem{e.Path, e.Layer, what})
}

// classify notes programs and tools that an entry's name and mode tell of.
func (s *scanner) classify(e Entry) {
	if kind := s.programKind(e); kind != "" {
		s.programs = append(s.programs, Program{e.Path, e.Layer, kind})
	}
	if e.Type == image.Dir {
		return
	}
	if kind, name := toolByName(e.Path); kind != "" && !inPackage(e) {
		s.tools = append(s.tools, Tool{e.Path, e.Layer, kind, name, "name"})
	}
	if name := InstallerModule(e.Path); name != "" {
		s.tools = append(s.tools, Tool{e.Path, e.Layer, "installer", name, "module"})
	}
	if strings.HasSuffix(strings.ToLower(e.Path), ".whl") {
		s.tools = append(s.tools, Tool{e.Path, e.Layer, "installer", path.Base(e.Path), "archive"})
	}
}

func (s *scanner) programKind(e Entry) string {
	dir := path.Base(path.Dir(e.Path))
	switch {
	case (e.Type == image.Symlink || e.Type == image.Hardlink) && (dir == "bin" || dir == "sbin" || path.Dir(e.Path) == "."):
		return "link"
	case e.Type != image.File:
		return ""
	case e.Magic == MagicELF && (e.Mode&0o111 != 0 || len(s.elf) > 0 && s.elf[len(s.elf)-1].Path == e.Path && s.elf[len(s.elf)-1].starts()):
		return "elf"
	case e.Mode&0o111 == 0:
		return ""
	case e.Magic == MagicScript:
		return "script"
	}
	return "file"
}

// inPackage tells data of packages that happens to be named like a program (a
// translation called "as", a terminal description called "screen") from
// programs: without an execute bit and not in a directory of programs.
func inPackage(e Entry) bool {
	switch path.Base(path.Dir(e.Path)) {
	case "bin", "sbin", "libexec":
		return false
	}
	if e.Type != image.File {
		return true
	}
	return e.Mode&0o111 == 0 && e.Magic != MagicELF && e.Magic != MagicScript
}

// wantsText lists the files whose content says something about other files.
func (s *scanner) wantsText(p string) bool {
	dir, base := path.Split(p)
	switch base {
	case "METADATA", "RECORD":
		return strings.HasSuffix(dir, ".dist-info/")
	case "PKG-INFO":
		return strings.HasSuffix(dir, ".egg-info/")
	case "pyvenv.cfg", "pip.conf", "uv.toml":
		return true
	case contract.MetadataFile:
		return dir == s.venvRoot+"/"
	case "os-release", "ld.so.conf":
		return dir == "etc/" || dir == "usr/lib/"
	}
	switch dir {
	case "var/lib/dpkg/", "var/lib/dpkg/status.d/", "etc/ld.so.conf.d/":
		return true
	case "var/lib/dpkg/info/": // its lists and scripts say nothing that is asked for
		return strings.HasSuffix(base, ".md5sums")
	}
	return strings.HasSuffix(base, ".egg-info") || "/"+p == contract.BuildInfoPath
}
