package index

import (
	"errors"
	"io/fs"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Env is what Discover may look at outside the manifest. The zero value shows
// it nothing.
type Env struct {
	// DefaultIndex is the value of a --default-index flag, "" when not given.
	DefaultIndex string
	// Getenv reads a variable; "" is unset.
	Getenv func(string) string
	// Home is the user's home folder; "" for none.
	Home string
	// ReadFile reads a configuration file by absolute path.
	ReadFile func(string) ([]byte, error)
	// UV is the path of the uv program; "" where there is none.
	UV string
}

func (e Env) get(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

func (e Env) read(path string) ([]byte, error) {
	if e.ReadFile == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return e.ReadFile(path)
}

// found is an index address, and what said so.
type found struct {
	address string
	name    string // in uv's "name=url" form or configuration, for UV_INDEX_<NAME>_*
	from    string
	pos     fault.Pos
}

// Discover finds the indexes of a run. The default index is the first of:
//
//  1. the --default-index flag
//  2. indexes.default of the manifest
//  3. UV_DEFAULT_INDEX, UV_INDEX_URL, PIP_INDEX_URL, in this order
//  4. uv's configuration: UV_CONFIG_FILE, else the user's, then the system's uv.toml
//     (none with UV_NO_CONFIG)
//  5. pip's configuration: PIP_CONFIG_FILE, then of the active virtual
//     environment, the user, the machine (pip's own order)
//  6. what the installed uv reports as its default
//
// Extra indexes come from the manifest only, because only there can be said
// which projects they serve; such settings of the environment are listed by
// Set.Ignored. m may be nil.
//
// Errors: fault.Manifest with positions for faults of the manifest's indexes,
// all of them at once; fault.Usage for malformed settings elsewhere;
// fault.Network when no index is found.
func Discover(m *manifest.Manifest, env Env) (*Set, error) {
	if m == nil {
		m = &manifest.Manifest{}
	}
	s, err := NoIndexes(env)
	if err != nil {
		return nil, err
	}
	def, err := findDefault(m, env)
	if err != nil {
		return nil, err
	}
	d := discovery{set: s, manifest: m}
	d.addDefault(def)
	d.addExtras()
	if err := errors.Join(d.errs...); err != nil {
		return nil, err
	}
	s.ignored = ignored(env)
	return s, nil
}

// NoIndexes makes a Set without an index. A Client of it reads files of other
// places, such as OS mirrors, with the certificates, proxies and netrc of env.
//
// Errors: fault.Usage for a netrc file or SSL_CERT_FILE that cannot be used.
func NoIndexes(env Env) (*Set, error) {
	keys, err := newKeyring(env)
	if err != nil {
		return nil, err
	}
	roots, err := rootsFrom(env)
	if err != nil {
		return nil, err
	}
	return &Set{keys: keys, roots: roots, env: env}, nil
}

// findDefault asks the places one after the other.
func findDefault(m *manifest.Manifest, env Env) (found, error) {
	if env.DefaultIndex != "" {
		return found{address: env.DefaultIndex, from: "--default-index"}, nil
	}
	if x := m.Indexes.Default; x != nil && x.URL != "" {
		return found{address: x.URL, from: "manifest", pos: m.Pos("indexes.default.url")}, nil
	}
	for _, name := range []string{"UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"} {
		if v := env.get(name); v != "" {
			f := found{address: v, from: name}
			if name == "UV_DEFAULT_INDEX" {
				f.name, f.address = splitNamed(v)
			}
			return f, nil
		}
	}
	for _, place := range []func(Env) (found, error){fromUVConfig, fromPipConfig, fromUV} {
		f, err := place(env)
		if err != nil || f.address != "" {
			return f, err
		}
	}
	return found{}, fault.New(fault.Network, "finding a Python package index: none is configured").
		Hint("set indexes.default.url in the manifest, UV_DEFAULT_INDEX, or index-url in pip.conf or uv.toml; or install uv")
}

// ignored lists the settings of the environment that add further indexes.
func ignored(env Env) []string {
	var lines []string
	for _, name := range []string{"UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"} {
		if env.get(name) != "" {
			lines = append(lines, name+" is not used: an extra index serves only the packages that the manifest lists under indexes.extra")
		}
	}
	return lines
}
