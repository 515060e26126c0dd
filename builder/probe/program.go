package probe

import (
	"bytes"
	"io"

	"github.com/lockforge/lockforge/builder/facts"
)

// programMark tells a program by texts that its developers put in; all must be
// there. facts knows those of shells and installers; these are the programs
// that an attacker would rename next. They are looked for in programs only:
// libraries hold such texts for other reasons.
type programMark struct {
	kind, name string
	texts      []string
}

var programMarks = []programMark{
	{"shell", "find", []string{"GNU findutils", "-execdir"}},
	{"shell", "xargs", []string{"--max-procs", "--replace"}},
	{"shell", "env", []string{"--split-string", "--ignore-environment"}},
	{"interpreter", "sed", []string{"GNU sed", "--posix"}},
	{"interpreter", "awk", []string{"-W interactive", "mawk"}},
	{"interpreter", "awk", []string{"GNU Awk"}},
	{"interpreter", "node", []string{"NODE_OPTIONS", "process.binding"}},
	{"downloader", "ssh", []string{"usage: ssh", "bind_interface"}},
	{"downloader", "scp", []string{"usage: scp"}},
	{"downloader", "openssl", []string{"\x00s_client\x00", "\x00s_server\x00"}},
	{"archiver", "unzip", []string{"UnZip ", "unzipsfx"}},
	{"compiler", "gcc", []string{"COLLECT_GCC_OPTIONS"}},
	{"compiler", "ld", []string{"GNU ld ", "supported emulations"}},
	{"compiler", "as", []string{"GNU assembler", "--defsym"}},
	{"compiler", "make", []string{"GNU Make ", "MAKEFLAGS"}},
	{"compiler", "go", []string{"\xff Go buildinf:", "cmd/go/internal/modload"}},
	{"compiler", "cmake", []string{"CMAKE_HOME_DIRECTORY", "cmake_minimum_required"}},
	{"debugger", "strace", []string{"PTRACE_SEIZE", "seccomp-bpf"}},
	{"privilege", "su", []string{"pam_start", "Change the effective user ID"}},
	{"privilege", "passwd", []string{"pam_chauthtok", "passwd"}},
	{"debugger", "gdb", []string{"GNU gdb", "gdbserver"}},
}

// debugTexts are in programs that carry a debugging server.
var debugTexts = []programMark{
	{"", "net/http/pprof, which serves memory and profiles of the program", []string{"\xff Go buildinf:", "net/http/pprof.Index"}},
}

// isProgram tells ELF files that the kernel would start from libraries: those
// of type EXEC, those that name a loader, and whatever is marked executable
// and not called a library.
func isProgram(e facts.Entry, head []byte) bool {
	if e.Magic != facts.MagicELF || len(head) < 20 {
		return false
	}
	little := head[5] == 1
	typ := head[17]
	if little {
		typ = head[16]
	}
	if typ == 2 || bytes.Contains(head, []byte("/ld-")) {
		return true
	}
	return e.Mode&0o111 != 0 && !bytes.Contains([]byte(e.Path), []byte(".so"))
}

// seen remembers which texts of marks were in a file.
type seen map[string]bool

func (s seen) look(b []byte, marks []programMark) {
	for _, m := range marks {
		for _, t := range m.texts {
			if !s[t] && bytes.Contains(b, []byte(t)) {
				s[t] = true
			}
		}
	}
}

func (s seen) all(m programMark) bool {
	for _, t := range m.texts {
		if !s[t] {
			return false
		}
	}
	return true
}

// inspectProgram looks for marks in one program.
func inspectProgram(content io.ReaderAt, size int64, buf []byte, note func(kindOfHit, string, string)) {
	found := seen{}
	_ = windows(content, size, buf, func(b []byte, _ bool) bool { // its bytes have been read before
		found.look(b, programMarks)
		found.look(b, debugTexts)
		return false
	})
	found.report(note)
}

func (s seen) report(note func(kindOfHit, string, string)) {
	for _, m := range programMarks {
		if s.all(m) {
			note(hitProgram, m.kind, m.kind+" "+m.name+", told by its content")
		}
	}
	for _, m := range debugTexts {
		if s.all(m) {
			note(hitDebug, "", "it carries "+m.name)
		}
	}
}
