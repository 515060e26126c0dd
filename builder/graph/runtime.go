package graph

import (
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/executor/contract"
)

// addRuntime adds the executor and the names by which upstream starts it.
func (a *assembly) addRuntime() error {
	if !a.m.Runtime.Executor {
		return nil
	}
	_, arch, _ := strings.Cut(a.p.Platform, "/")
	program, err := a.in.Executor(arch)
	if err != nil {
		return err
	}
	const input = "executor"
	sha, err := a.content.program(program)
	if err != nil {
		return err
	}
	spec := unpack.TreeSpec{Epoch: a.epoch.Unix(), Entries: []unpack.TreeEntry{{
		Entry: venv.Entry{Path: strings.TrimPrefix(contract.ExecutorPath, "/"), Type: venv.Regular, Mode: 0o755},
		From:  input, SHA256: sha,
	}}}
	for _, link := range []string{contract.HealthLink, contract.StartLink} {
		spec.Entries = append(spec.Entries, unpack.TreeEntry{Entry: venv.Entry{
			Path: strings.TrimPrefix(link, "/"), Type: venv.Link, Mode: 0o777, Target: strings.TrimPrefix(contract.ExecutorPath, "/"),
		}})
	}
	specSHA, err := a.content.spec(spec)
	if err != nil {
		return err
	}
	out := step{
		name: "runtime: executor" + forPlatform(a.builder, a.p), command: "tree", program: a.program,
		spec: specSHA, files: map[string]string{path.Join("/in", input): sha},
	}.run()
	a.add(out[0], Layer{Name: "runtime", What: "executor"})
	return nil
}
