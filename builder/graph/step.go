package graph

import (
	"slices"

	"github.com/moby/buildkit/client/llb"
)

// Paths inside a step.
const (
	programPath = "/lockforge-unpack"
	specPath    = "/in/spec.json"
	packPath    = "/in/pack"
	outPath     = "/out"
	// modulesPath is another root file system, whose modules are compiled.
	modulesPath = "/in/root"
)

// input mounts what a step reads. All inputs are named by their content, or are
// outputs of such steps: BuildKit need not read them to know whether they changed.
func input(at string, state llb.State, opts ...llb.MountOption) llb.RunOption {
	return llb.AddMount(at, state, append(opts, llb.Readonly, llb.ContentCache(llb.MountContentCacheOff))...)
}

// step is one run of the unpack program: no network, read-only inputs, and
// nothing writable but /tmp and the outputs.
type step struct {
	name    string            // as the user sees it
	command string            // of unpack
	program string            // hash of the unpack program
	spec    string            // hash of the specification
	pack    string            // hash of the pack, or ""
	files   map[string]string // further input files: path to hash
	root    *llb.State        // the root file system; nil where the program needs none
	modules *llb.State        // where modules are, if not in root
	outputs []string          // paths of outputs; /out where empty
}

// run adds the step to the graph and returns its outputs in order.
func (s step) run() []llb.State {
	inputs := map[string]string{specPath: s.spec}
	if s.pack != "" {
		inputs[packPath] = s.pack
	}
	for at, sha := range s.files {
		inputs[at] = sha
	}
	args := []string{programPath, s.command}
	if s.modules != nil {
		args = append(args, "-root", modulesPath)
	}
	opts := []llb.RunOption{
		llb.Args(args),
		llb.Network(llb.NetModeNone),
		llb.WithCustomName(s.name),
		input(programPath, blob(s.program, programMode, "unpack"), llb.SourcePath(blobFile)),
		llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
	}
	for _, at := range sortedKeys(inputs) {
		opts = append(opts, input(at, blob(inputs[at], dataMode, at+" of "+s.name), llb.SourcePath(blobFile)))
	}
	root := llb.Scratch()
	if s.root != nil {
		root = *s.root
		opts = append(opts, llb.ReadonlyRootFS())
	}
	if s.modules != nil {
		opts = append(opts, input(modulesPath, *s.modules))
	}
	exec := root.Run(opts...)
	outputs := s.outputs
	if len(outputs) == 0 {
		outputs = []string{outPath}
	}
	var states []llb.State
	for _, at := range outputs {
		states = append(states, exec.AddMount(at, llb.Scratch()))
	}
	return states
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
