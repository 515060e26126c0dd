package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// Digest identifies what the manifest asks for, "sha256:<hex>": the hash of
// its JSON form without what doesn't determine the image (index and mirror
// addresses, directories of files that are named by hash, the repository of a
// base that is named by digest). Comments, the order of keys, the form and
// places change nothing; the order of the plugin list does, as it orders the
// venvs.
func (m *Manifest) Digest() string {
	c := *m
	c.Groups = slices.Clone(m.Groups)
	for i := range c.Groups {
		c.Groups[i].Plugins = slices.Sorted(slices.Values(c.Groups[i].Plugins))
	}
	c.Wheels = slices.Clone(m.Wheels)
	for i := range c.Wheels {
		c.Wheels[i].Path = path.Base(c.Wheels[i].Path)
	}
	slices.SortFunc(c.Wheels, func(a, b Wheel) int { return cmp.Compare(a.Path, b.Path) })
	c.Reviewed = slices.Clone(m.Reviewed)
	slices.SortFunc(c.Reviewed, func(a, b Review) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.SHA256, b.SHA256))
	})
	c.Allow = slices.Clone(m.Allow)
	slices.SortFunc(c.Allow, func(a, b Allow) int { return cmp.Compare(a.Program, b.Program) })
	c.Base.Image = afterAt(m.Base.Image)
	c.Base.Layout = afterAt(m.Base.Layout)
	data, err := json.Marshal(&c)
	if err != nil {
		// Strings, integers and booleans only: there is nothing that cannot be
		// encoded, and the test of every field would show it.
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func afterAt(reference string) string {
	return reference[strings.LastIndexByte(reference, '@')+1:]
}
