package probe

import (
	"bytes"
	"io"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// kindOfHit is what the content of a file turned out to be.
type kindOfHit string

const (
	hitArchive  kindOfHit = "archive"  // an installer inside of an archive
	hitOpaque   kindOfHit = "opaque"   // an archive that could not be looked into completely
	hitProgram  kindOfHit = "program"  // a tool under any name
	hitBytecode kindOfHit = "bytecode" // Python bytecode that does not call itself so
	hitSecret   kindOfHit = "secret"
	hitDebug    kindOfHit = "debug" // a program with a debugging server in it
)

// hit is one thing found in the content of a file. Tool is the kind of tool of
// a hitProgram, in the words of facts.Tool.
type hit struct {
	kind  kindOfHit
	tool  string
	layer int
	path  string
	text  string
}

// maxHits bounds the hits of one kind in one layer. The next one is noted
// without a path, so that no crowd of harmless hits hides a bad one.
const maxHits = 1_000

// maxAccounts bounds /etc/passwd and /etc/group.
const maxAccounts = 1 << 20

// inspector looks into the content of every file, whatever it is called.
type inspector struct{ layers []inspected }

// inspected is one layer's; layers are read at the same time.
type inspected struct {
	hits     []hit
	counts   map[string]int    // of hits, by kind and tool
	accounts map[string][]byte // etc/passwd and etc/group
	buf      []byte
}

func newInspector(layers int) *inspector {
	return &inspector{layers: make([]inspected, layers)}
}

// observe is the facts.Observer of all layers.
func (in *inspector) observe(e facts.Entry, content io.ReaderAt) error {
	if e.Type != image.File || e.Size == 0 {
		return nil
	}
	l := &in.layers[e.Layer]
	note := func(kind kindOfHit, tool, text string) {
		l.note(hit{kind, tool, e.Layer, e.Path, text})
	}
	if e.Path == "etc/passwd" || e.Path == "etc/group" {
		b, err := limitio.ReadAll(io.NewSectionReader(content, 0, e.Size), maxAccounts)
		if err == nil {
			if l.accounts == nil {
				l.accounts = map[string][]byte{}
			}
			l.accounts[e.Path] = b
		}
	}
	if l.buf == nil {
		l.buf = make([]byte, window)
	}
	head := l.buf[:min(e.Size, headSize)]
	if _, err := content.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if isBytecode(head) && !strings.HasSuffix(e.Path, ".pyc") {
		note(hitBytecode, "", "Python bytecode under a name that does not say so")
	}
	if isProgram(e, head) {
		inspectProgram(content, e.Size, l.buf, note)
	}
	if err := inspectSecrets(e, content, l.buf, note); err != nil {
		return err
	}
	inspectArchive(e, content, note)
	return nil
}

func (l *inspected) note(h hit) {
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	key := string(h.kind) + " " + h.tool
	n := l.counts[key] + 1
	l.counts[key] = n
	switch {
	case n <= maxHits:
		l.hits = append(l.hits, h)
	case n == maxHits+1:
		l.hits = append(l.hits, hit{h.kind, h.tool, h.layer, "", "more of this kind than are noted of one layer"})
	}
}

const (
	headSize = 8 << 10
	window   = 256 << 10 // bytes that are looked at together
	overlap  = 4 << 10   // of neighbouring windows, so that nothing is cut in two
)

// isBytecode tells a .pyc file by its first bytes: a magic number of Python 3,
// flags of PEP 552, and a code object.
func isBytecode(head []byte) bool {
	if len(head) < 17 || head[2] != '\r' || head[3] != '\n' {
		return false
	}
	magic := int(head[0]) | int(head[1])<<8
	return magic >= 3390 && magic < 4000 && head[4] <= 3 && bytes.Equal(head[5:8], []byte{0, 0, 0}) && head[16]&0x7f == 'c'
}

// windows calls see with one piece of content after the other; each begins
// with the end of the one before, of overlap bytes. more says that there is
// another one.
func windows(content io.ReaderAt, size int64, buf []byte, see func(b []byte, more bool) (done bool)) error {
	for at := int64(0); at < size; at += int64(len(buf) - overlap) {
		n, err := content.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && err != io.EOF {
			return err
		}
		if see(buf[:n], at+int64(n) < size) {
			return nil
		}
	}
	return nil
}
