package graph

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/executor/contract"
)

// nowhere is the index that pip and uv are pointed at: a port on which nothing
// listens, on the only host that is always reachable.
const nowhere = "http://127.0.0.1:1/simple"

// The configuration files repeat what the environment says, so that clearing
// the environment opens nothing.
const (
	pipConf = "[global]\nindex-url = " + nowhere + "\nextra-index-url =\nfind-links =\nno-index = true\n"
	uvToml  = "no-index = true\nindex-url = \"" + nowhere + "\"\nextra-index-url = []\nfind-links = []\n"
)

// stateMode lets any user write the executor's state directory and nobody
// remove what is another's, as /tmp does: the image may run as a user other
// than the one it names.
const stateMode = fs.ModeSticky | 0o777

// addConfig adds the layer of configuration and description.
func (a *assembly) addConfig() error {
	metadata, err := document(a.metadata())
	if err != nil {
		return err
	}
	info, err := document(contract.BuildInfo{
		Tool: "lockforge", ToolVersion: a.in.ToolVersion, CLIVersion: a.lock.CLIVersion, Python: a.p.Python,
		ManifestDigest: a.lock.Manifest, LockDigest: a.in.LockDigest,
	})
	if err != nil {
		return err
	}
	files := map[string]string{
		"/etc/pip.conf":        pipConf,
		"/etc/uv/uv.toml":      uvToml,
		contract.BuildInfoPath: info,
		path.Join(a.m.VenvPath, contract.MetadataFile):    metadata,
		path.Join(a.m.VenvPath, contract.ConstraintsFile): a.constraints(),
	}
	spec := unpack.TreeSpec{Epoch: a.epoch.Unix()}
	for _, at := range sortedKeys(files) {
		spec.Entries = append(spec.Entries, unpack.TreeEntry{Entry: venv.Entry{
			Path: strings.TrimPrefix(at, "/"), Type: venv.Regular, Mode: 0o644, Content: files[at],
		}})
	}
	spec.Entries = append(spec.Entries, unpack.TreeEntry{Entry: venv.Entry{
		Path: strings.TrimPrefix(contract.StatePath, "/"), Type: venv.Dir, Mode: stateMode,
	}})
	sha, err := a.content.spec(spec)
	if err != nil {
		return err
	}
	out := step{name: "config" + forPlatform(a.builder, a.p), command: "tree", program: a.program, spec: sha}.run()
	a.add(out[0], Layer{Name: "config", What: "index configuration, metadata, build info"})
	return nil
}

func document(v any) (string, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "writing a description")
	}
	return string(b) + "\n", nil
}

func (a *assembly) metadata() contract.Metadata {
	m := contract.Metadata{BundledPlugins: []string{}, CLIVersion: a.lock.CLIVersion, SlimMode: a.m.CLI.Slim, Venvs: []contract.Venv{}}
	for _, v := range a.p.Venvs {
		m.BundledPlugins = append(m.BundledPlugins, v.Plugins...)
		m.Venvs = append(m.Venvs, contract.Venv{Dir: v.Dir, Plugins: v.Plugins, Links: v.Links})
	}
	slices.Sort(m.BundledPlugins)
	m.BundledPlugins = slices.Compact(m.BundledPlugins)
	return m
}

// constraints lists what is installed in the form of a pip constraints file.
// A project with several versions, in different venvs, has one line for each,
// and all but one of them a comment: as constraints they would contradict.
func (a *assembly) constraints() string {
	versions := map[string][]string{}
	for _, w := range a.p.Wheels {
		versions[w.Name] = append(versions[w.Name], w.Version)
	}
	var b strings.Builder
	for _, name := range sortedKeys(versions) {
		slices.Sort(versions[name])
		for i, v := range slices.Compact(versions[name]) {
			if i > 0 {
				b.WriteString("# also: ")
			}
			fmt.Fprintf(&b, "%s==%s\n", name, v)
		}
	}
	return b.String()
}
