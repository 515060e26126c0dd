package graph

import (
	_ "embed"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client/llb"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/executor/contract"
)

// ProofPrefix starts the one line in which a proof says how it went: JSON with
// "class", or with "missing" and "error".
const ProofPrefix = "lockforge-proof: "

const proofStep = "proof: "

// IsProof reports whether a step's name is that of a proof.
func IsProof(step string) bool { return strings.HasPrefix(step, proofStep) }

//go:embed proof.py
var proofProgram string

// Proof is a step that imports one source's class inside the built image.
type Proof struct {
	Platform   string
	Plugin     string
	Source     string // as a recipe spells it
	Class      string // "module:Class", as the lock has it
	Venv       string // directory below the venv path
	Step       string // the step's name
	Definition []byte // LLB; nil where the platform cannot run on the build host
}

// Proofs makes one proof for every source of the lock. They run in the image as
// it is used: no network, read-only root, its user and environment, and a /tmp.
// They add nothing to the image.
func (g *Graph) Proofs() ([]Proof, error) {
	var proofs []Proof
	for _, image := range g.images {
		for _, v := range image.p.Venvs {
			for _, s := range v.Sources {
				p := Proof{
					Platform: image.p.Platform, Plugin: s.Plugin, Source: s.Name, Class: s.Class, Venv: v.Dir,
					Step: proofStep + s.Plugin + " imports in " + v.Dir + forPlatform(image.builder, image.p),
				}
				python := path.Join(image.m.VenvPath, v.Dir, "bin/python")
				var err error
				if p.Definition, err = image.run(p.Step, v, []string{python, "-I", "-c", proofProgram, s.Name}); err != nil {
					return nil, err
				}
				proofs = append(proofs, p)
			}
		}
	}
	return proofs, nil
}

// image is a platform's finished image as a step's root file system: the store
// directories of one venv's wheels are mounted into what all venvs share. A
// merge of all layers would have the same files, after a hard link was made for
// each of them, and could not be had before the last wheel is unpacked.
type image struct {
	*assembly
	shared llb.State
}

// run is the definition of a step that needs one venv of the image; nil where
// it cannot run.
func (i *image) run(name string, venv lock.Venv, args []string) ([]byte, error) {
	if i.p.Platform != i.target.OS+"/"+i.target.Architecture {
		return nil, nil
	}
	user := strconv.Itoa(i.m.Runtime.User)
	opts := []llb.RunOption{
		llb.Args(args), llb.Network(llb.NetModeNone), llb.ReadonlyRootFS(), llb.WithCustomName(name),
		llb.User(user + ":" + user), llb.Dir("/tmp"),
		llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
	}
	for _, file := range venv.Wheels {
		s := i.stores[file]
		opts = append(opts, input(s.path, s.layer, llb.SourcePath(s.path)))
	}
	for _, kv := range imageEnvironment(i.m.VenvPath) {
		opts = append(opts, llb.AddEnv(kv.name, kv.value))
	}
	// A step needs an output to be asked for; nobody may write this one.
	out := i.shared.Run(opts...).AddMount(contract.StatePath, llb.Scratch())
	return i.marshal(out)
}
