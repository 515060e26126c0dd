package facts

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// toolNames are programs by file name. They count wherever they lie, with or
// without an execute bit: a loader or a chmod is all that would be missing.
var toolNames = map[string][]string{
	"installer": {"pip", "pip2", "pip3", "uv", "uvx", "poetry", "pipx", "pdm", "hatch", "conda", "mamba", "micromamba", "pixi", "rye", "easy_install", "virtualenv", "pyenv",
		"apt", "apt-get", "aptitude", "dpkg", "dpkg-deb", "apk", "yum", "dnf", "microdnf", "rpm", "npm", "npx", "yarn", "gem", "cargo", "brew", "snap", "get-pip.py", "pip.pyz"},
	"shell":       {"sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox", "toybox", "env", "xargs", "find", "nsenter", "setsid", "script", "expect"},
	"downloader":  {"curl", "wget", "wget2", "git", "ssh", "scp", "sftp", "rsync", "ftp", "tftp", "nc", "ncat", "netcat", "socat", "telnet", "aria2c", "lynx", "openssl", "svn", "hg"},
	"archiver":    {"tar", "bsdtar", "unzip", "zip", "7z", "7za", "cpio", "ar"},
	"compiler":    {"gcc", "g++", "cc", "c++", "clang", "ld", "ld.gold", "lld", "as", "make", "cmake", "ninja", "rustc", "go", "tcc", "cpp"},
	"interpreter": {"perl", "awk", "gawk", "mawk", "sed", "lua", "ruby", "node", "nodejs", "php", "tclsh"},
	"debugger":    {"gdb", "strace", "ltrace", "gdbserver", "perf"},
	"privilege":   {"su", "sudo", "doas", "mount", "umount", "passwd", "chsh", "newgrp", "pkexec"},
}

var kindOfTool = func() map[string]string {
	kinds := map[string]string{}
	for kind, names := range toolNames {
		for _, n := range names {
			kinds[n] = kind
		}
	}
	return kinds
}()

// versioned is a program with a version in its name: pip3.13, perl5.36.
var versioned = regexp.MustCompile(`^(pip|easy_install-|virtualenv-|perl|lua|ruby|gcc-|g\+\+-|clang-|cpp-)[0-9.]+$`)

// toolByName tells a program by the last element of its path. Modules of
// Python packages are told by toolModules instead.
func toolByName(p string) (kind, name string) {
	base := path.Base(p)
	if m := versioned.FindStringSubmatch(base); m != nil {
		base = strings.TrimSuffix(m[1], "-")
	}
	if i := strings.LastIndex(base, "-linux-gnu-"); i >= 0 {
		base = base[i+len("-linux-gnu-"):]
		if m := versioned.FindStringSubmatch(base); m != nil {
			base = strings.TrimSuffix(m[1], "-")
		}
	}
	if kind, ok := kindOfTool[base]; ok {
		return kind, base
	}
	return "", ""
}

// toolModules are the files by which the package of an installer is known,
// wherever it lies, vendored copies included.
var toolModules = map[string]string{
	"pip/_internal/__init__.py":    "pip",
	"pip/__main__.py":              "pip",
	"ensurepip/__init__.py":        "ensurepip",
	"setuptools/__init__.py":       "setuptools",
	"_distutils/core.py":           "setuptools",
	"pkg_resources/__init__.py":    "setuptools",
	"distutils/core.py":            "distutils",
	"distutils/command/install.py": "distutils",
	"wheel/wheelfile.py":           "wheel",
	"wheel/_bdist_wheel.py":        "wheel",
	"virtualenv/__main__.py":       "virtualenv",
	"uv/_find_uv.py":               "uv",
	"poetry/core/__init__.py":      "poetry",
	"poetry/console/__init__.py":   "poetry",
	"pipx/__init__.py":             "pipx",
	"pdm/__main__.py":              "pdm",
	"hatch/__main__.py":            "hatch",
	"conda/__init__.py":            "conda",
	"build/env.py":                 "build",
	"pipenv/__init__.py":           "pipenv",
	"pex/pex.py":                   "pex",
	"installer/__main__.py":        "installer",
}

// InstallerModule names the installer that a file belongs to, told by the last
// elements of its path ("x/pip/_internal/__init__.py" is "pip"), or "".
func InstallerModule(p string) string {
	for parts := 2; parts <= 3; parts++ {
		if tail := lastElements(p, parts); tail != "" {
			if name, ok := toolModules[tail]; ok {
				return name
			}
		}
	}
	// The standard library's own: `python -m venv` copies an interpreter.
	if dir := path.Dir(p); path.Base(p) == "__init__.py" && path.Base(dir) == "venv" && stdlib.MatchString(path.Dir(dir)) {
		return "venv"
	}
	return ""
}

var stdlib = regexp.MustCompile(`^usr(/local)?/lib/python3\.[0-9]+$`)

func lastElements(p string, n int) string {
	at := len(p)
	for range n {
		if at = strings.LastIndexByte(p[:at], '/'); at < 0 {
			if strings.Count(p, "/") == n-1 {
				return p
			}
			return ""
		}
	}
	return p[at+1:]
}

// signature tells a program by strings that its developers put in; all must
// be there.
type signature struct {
	kind, name string
	marks      [][]byte
}

func marks(texts ...string) [][]byte {
	var m [][]byte
	for _, t := range texts {
		m = append(m, []byte(t))
	}
	return m
}

var signatures = []signature{
	{"shell", "busybox", marks("BusyBox v")},
	{"shell", "toybox", marks("toybox ", "toysh")},
	{"shell", "bash", marks("GNU bash, version ")},
	{"shell", "shell", marks("unalias\x00", "getopts\x00", "OPTIND")}, // any POSIX shell names its builtins
	{"downloader", "curl", marks("Usage: curl [options")},
	{"downloader", "wget", marks("GNU Wget %s")},
	{"downloader", "git", marks("git-upload-archive", "git-receive-pack")},
	{"archiver", "tar", marks("GNU tar")},
	{"installer", "uv", marks("crates/uv-")},
	{"installer", "apt", marks("Usage: apt-get [options]")},
	{"installer", "dpkg", marks("dpkg --configure")},
	{"installer", "conda", marks("micromamba")},
	{"interpreter", "perl", marks("_perl_charname")},
}

// longestMark is what two neighbouring pieces of a file must share so that no
// mark is cut in two.
var longestMark = func() int {
	n := 0
	for _, s := range signatures {
		for _, m := range s.marks {
			n = max(n, len(m))
		}
	}
	return n
}()

// marker looks for signatures in a stream.
type marker struct {
	found map[string]bool // marks
	carry []byte
}

func newMarker() *marker { return &marker{found: map[string]bool{}} }

// Write never fails.
func (m *marker) Write(p []byte) (int, error) {
	seam := append(m.carry, p[:min(len(p), longestMark)]...)
	m.look(seam)
	m.look(p)
	if len(p) >= longestMark {
		seam = p
	}
	m.carry = slices.Clone(seam[max(0, len(seam)-longestMark+1):])
	return len(p), nil
}

func (m *marker) look(b []byte) {
	for _, s := range signatures {
		for _, mark := range s.marks {
			if !m.found[string(mark)] && bytes.Contains(b, mark) {
				m.found[string(mark)] = true
			}
		}
	}
}

func (m *marker) tools() []signature {
	var tools []signature
	for _, s := range signatures {
		all := true
		for _, mark := range s.marks {
			all = all && m.found[string(mark)]
		}
		if all {
			tools = append(tools, s)
		}
	}
	return tools
}
