package graph

import (
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
)

// base is the OS part of one platform.
type base struct {
	os, python llb.State
}

// root is a file system with an interpreter.
func (b *base) root() llb.State {
	return llb.Merge([]llb.State{b.os, b.python}, llb.WithCustomName(inputPrefix+"interpreter"))
}

func debMembers(debs []lock.Deb) []pack.Member {
	var members []pack.Member
	for _, d := range debs {
		members = append(members, pack.Member{Name: debFile(d), SHA256: d.SHA256, Size: d.Size})
	}
	return members
}

// debFile is the package's file name in a pack. That of the pool is percent
// encoded by some mirrors and not by others.
func debFile(d lock.Deb) string {
	return d.Name + "_" + strings.ReplaceAll(d.Version, ":", "%3a") + "_" + d.Arch + ".deb"
}

// base returns the OS part of a platform, made once.
func (b *builder) base(p *lock.Platform) (*base, error) {
	if made, ok := b.bases[p.Platform]; ok {
		return made, nil
	}
	_, arch, _ := strings.Cut(p.Platform, "/")
	spec := unpack.DebsSpec{Epoch: b.epoch.Unix(), Suite: p.Base.Suite, Arch: arch, User: b.m.Runtime.User}
	for _, allowed := range b.m.Allow {
		spec.Programs = append(spec.Programs, allowed.Program)
	}
	for _, d := range p.Debs {
		spec.Debs = append(spec.Debs, unpack.Input{File: debFile(d), SHA256: d.SHA256})
	}
	sha, err := b.content.spec(spec)
	if err != nil {
		return nil, err
	}
	outputs := step{
		name: "os: Debian " + p.Base.Suite + forPlatform(b, p), command: "debs", program: b.program,
		spec: sha, pack: b.packs[packKey(debMembers(p.Debs))],
		outputs: []string{path.Join(outPath, "os"), path.Join(outPath, "python")},
	}.run()
	made := &base{os: outputs[0], python: outputs[1]}
	b.bases[p.Platform] = made
	return made, nil
}

// forPlatform is added to names of steps where there are several platforms.
func forPlatform(b *builder, p *lock.Platform) string {
	if len(b.platforms) == 1 {
		return ""
	}
	return " for " + p.Platform
}

// interpreter is the file system in which bytecode for p is compiled: always
// that of the platform the steps run on, whose bytecode is the same for the
// same minor version.
func (a *assembly) interpreter() (llb.State, error) {
	host := a.target.OS + "/" + a.target.Architecture
	for _, p := range a.platforms {
		if p.Platform == host && p.Python == a.p.Python {
			b, err := a.base(p)
			if err != nil {
				return llb.State{}, err
			}
			return b.root(), nil
		}
	}
	return llb.State{}, fault.New(fault.Build, "building %s on %s: the lock has no Python %s for %s, which compiles the bytecode", a.p.Platform, host, a.p.Python, host).
		Hint("add %s to the manifest's platforms and lock again, or build on a machine of %s", host, a.p.Platform)
}

// addBase adds the OS, the interpreter, and the bytecode of its own modules.
func (a *assembly) addBase() error {
	b, err := a.base(a.p)
	if err != nil {
		return err
	}
	var files []string
	for _, d := range a.p.Debs {
		files = append(files, debFile(d))
	}
	a.add(b.os, Layer{Name: "os", What: "Debian " + a.p.Base.Suite, Files: files})
	a.add(b.python, Layer{Name: "python", What: "Python " + a.p.Python})

	root, err := a.interpreter()
	if err != nil {
		return err
	}
	spec, err := a.content.spec(unpack.StdlibSpec{Epoch: a.epoch.Unix(), Python: venv.Python(a.p.Python)})
	if err != nil {
		return err
	}
	bytecode := step{name: "python: bytecode of the standard library", command: "stdlib", program: a.program, spec: spec, root: &root}.run()
	a.add(bytecode[0], Layer{Name: "python-bytecode", What: "bytecode of Python's own modules"})
	return nil
}
