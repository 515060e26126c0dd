// Package manifest reads plugin manifests: the YAML form and upstream's own
// variables decode into one Go type, strictly, with a position for every key.
package manifest

import "github.com/lockforge/lockforge/builder/fault"

// Manifest is what a user asks for. Load returns it validated and with its
// defaults filled in; it is not changed afterwards.
type Manifest struct {
	Version   int      `yaml:"version" json:"version"`
	Name      string   `yaml:"name,omitempty" json:"name"`
	CLI       CLI      `yaml:"cli" json:"cli"`
	Plugins   []Plugin `yaml:"plugins" json:"plugins"`
	Groups    []Group  `yaml:"-" json:"groups,omitempty"` // a mapping in YAML; sorted by label
	Custom    []Custom `yaml:"custom,omitempty" json:"custom,omitempty"`
	Indexes   Indexes  `yaml:"indexes,omitempty" json:"-"` // where files come from is no part of what is built
	Resolve   Resolve  `yaml:"resolve,omitempty" json:"resolve"`
	Wheels    []Wheel  `yaml:"wheels,omitempty" json:"wheels,omitempty"`
	Reviewed  []Review `yaml:"reviewed,omitempty" json:"reviewed,omitempty"`
	Allow     []Allow  `yaml:"allow,omitempty" json:"allow,omitempty"`
	Base      Base     `yaml:"base,omitempty" json:"base"`
	Runtime   Runtime  `yaml:"runtime,omitempty" json:"runtime"`
	VenvPath  string   `yaml:"venvPath,omitempty" json:"venvPath"`
	Layers    Layers   `yaml:"layers,omitempty" json:"layers"`
	Platforms []string `yaml:"platforms,omitempty" json:"platforms"`

	// Path is the file the manifest was read from ("" for the environment).
	Path string `yaml:"-" json:"-"`

	positions map[string]fault.Pos
	// names holds the user's word for a path where it isn't the path itself
	// ("plugins": "BUNDLED_VENV_PLUGINS").
	names map[string]string
}

// CLI selects the DataHub CLI release. Version is a PEP 440 version without
// the leading "v" (BUNDLED_CLI_VERSION); Slim is BUNDLED_VENV_SLIM_MODE.
// Constraints is a path relative to the manifest; ConstraintLines its content.
type CLI struct {
	Version     string `yaml:"version" json:"version"`
	Slim        bool   `yaml:"slim,omitempty" json:"slim"`
	Constraints string `yaml:"constraints,omitempty" json:"-"`
	// ConstraintLines is filled by Load.
	ConstraintLines []Constraint `yaml:"-" json:"constraints,omitempty"`
}

// Constraint is one requirement line of the constraints file.
type Constraint struct {
	Requirement string    `json:"requirement"`
	Pos         fault.Pos `json:"-"`
}

// Plugin is one entry of the plugin list: a bare name in YAML, or a mapping
// with additional extras of the CLI release.
type Plugin struct {
	Name   string   `yaml:"name" json:"name"`
	Extras []string `yaml:"extras,omitempty" json:"extras,omitempty"`
}

// Group is one shared venv (BUNDLED_VENV_PLUGINS_<LABEL>, lower-cased).
// Primary is BUNDLED_VENV_AUX_PRIMARY_<LABEL>, "" where not given.
type Group struct {
	Label   string   `json:"label"`
	Plugins []string `json:"plugins"`
	Primary string   `json:"primary,omitempty"`
}

// Custom is a source of the user's own. Source is "module:Class".
type Custom struct {
	Name         string   `yaml:"name" json:"name"`
	Requirements []string `yaml:"requirements" json:"requirements"`
	Source       string   `yaml:"source" json:"source"`
}

// Indexes says where Python wheels come from. A nil Default means that the
// user's own configuration decides (package index).
type Indexes struct {
	Default *Index  `yaml:"default,omitempty"`
	Extra   []Index `yaml:"extra,omitempty"`
}

// Index is one PEP 503 index. Name is "default" for the default index unless
// the manifest says otherwise. Packages are normalised project name patterns
// ("acme-*") that come from this index and from no other; every extra index
// has some, the default has none. Mirrors are further addresses that serve
// the same files, tried in order.
//
// URL and Mirrors may hold the user's credentials: print an Index, or pass
// an address through Redact, but never print the fields themselves.
type Index struct {
	Name     string   `yaml:"name,omitempty"`
	URL      string   `yaml:"url"`
	Mirrors  []string `yaml:"mirrors,omitempty"`
	Packages []string `yaml:"packages,omitempty"`
}

// Resolve holds rules of the resolution. Cooldown is in days: files uploaded
// within that time are not considered; 0 is off. In YAML it is written "7d".
type Resolve struct {
	CooldownDays int `yaml:"cooldown,omitempty" json:"cooldownDays,omitempty"`
}

// Wheel is a local wheel, by path relative to the manifest and by hash (hex).
type Wheel struct {
	Path   string `yaml:"path" json:"path"`
	SHA256 string `yaml:"sha256" json:"sha256"`
}

// Review accepts one start-up file (.pth, .start, sitecustomize.py) by the
// hash of its content, with the reviewer's reason.
type Review struct {
	File   string `yaml:"file" json:"file"`
	SHA256 string `yaml:"sha256" json:"sha256"`
	Reason string `yaml:"reason" json:"reason"`
}

// Allow admits one OS program that the locked profile forbids (git), for a
// plugin that needs it at run time. The policy verdict shows it.
type Allow struct {
	Program string `yaml:"program" json:"program"`
	Reason  string `yaml:"reason" json:"reason"`
}

// Base is the OS under the venvs: exactly one of its members is set.
type Base struct {
	Debian *Debian `yaml:"debian,omitempty" json:"debian,omitempty"`
	// Image is a reference by digest, "registry/name@sha256:...".
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Layout is an OCI layout directory relative to the manifest, "dir@sha256:...".
	Layout  string `yaml:"layout,omitempty" json:"layout,omitempty"`
	Flatten bool   `yaml:"flatten,omitempty" json:"flatten,omitempty"`
}

// Debian selects a suite, and optionally where its archives are. Without
// mirrors the host's own apt sources are used.
type Debian struct {
	Suite           string   `yaml:"suite,omitempty" json:"suite"` // trixie or bookworm
	Mirrors         []string `yaml:"mirrors,omitempty" json:"-"`
	SecurityMirrors []string `yaml:"securityMirrors,omitempty" json:"-"`
}

// Runtime is what runs in the image. User is a numeric uid, never 0.
type Runtime struct {
	Executor bool `yaml:"executor" json:"executor"` // default true
	User     int  `yaml:"user,omitempty" json:"user"`
}

// Layers bounds the image's layers. Budget is the highest number of layers.
type Layers struct {
	Budget      int    `yaml:"budget,omitempty" json:"budget"`
	Compression string `yaml:"compression,omitempty" json:"compression"` // zstd or gzip
}
