package graph

import (
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
)

// sdistEpoch is the clock under which sdists are built, whatever the lock's
// date: 1980-01-01, the first that a ZIP archive can hold. The wheel's hash must
// not change when the lock is renewed.
const sdistEpoch = 315532800

// File is a step that makes one file.
type File struct {
	Step       string // the step's name
	Definition []byte // LLB; its result holds the file and nothing else
	Content    Content
}

// Sdist is the step that builds the wheel of a source archive, with the
// interpreter of a platform of the lock and the given build tools. Archive and
// tools must be in the content store. Of the lock only its date and that
// platform's interpreter and OS packages are used, so that it may be unfinished.
func Sdist(m *manifest.Manifest, l *lock.Lock, p *lock.Platform, s lock.Sdist, tools []lock.Wheel, in Inputs) (*File, error) {
	b, err := newBuilder(m, l, in)
	if err != nil {
		return nil, err
	}
	if p.Platform != in.BuildPlatform {
		return nil, fault.New(fault.Build, "building the wheel of %s: it needs an interpreter for %s", s.File, in.BuildPlatform).
			Hint("add %s to the manifest's platforms", in.BuildPlatform)
	}
	debs := debMembers(p.Debs)
	if b.packs[packKey(debs)], err = b.content.pack(debs, in.Open); err != nil {
		return nil, err
	}
	base, err := b.base(p)
	if err != nil {
		return nil, err
	}
	spec := unpack.SdistSpec{
		Epoch: sdistEpoch, Python: venv.Python(p.Python), Name: s.Name, Version: s.Version,
		Sdist: unpack.Input{File: s.File, SHA256: s.SHA256},
	}
	members := []pack.Member{{Name: s.File, SHA256: s.SHA256, Size: s.Size}}
	for _, t := range tools {
		spec.Tools = append(spec.Tools, unpack.Input{File: t.File, SHA256: t.SHA256})
		members = append(members, pack.Member{Name: t.File, SHA256: t.SHA256, Size: t.Size})
	}
	specSHA, err := b.content.spec(spec)
	if err != nil {
		return nil, err
	}
	packSHA, err := b.content.pack(members, in.Open)
	if err != nil {
		return nil, err
	}
	root := base.root()
	f := &File{Step: "wheel of " + s.File, Content: b.content}
	out := step{name: f.Step, command: "sdist", program: b.program, spec: specSHA, pack: packSHA, root: &root}.run()
	if f.Definition, err = b.marshal(out[0]); err != nil {
		return nil, err
	}
	return f, nil
}
