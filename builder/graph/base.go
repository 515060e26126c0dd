package graph

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
)

// base is the OS part of one platform: the states that its image begins with.
type base struct {
	states []llb.State
	layers []Layer
	// compiled says that the standard library has bytecode already.
	compiled bool
}

// root is a file system with an interpreter.
func (b *base) root() llb.State {
	if len(b.states) == 1 {
		return b.states[0]
	}
	return llb.Merge(b.states, llb.WithCustomName(inputPrefix+"interpreter"))
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
	begin := b.debianBase
	if p.Base.Image != "" {
		begin = b.imageBase
	}
	made, err := begin(p)
	if err == nil {
		b.bases[p.Platform] = made
	}
	return made, err
}

// debianBase assembles the OS part from Debian packages: one layer for the OS
// and one for the interpreter.
func (b *builder) debianBase(p *lock.Platform) (*base, error) {
	_, arch, _ := strings.Cut(p.Platform, "/")
	spec := unpack.DebsSpec{Epoch: b.epoch.Unix(), Suite: p.Base.Suite, Arch: arch, User: b.m.Runtime.User}
	for _, allowed := range b.m.Allow {
		spec.Programs = append(spec.Programs, allowed.Program)
	}
	var files []string
	for _, d := range p.Debs {
		spec.Debs = append(spec.Debs, unpack.Input{File: debFile(d), SHA256: d.SHA256})
		files = append(files, debFile(d))
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
	return &base{states: outputs, layers: []Layer{
		{Name: "os", What: "Debian " + p.Base.Suite, Files: files},
		{Name: "python", What: "Python " + p.Python},
	}}, nil
}

// imageBase begins with the layers of an image, unchanged. The steps that
// compile bytecode refuse an interpreter of another version than the lock's.
func (b *builder) imageBase(p *lock.Platform) (*base, error) {
	given, ok := b.in.Bases[p.Platform]
	if !ok {
		return nil, fault.New(fault.Internal, "the base image %s of %s was not handed in", p.Base.Image, p.Platform)
	}
	for sha, size := range given.Blobs {
		b.content.Stored[sha] = size
	}
	state := llb.OCILayout(baseReference+given.Manifest, llb.OCIStore("", StoreID), llb.WithCustomName(inputPrefix+"base image"))
	made := &base{states: []llb.State{state}, compiled: given.Bytecode}
	for i, what := range given.Layers {
		made.layers = append(made.layers, Layer{Name: fmt.Sprintf("base-%02d", i), What: what})
	}
	return made, nil
}

// baseReference is the name under which a base image appears in BuildKit's
// provenance.
const baseReference = "lockforge.local/base@"

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

// addBase adds the OS and the interpreter, and the bytecode of the
// interpreter's own modules where the OS part does not have it.
func (a *assembly) addBase() error {
	b, err := a.base(a.p)
	if err != nil {
		return err
	}
	a.states = append(a.states, b.states...)
	a.shared = append(a.shared, b.states...)
	a.layers = append(a.layers, b.layers...)
	if b.compiled {
		return nil
	}
	root, err := a.interpreter()
	if err != nil {
		return err
	}
	spec, err := a.content.spec(unpack.StdlibSpec{Epoch: a.epoch.Unix(), Python: venv.Python(a.p.Python)})
	if err != nil {
		return err
	}
	compile := step{
		name: "python: bytecode of the standard library" + forPlatform(a.builder, a.p), command: "stdlib",
		program: a.program, spec: spec, root: &root,
	}
	if a.p.Platform != a.target.OS+"/"+a.target.Architecture {
		// The interpreter that can run here compiles the other one's modules:
		// a few of them, such as _sysconfigdata, are named after the machine.
		modules := b.root()
		compile.modules = &modules
	}
	a.add(compile.run()[0], Layer{Name: "python-bytecode", What: "bytecode of Python's own modules"})
	return nil
}
