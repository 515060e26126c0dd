package lock

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
	"gopkg.in/yaml.v3"
)

// Marshal gives the one form of a lock: YAML with every list sorted, one file
// per line, and its own digest as the last line. The lock itself is not
// changed. It fails with fault.Internal where l is not a valid lock.
func Marshal(l *Lock) ([]byte, error) {
	sorted := sortedCopy(l)
	if err := validate(sorted); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding lock")
	}
	var node yaml.Node
	if err := node.Encode(sorted); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding lock")
	}
	oneEntryPerLine(&node)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding lock")
	}
	if err := encoder.Close(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding lock")
	}
	sum := sha256.Sum256(out.Bytes())
	out.WriteString(digestKey + hex.EncodeToString(sum[:]) + "\n")
	return out.Bytes(), nil
}

// Write replaces the lock at path in one step. On an error the file that was
// there before is unchanged.
func Write(path string, l *Lock) (err error) {
	data, err := Marshal(l)
	if err != nil {
		return err
	}
	// What cannot be read again must not replace what can.
	if _, err := Parse(data); err != nil {
		return fault.Wrap(fault.Internal, err, "writing lock %s", path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fault.Wrap(fault.Usage, err, "writing lock %s", path)
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
			err = fault.Wrap(fault.Usage, err, "writing lock %s", path)
		}
	}()
	if _, err = temp.Write(data); err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	return err
}

// onOneLine names the lists whose entries are written on one line each.
var onOneLine = map[string]bool{
	"tools": true, "archives": true, "debs": true, "wheels": true, "sdists": true, "buildTools": true,
	"reviewed": true, "exceptions": true, "sources": true,
}

// short names the lists that are written on the line of their key.
var short = map[string]bool{"plugins": true, "links": true, "extras": true}

// oneEntryPerLine puts each file, archive, tool and source on a line of its
// own, so that a diff of two locks is a list of what changed. The encoder does
// not fold lines.
func oneEntryPerLine(n *yaml.Node) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key := n.Content[i-1].Value
			if short[key] {
				child.Style = yaml.FlowStyle
			}
			for _, entry := range child.Content {
				if onOneLine[key] && entry.Kind == yaml.MappingNode {
					entry.Style = yaml.FlowStyle
				}
			}
		}
		oneEntryPerLine(child)
	}
}

// sortedCopy returns a copy of l whose lists are sorted; l stays as it is.
// Plugins and extras of a venv keep their order, which is upstream's.
func sortedCopy(l *Lock) *Lock {
	c := *l
	c.Tools = sortedBy(l.Tools, func(t Tool) string { return t.Name })
	c.Platforms = nil
	for _, p := range l.Platforms {
		c.Platforms = append(c.Platforms, sortedPlatform(p))
	}
	slices.SortStableFunc(c.Platforms, func(a, b *Platform) int { return cmp.Compare(a.Platform, b.Platform) })
	return &c
}

func sortedPlatform(p *Platform) *Platform {
	c := *p
	c.Base.Archives = sortedBy(p.Base.Archives, func(a Archive) string { return a.Name })
	c.Debs = sortedBy(p.Debs, func(d Deb) string { return d.Name + "\x00" + d.Arch })
	c.Wheels = sortedBy(p.Wheels, wheelKey)
	c.BuildTools = sortedBy(p.BuildTools, wheelKey)
	c.Sdists = sortedBy(p.Sdists, func(s Sdist) string { return s.Name + "\x00" + s.File })
	c.Reviewed = sortedBy(p.Reviewed, func(r Reviewed) string { return r.Wheel + "\x00" + r.File })
	c.Exceptions = sortedBy(p.Exceptions, func(e Exception) string { return e.Name + "\x00" + e.Version })
	for i := range c.Exceptions {
		c.Exceptions[i].NeededBy = slices.Sorted(slices.Values(c.Exceptions[i].NeededBy))
	}
	c.Venvs = sortedBy(p.Venvs, func(v Venv) string { return v.Dir })
	for i := range c.Venvs {
		v := &c.Venvs[i]
		v.Links = slices.Sorted(slices.Values(v.Links))
		v.Wheels = slices.Sorted(slices.Values(v.Wheels))
		v.Sources = sortedBy(v.Sources, func(s Source) string { return s.Plugin + "\x00" + s.Name })
	}
	return &c
}

func wheelKey(w Wheel) string { return w.Name + "\x00" + w.File }

// sortedBy returns a sorted copy; nil stays nil only where it has no entries,
// so that an absent list always has the same form.
func sortedBy[T any](list []T, key func(T) string) []T {
	if len(list) == 0 {
		return nil
	}
	c := slices.Clone(list)
	slices.SortStableFunc(c, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return c
}
