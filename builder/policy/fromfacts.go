package policy

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/sbom"
	"github.com/lockforge/lockforge/executor/contract"
)

// Promise is what was asked for, against which facts are judged. An image
// that lockforge did not build has neither Allow nor Lock; leave out the rules
// that need a lock with Set.Without then.
type Promise struct {
	Allow []manifest.Allow
	Lock  *lock.Lock
	// Documented are the packages of the SBOM that goes with the image; nil
	// means that there is none.
	Documented []Package
}

// FromFacts writes down the facts about one platform as rules see them.
func FromFacts(f *facts.Facts, p Promise) Input {
	in := Input{
		Platform:      f.Platform,
		Config:        configOf(f.Config),
		Entries:       groups(f.Entries),
		Whiteouts:     []Place{},
		Tools:         []Tool{},
		Startup:       []Startup{},
		Bytecode:      bytecode(f.Bytecode),
		IndexFiles:    map[string]string{},
		ELF:           elf(f.ELF),
		Packages:      &Packages{Installed: Installed(f), Documented: p.Documented},
		Distributions: []Distribution{},
		Expect:        expect(p.Lock, f.Platform),
		Reviewed:      reviewed(p.Lock, f.Platform),
		Allow:         []Allow{},
	}
	for _, l := range f.Layers {
		in.Layers = append(in.Layers, Layer{Index: l.Index, Digest: l.Digest, Name: l.CreatedBy})
	}
	for _, w := range f.Whiteouts {
		in.Whiteouts = append(in.Whiteouts, place(w.Path, w.Layer))
	}
	for _, x := range f.Programs {
		in.Programs = append(in.Programs, Program{Name: path.Base(x.Path), Path: absolute(x.Path), Layer: x.Layer, Kind: x.Kind})
	}
	for _, x := range f.Tools {
		in.Tools = append(in.Tools, Tool{Name: x.Name, Path: absolute(x.Path), Layer: x.Layer, Kind: x.Kind, By: x.By})
	}
	for _, d := range f.Python {
		in.Distributions = append(in.Distributions, Distribution{Name: d.Name, Version: d.Version, Path: absolute(d.Path), Layer: d.Layer, Kind: d.Kind})
	}
	for _, s := range f.Startup {
		in.Startup = append(in.Startup, Startup{Path: absolute(s.Path), Layer: s.Layer, Kind: s.Kind, SHA256: s.SHA256})
	}
	for file, content := range f.IndexFiles {
		in.IndexFiles[absolute(file)] = content
	}
	for _, a := range p.Allow {
		in.Allow = append(in.Allow, Allow{Program: a.Program, Reason: a.Reason})
	}
	return in
}

// Installed lists the packages of the image: Debian's, and the Python
// distributions at the top of the store. Vendored copies inside other
// distributions are no packages of their own.
func Installed(f *facts.Facts) []Package {
	var all []Package
	for _, d := range f.Debian {
		all = append(all, Package{Type: "deb", Name: d.Name, Version: d.Version})
	}
	for _, d := range f.Python {
		if d.Store != "" {
			all = append(all, Package{Type: "pypi", Name: d.Name, Version: d.Version})
		}
	}
	return all
}

// expect says what a lock promises. Without one only the directories for
// state are known, and the rules about the rest find nothing to go by.
func expect(l *lock.Lock, platform string) *Expect {
	e := &Expect{Writable: []string{"/tmp", contract.StatePath}}
	if l == nil {
		return e
	}
	e.Layers = l.Layers.Budget
	for _, p := range l.Platforms {
		if p.Platform == platform {
			e.Base = len(p.Base.Layers)
		}
	}
	if resolved, err := time.Parse(time.DateOnly, l.Resolved); err == nil {
		epoch := resolved.Unix()
		e.Epoch = &epoch
	}
	return e
}

func configOf(c image.Config) *Config {
	out := &Config{
		User: c.User, Env: c.Env, Cmd: c.Cmd, Healthcheck: c.Healthcheck, Labels: map[string]string{},
		Entrypoint: append([]string{}, c.Entrypoint...), History: []string{},
	}
	for name, value := range c.Labels {
		out.Labels[name] = value
	}
	for _, h := range c.History {
		out.History = append(out.History, h.CreatedBy+" "+h.Comment)
	}
	return out
}

// groups puts entries with the same attributes together.
func groups(entries []facts.Entry) []Group {
	type key struct {
		kind         image.Type
		mode         uint32
		uid, gid     int
		mtime        int64
		capabilities bool
	}
	at := map[key]int{}
	var all []Group
	for _, e := range entries {
		_, capabilities := e.Xattrs["security.capability"]
		k := key{e.Type, e.Mode, e.UID, e.GID, e.MTime, capabilities}
		i, known := at[k]
		if !known {
			i = len(all)
			at[k] = i
			all = append(all, Group{
				Type: string(e.Type), Mode: int64(e.Mode), UID: e.UID, GID: e.GID, MTime: e.MTime, Capabilities: capabilities,
			})
		}
		all[i].Paths = append(all[i].Paths, place(e.Path, e.Layer))
	}
	return all
}

func bytecode(files []facts.Bytecode) []BytecodeGroup {
	at := map[BytecodeKey]int{}
	var all []BytecodeGroup
	for _, b := range files {
		k := BytecodeKey{Flags: b.Flags, Source: b.Source != "", Matches: b.Matches}
		i, known := at[k]
		if !known {
			i = len(all)
			at[k] = i
			all = append(all, BytecodeGroup{BytecodeKey: k})
		}
		all[i].Paths = append(all[i].Paths, place(b.Path, b.Layer))
	}
	return all
}

func elf(files []facts.ELF) *ELF {
	out := &ELF{Objects: len(files), Unresolved: []Unresolved{}}
	for _, e := range files {
		for _, soname := range e.Unresolved {
			out.Unresolved = append(out.Unresolved, Unresolved{Path: absolute(e.Path), Layer: e.Layer, Soname: soname})
		}
	}
	return out
}

func reviewed(l *lock.Lock, platform string) []Reviewed {
	out := []Reviewed{}
	if l == nil {
		return out
	}
	for _, p := range l.Platforms {
		if p.Platform != platform {
			continue
		}
		for _, r := range p.Reviewed {
			out = append(out, Reviewed{Wheel: r.Wheel, File: r.File, SHA256: r.SHA256, Reason: r.Reason})
		}
	}
	slices.SortFunc(out, func(a, b Reviewed) int { return cmp.Compare(a.Wheel+a.File, b.Wheel+b.File) })
	return out
}

func place(file string, layer int) Place { return Place{Path: absolute(file), Layer: layer} }

// absolute turns a path relative to the image's root, as facts have it, into
// the one that a process in the image sees.
func absolute(file string) string { return path.Join("/", file) }

// Documented lists the packages of an SBOM that rules compare with the
// image's; the executor, which is in no package database, is not among them.
func Documented(d *sbom.Document) []Package {
	all := []Package{}
	for _, p := range d.Packages {
		if p.Type == "deb" || p.Type == "pypi" {
			all = append(all, Package{Type: p.Type, Name: p.Name, Version: p.Version})
		}
	}
	return all
}
