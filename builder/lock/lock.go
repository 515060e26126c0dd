// Package lock holds the lock file: everything an image is made of, by hash.
//
// A lock names no host, no credential and no absolute path. Indexes appear by
// their name in the manifest, wheels by file name, Debian packages by archive
// and pool path.
package lock

// Lock is the content of M.lock. Every list is sorted, so that two locks with
// the same content have the same bytes.
type Lock struct {
	Version    int         `yaml:"version" json:"version"`   // of the format, 1
	Manifest   string      `yaml:"manifest" json:"manifest"` // digest of the manifest, "sha256:<hex>"
	Resolved   string      `yaml:"resolved" json:"resolved"` // date of the resolution, "2006-01-02", UTC
	CLIVersion string      `yaml:"cliVersion" json:"cliVersion"`
	Tools      []Tool      `yaml:"tools" json:"tools"`
	Layers     Layers      `yaml:"layers" json:"layers"`
	Platforms  []*Platform `yaml:"platforms" json:"platforms"`
}

// Tool is a program that took part in the resolution (uv).
type Tool struct {
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
}

// Layers fixes how wheels are spread over layers, so that adding a plugin
// moves no other wheel.
type Layers struct {
	Budget      int    `yaml:"budget" json:"budget"`           // highest number of layers
	Buckets     int    `yaml:"buckets" json:"buckets"`         // layers shared by small wheels
	OwnAbove    int64  `yaml:"ownAbove" json:"ownAbove"`       // bytes; a larger wheel has its own layer
	Compression string `yaml:"compression" json:"compression"` // zstd or gzip
}

// Platform is one platform's content.
type Platform struct {
	Platform   string      `yaml:"platform" json:"platform"` // "linux/amd64"
	Python     string      `yaml:"python" json:"python"`     // minor version, "3.13"
	Base       Base        `yaml:"base" json:"base"`
	Debs       []Deb       `yaml:"debs" json:"debs"`
	Wheels     []Wheel     `yaml:"wheels" json:"wheels"`
	Sdists     []Sdist     `yaml:"sdists,omitempty" json:"sdists,omitempty"`
	BuildTools []Wheel     `yaml:"buildTools,omitempty" json:"buildTools,omitempty"` // to build Sdists; never in the image
	Reviewed   []Reviewed  `yaml:"reviewed,omitempty" json:"reviewed,omitempty"`
	Exceptions []Exception `yaml:"exceptions,omitempty" json:"exceptions,omitempty"`
	Venvs      []Venv      `yaml:"venvs" json:"venvs"`
}

// Base is what the OS part is made from: a Debian suite, or an image.
type Base struct {
	Suite    string    `yaml:"suite,omitempty" json:"suite,omitempty"`
	Archives []Archive `yaml:"archives,omitempty" json:"archives,omitempty"`
	Image    string    `yaml:"image,omitempty" json:"image,omitempty"` // digest of the platform's manifest in the base image
	// Layers are the diff IDs of the base's layers as they go into the image,
	// lowest first: the base's own, or the one of its filtered copy.
	Layers []string `yaml:"layers,omitempty" json:"layers,omitempty"`
}

// Archive is one signed Release that was used, for rollback checks.
type Archive struct {
	Name string `yaml:"name" json:"name"` // "main", "updates" or "security"
	Date string `yaml:"date" json:"date"` // RFC 3339, as signed
}

// Deb is one Debian package. Path is relative to the archive's root.
type Deb struct {
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
	Arch    string `yaml:"arch" json:"arch"`
	Source  string `yaml:"source" json:"source"` // source package
	Archive string `yaml:"archive" json:"archive"`
	Path    string `yaml:"path" json:"path"`
	Size    int64  `yaml:"size" json:"size"`
	SHA256  string `yaml:"sha256" json:"sha256"`
}

// Wheel is one wheel. Index is the name of the index it comes from: one of
// the manifest's, or "local" (the manifest's wheels), or "sdist" (built from
// the sdist of the same name and version; the hash is the built wheel's).
type Wheel struct {
	Name    string `yaml:"name" json:"name"` // normalised, PEP 503
	Version string `yaml:"version" json:"version"`
	File    string `yaml:"file" json:"file"`
	Index   string `yaml:"index" json:"index"`
	Size    int64  `yaml:"size" json:"size"`
	SHA256  string `yaml:"sha256" json:"sha256"`
}

// Sdist is a source archive that one of the wheels was built from.
type Sdist struct {
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
	File    string `yaml:"file" json:"file"`
	Index   string `yaml:"index" json:"index"`
	Size    int64  `yaml:"size" json:"size"`
	SHA256  string `yaml:"sha256" json:"sha256"`
}

// Reviewed is a start-up file of a wheel that the manifest accepts.
type Reviewed struct {
	Wheel  string `yaml:"wheel" json:"wheel"` // wheel file name
	File   string `yaml:"file" json:"file"`   // path in site-packages
	SHA256 string `yaml:"sha256" json:"sha256"`
	Reason string `yaml:"reason" json:"reason"`
}

// Exception is a declared requirement that is not shipped (pip, setuptools),
// with the version that was resolved and the distributions that declare it.
type Exception struct {
	Name     string   `yaml:"name" json:"name"`
	Version  string   `yaml:"version" json:"version"`
	NeededBy []string `yaml:"neededBy" json:"neededBy"`
	Reason   string   `yaml:"reason" json:"reason"`
}

// Venv is one virtual environment: Wheels are file names of Platform.Wheels.
type Venv struct {
	Dir     string   `yaml:"dir" json:"dir"`
	Label   string   `yaml:"label" json:"label"`
	Plugins []string `yaml:"plugins" json:"plugins"`
	Links   []string `yaml:"links,omitempty" json:"links,omitempty"`
	Extras  []string `yaml:"extras" json:"extras"`
	Sources []Source `yaml:"sources" json:"sources"`
	Wheels  []string `yaml:"wheels" json:"wheels"`
}

// Source is a connector class that must import in its venv.
type Source struct {
	Plugin string `yaml:"plugin" json:"plugin"`
	Name   string `yaml:"name" json:"name"`
	Class  string `yaml:"class" json:"class"` // "module:Class"
}

// File is any locked file that has to be fetched, whatever its kind.
type File struct {
	Name   string // file name
	Size   int64
	SHA256 string // hex
	// Origin is the name of an index, or "debian:<archive>".
	Origin string
	// Path is the pool path of a Debian package, or the project name of a wheel or sdist.
	Path string
}

// StoreKey is the name of a wheel's directory in the image's store:
// <name>-<version>-<first 12 hex digits of its hash>.
func (w Wheel) StoreKey() string {
	return w.Name + "-" + w.Version + "-" + w.SHA256[:12]
}
