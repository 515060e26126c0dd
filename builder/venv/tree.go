package venv

import "io/fs"

// Type is the type of an Entry.
type Type string

// Types of entries.
const (
	Dir     Type = "dir"
	Regular Type = "file"
	Link    Type = "link"
)

// Entry is a file, directory or symbolic link of an image.
type Entry struct {
	Path    string      `json:"path"` // relative to the image's root, with slashes, no leading one
	Type    Type        `json:"type"`
	Mode    fs.FileMode `json:"mode"`              // permissions; 0777 for links
	Content string      `json:"content,omitempty"` // of a file
	Target  string      `json:"target,omitempty"`  // of a link
}

// Tree is a set of entries, sorted so that each directory comes before what it
// holds. Parents outside of the tree are not listed.
type Tree struct {
	Entries []Entry `json:"entries"`
}
