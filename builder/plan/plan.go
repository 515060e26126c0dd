// Package plan turns a manifest and a catalog into the list of venvs, OS
// packages and indexes that a lock has to fill. It does no I/O. Its rules are
// those of upstream's builder (groups, extras, aliases, slim variants), except
// that what upstream lets pass in silence is an error here.
package plan

import "github.com/lockforge/lockforge/builder/manifest"

// Plan is what will be locked and built, before any version is chosen (the
// CLI's own aside). Its JSON form is what `lockforge plan --format json` prints.
type Plan struct {
	CLIVersion string      `json:"cliVersion"`
	Slim       bool        `json:"slim"`
	VenvPath   string      `json:"venvPath"`
	Platforms  []string    `json:"platforms"` // "linux/amd64", sorted
	Python     string      `json:"python"`    // minor version of the base's interpreter, "3.13"
	Venvs      []Venv      `json:"venvs"`
	OSPackages []OSPackage `json:"osPackages"`
	Indexes    []Index     `json:"indexes"`

	// Manifest is the value the plan was made from.
	Manifest *manifest.Manifest `json:"-"`
}

// Venv is one virtual environment of the image.
type Venv struct {
	Dir          string   `json:"dir"`          // "mysql-bundled" or "common-venv", below VenvPath
	Label        string   `json:"label"`        // plugin name or group label
	Plugins      []string `json:"plugins"`      // sorted for groups
	Links        []string `json:"links"`        // further names of Dir: "{plugin}-bundled" of groups and aliases
	Extras       []string `json:"extras"`       // of acryl-datahub, in upstream's order
	Requirements []string `json:"requirements"` // PEP 508, what the resolver is asked for
	Sources      []Source `json:"sources"`      // what must be importable in this venv
}

// Source is a connector's class: Name as recipes spell it, Class "module:Class".
type Source struct {
	Plugin string `json:"plugin"`
	Name   string `json:"name"`
	Class  string `json:"class"`
}

// OSPackage is an OS library that plugins need at run time.
type OSPackage struct {
	Name     string   `json:"name"`     // Debian binary package of the plan's suite
	NeededBy []string `json:"neededBy"` // plugins, sorted
}

// Index is one Python index as it will be used: From says where its address
// was found ("manifest", "UV_DEFAULT_INDEX", ...). URL holds no credentials.
type Index struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	From string `json:"from"`
}
