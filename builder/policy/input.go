// Package policy decides whether an image is acceptable: Rego rules read a
// typed document of facts, and a Verdict says what each rule found.
//
// Facts say what is true and come from the image's bytes; rules say what is
// acceptable. A rule whose facts are missing is an error and never a pass.
package policy

// Input is the document that rules see as `input`. It holds facts about one
// platform of an image. A nil slice, map or pointer means "not collected",
// which is an error for the rules that need it; an empty one means "none".
type Input struct {
	Platform string  `json:"platform"` // "linux/amd64"
	Config   *Config `json:"config"`
	Layers   []Layer `json:"layers"`
	Entries  []Group `json:"entries"`
	// Whiteouts are the deletion markers of all layers.
	Whiteouts     []Place           `json:"whiteouts"`
	Programs      []Program         `json:"programs"`
	Tools         []Tool            `json:"tools"`
	Distributions []Distribution    `json:"distributions"`
	Startup       []Startup         `json:"startup"`
	Bytecode      []BytecodeGroup   `json:"bytecode"`
	IndexFiles    map[string]string `json:"indexFiles"` // path -> content of pip's and uv's configuration files
	ELF           *ELF              `json:"elf"`
	Packages      *Packages         `json:"packages"`
	Expect        *Expect           `json:"expect"`
	Reviewed      []Reviewed        `json:"reviewed"`
	Allow         []Allow           `json:"allow"`
}

// Config is the part of the OCI image configuration that rules judge.
type Config struct {
	User        string            `json:"user"`
	Env         []string          `json:"env"` // NAME=value, in the image's order
	Entrypoint  []string          `json:"entrypoint"`
	Cmd         []string          `json:"cmd"`
	Healthcheck []string          `json:"healthcheck"` // OCI's Test list: "CMD", path, ...
	Labels      map[string]string `json:"labels"`
	History     []string          `json:"history"` // created_by and comment of each entry
}

// Layer is one layer, lowest first.
type Layer struct {
	Index  int    `json:"index"`
	Digest string `json:"digest"` // "sha256:<hex>"
	Name   string `json:"name"`   // what it holds, "" where unknown
}

// Place is a path in one layer.
type Place struct {
	Path  string `json:"path"`  // absolute
	Layer int    `json:"layer"` // index into Layers
}

// Group is all entries of all layers that have the same attributes. Rules
// look at a handful of groups instead of a hundred thousand entries.
type Group struct {
	Type         string  `json:"type"` // file, dir, symlink or hardlink
	Mode         int64   `json:"mode"` // permission bits with setuid, setgid and sticky (0o7777)
	UID          int     `json:"uid"`
	GID          int     `json:"gid"`
	MTime        int64   `json:"mtime"`        // seconds since 1970
	Capabilities bool    `json:"capabilities"` // a security.capability attribute is present
	Paths        []Place `json:"paths"`
}

// Program is anything that can be started: a file with an execute bit, an
// ELF executable, a script, or a link in a directory of programs.
type Program struct {
	Name  string `json:"name"` // last element of Path
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	Kind  string `json:"kind"` // elf, script, link or file
}

// Tool is something that could install, fetch, unpack, compile, or start
// other programs, also under another name.
type Tool struct {
	Name  string `json:"name"` // what it is: "busybox"
	Path  string `json:"path"`
	Layer int    `json:"layer"`
	Kind  string `json:"kind"` // installer, shell, interpreter, downloader, archiver, compiler, debugger, privilege
	By    string `json:"by"`   // how it was found: name, content, module, metadata, archive
}

// BytecodeGroup is all compiled files with the same properties, PEP 552.
type BytecodeGroup struct {
	BytecodeKey
	Paths []Place `json:"paths"`
}

// BytecodeKey is what rules look at in a compiled file.
type BytecodeKey struct {
	Flags   uint32 `json:"flags"`
	Source  bool   `json:"source"`  // its source is in the image
	Matches bool   `json:"matches"` // and is what was compiled
}

// Distribution is a Python distribution by its metadata, vendored ones included.
type Distribution struct {
	Name    string `json:"name"` // normalised, PEP 503
	Version string `json:"version"`
	Path    string `json:"path"`
	Layer   int    `json:"layer"`
	Kind    string `json:"kind"` // dist-info or egg-info
}

// Startup is a file that Python runs at start.
type Startup struct {
	Path   string `json:"path"`
	Layer  int    `json:"layer"`
	Kind   string `json:"kind"` // pth, start, sitecustomize, usercustomize, egg-link
	SHA256 string `json:"sha256"`
}

// ELF says which shared libraries native files look for in vain.
type ELF struct {
	Objects    int          `json:"objects"` // native files looked at
	Unresolved []Unresolved `json:"unresolved"`
}

// Unresolved is one library that one file needs and nothing provides.
type Unresolved struct {
	Path   string `json:"path"`
	Layer  int    `json:"layer"`
	Soname string `json:"soname"`
}

// Packages compares what is installed with what the SBOM documents.
type Packages struct {
	Installed  []Package `json:"installed"`
	Documented []Package `json:"documented"`
}

// Package is one package by its package URL type ("deb", "pypi").
type Package struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Expect is what manifest and lock promise about the image.
type Expect struct {
	Writable []string `json:"writable"` // directories left to the running user, such as /tmp
	Epoch    *int64   `json:"epoch"`    // modification time of every entry, seconds since 1970; nil: not known
	Layers   int      `json:"layers"`   // highest number of layers; 0: not known
	Base     int      `json:"base"`     // how many of the lowest layers are a base image's, locked by their hashes
}

// Reviewed is a start-up file that the manifest accepts.
type Reviewed struct {
	Wheel  string `json:"wheel"`
	File   string `json:"file"` // path in site-packages
	SHA256 string `json:"sha256"`
	Reason string `json:"reason"`
}

// Allow is a program that the manifest admits.
type Allow struct {
	Program string `json:"program"`
	Reason  string `json:"reason"`
}
