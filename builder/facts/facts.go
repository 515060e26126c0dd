package facts

import (
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/executor/contract"
)

// Facts is what one platform's image holds. Paths are relative to the image's
// root, without a leading slash. Layers are counted from 0, the lowest. Every
// list is sorted, so that one image always gives the same facts.
type Facts struct {
	Digest   string       `json:"digest"`   // of the platform's manifest, "sha256:<hex>"
	Platform string       `json:"platform"` // "linux/amd64"
	Config   image.Config `json:"config"`
	Layers   []Layer      `json:"layers"`
	// Entries are all entries of all layers, also those that higher layers
	// hide; sorted by path, then layer. Whiteouts are not among them.
	Entries    []Entry           `json:"entries"`
	Whiteouts  []Whiteout        `json:"whiteouts"`
	Programs   []Program         `json:"programs"`
	Tools      []Tool            `json:"tools"`
	ELF        []ELF             `json:"elf"`
	Python     []Distribution    `json:"python"`
	Debian     []Package         `json:"debian"`
	Venvs      []Venv            `json:"venvs"`
	Bytecode   []Bytecode        `json:"bytecode"`
	Startup    []Startup         `json:"startup"`
	Writable   []Writable        `json:"writable"`
	IndexFiles map[string]string `json:"indexFiles"` // content of pip's and uv's configuration files, by path
	OSRelease  map[string]string `json:"osRelease,omitempty"`
	// Metadata and Build are what the image says of itself; nil where it says nothing.
	Metadata *contract.Metadata  `json:"metadata,omitempty"`
	Build    *contract.BuildInfo `json:"build,omitempty"`
	// Problems are files that are not what their names promise.
	Problems []Problem `json:"problems"`
}

// Layer is one layer and how much is in it.
type Layer struct {
	image.Layer
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"` // of its files
}

// Entry is one entry of one layer.
type Entry struct {
	Path   string            `json:"path"`
	Layer  int               `json:"layer"`
	Type   image.Type        `json:"type"`
	Mode   uint32            `json:"mode"` // permission bits with setuid 04000, setgid 02000, sticky 01000
	UID    int               `json:"uid"`
	GID    int               `json:"gid"`
	Size   int64             `json:"size,omitempty"`
	MTime  int64             `json:"mtime"` // seconds since 1970
	Link   string            `json:"link,omitempty"`
	Device string            `json:"device,omitempty"` // of devices, "major:minor"
	SHA256 string            `json:"sha256,omitempty"` // of files, hex
	MD5    string            `json:"md5,omitempty"`    // of files that a Debian package may own, hex
	Magic  Magic             `json:"magic,omitempty"`
	Xattrs map[string]string `json:"xattrs,omitempty"` // values in hex
}

// Whiteout removes Path, or all below it when Opaque, from lower layers.
type Whiteout struct {
	Path   string `json:"path"`
	Layer  int    `json:"layer"`
	Opaque bool   `json:"opaque,omitempty"`
}

// Program is anything that can be started: a file with an execute bit, an ELF
// executable, or a link in a directory of programs.
type Program struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	Kind  string `json:"kind"` // elf, script, file or link
}

// Tool is something that could install, fetch, unpack or start other programs.
type Tool struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	Kind  string `json:"kind"` // installer, shell, downloader, archiver, compiler, debugger, privilege, interpreter
	Name  string `json:"name"` // what it is, also under another name: "busybox"
	By    string `json:"by"`   // how it was found: name, content, module, metadata, archive
}

// ELF is what the dynamic loader reads of one file.
type ELF struct {
	Path    string   `json:"path"`
	Layer   int      `json:"layer"`
	Class   int      `json:"class"`   // 32 or 64
	Machine uint16   `json:"machine"` // e_machine, 62 is x86-64, 183 is AArch64
	Type    uint16   `json:"type"`    // e_type, 2 executable, 3 shared object or PIE
	Interp  string   `json:"interp,omitempty"`
	Soname  string   `json:"soname,omitempty"`
	Needed  []string `json:"needed,omitempty"`
	RPath   []string `json:"rpath,omitempty"`
	RunPath []string `json:"runpath,omitempty"`
	// Unresolved are those of Needed that no search path of the image has.
	Unresolved []string `json:"unresolved,omitempty"`
}

// Distribution is a Python distribution or a trace of one.
type Distribution struct {
	Name         string      `json:"name"` // normalised, PEP 503
	Version      string      `json:"version"`
	Path         string      `json:"path"` // of its metadata directory or file
	Layer        int         `json:"layer"`
	Kind         string      `json:"kind"`                 // dist-info or egg-info
	Store        string      `json:"store,omitempty"`      // name of the store directory it is at the top of
	License      string      `json:"license,omitempty"`    // as its authors put it
	Expression   string      `json:"expression,omitempty"` // SPDX licence expression, PEP 639
	RequiresDist []string    `json:"requiresDist,omitempty"`
	Record       []RecordRow `json:"record,omitempty"` // sorted by path
}

// RecordRow is one row of RECORD. Path is as written: relative to the
// directory that holds the metadata directory. SHA256 is hex, "" where the
// row has none; Size is -1 where the row has none.
type RecordRow struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size"`
}

// Package is an installed Debian package.
type Package struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Arch      string   `json:"arch"`
	Source    string   `json:"source,omitempty"` // name of the source package
	Path      string   `json:"path"`             // of the status file
	Layer     int      `json:"layer"`
	Files     []MD5    `json:"files,omitempty"`     // of its md5sums list, sorted
	Conffiles []string `json:"conffiles,omitempty"` // paths
}

// MD5 is one row of a package's md5sums list.
type MD5 struct {
	Path string `json:"path"`
	MD5  string `json:"md5"`
}

// Venv is a virtual environment: a directory with a pyvenv.cfg.
type Venv struct {
	Path        string            `json:"path"`
	Name        string            `json:"name"` // last element of Path
	Layer       int               `json:"layer"`
	Aliases     []string          `json:"aliases,omitempty"` // links to it in the same directory
	Config      map[string]string `json:"config"`            // of pyvenv.cfg
	Interpreter string            `json:"interpreter"`       // what bin/python leads to, "" if nothing
	// SitePackages is its path, "" if there is none.
	SitePackages string `json:"sitePackages"`
	// Links are the links below SitePackages, Files the files of its own.
	Links []VenvLink `json:"links"`
	Files []string   `json:"files,omitempty"`
	// Distributions are the paths, in Facts.Python, of what is installed in it.
	Distributions []string `json:"distributions"`
}

// VenvLink is a link of a venv. To is where it leads in the end, "" if nowhere.
type VenvLink struct {
	Path string `json:"path"`
	To   string `json:"to"`
}

// Bytecode is one compiled file, PEP 552.
type Bytecode struct {
	Path   string `json:"path"`
	Layer  int    `json:"layer"`
	Flags  uint32 `json:"flags"`  // 1: valid without looking at the source
	Source string `json:"source"` // the file it is compiled from, "" if not there
	// Matches says that the source's hash is the one that was compiled.
	Matches bool `json:"matches"`
}

// Startup is a file that Python reads or runs at each start.
type Startup struct {
	Path   string `json:"path"`
	Layer  int    `json:"layer"`
	Kind   string `json:"kind"` // pth, start, sitecustomize, usercustomize, egg-link
	SHA256 string `json:"sha256"`
}

// Writable is a path that somebody else than root can change.
type Writable struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	Why   string `json:"why"` // "world", "owner 1000" or "group 1000"
}

// Problem is a file that could not be read as what it is.
type Problem struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	What  string `json:"what"`
}
