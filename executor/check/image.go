package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/contract"
	"golang.org/x/sys/unix"
)

const (
	fixImage   = "take the image again, by its digest; nothing in it may be changed"
	fixVenvs   = "set " + contract.EnvVenvPath + " to the directory of the bundled venvs, or unset it"
	executable = 0o111
)

// image looks at every venv that the image says it has.
func (in Inputs) image(context.Context) (f Findings) {
	root := in.Config.Venvs.Root
	metadata, err := bundle.Metadata(root)
	if err != nil {
		f.fail(Environment, fixVenvs, "%v", err)
		return f
	}
	plugins := 0
	for _, venv := range metadata.Venvs {
		if _, err := os.Stat(filepath.Join(root, venv.Dir)); err != nil {
			f.fail(Environment, fixImage, "venv %s: %v", venv.Dir, err)
			continue
		}
		for _, plugin := range venv.Plugins {
			plugins++
			if err := complete(root, plugin); err != nil {
				f.fail(Environment, fixImage, "%v", err)
			}
		}
	}
	if plugins == 0 {
		f.fail(Environment, fixImage, "%s lists no plugin", filepath.Join(root, contract.MetadataFile))
	}
	info, err := bundle.BuildInfo(in.BuildInfo)
	switch {
	case err != nil:
		f.warn(Environment, fixImage, "what the image was built from is not known: %v", err)
	case info.CLIVersion != metadata.CLIVersion:
		f.fail(Environment, fixImage, "%s says CLI %s and %s says %s", in.BuildInfo, info.CLIVersion, contract.MetadataFile, metadata.CLIVersion)
	}
	f.note("DataHub CLI %s, %d plugins in %d venvs", metadata.CLIVersion, plugins, len(metadata.Venvs))
	return f
}

// complete says what a plugin's venv lacks. The interpreter's link is
// followed: it leads to the image's Python.
func complete(root, plugin string) error {
	venv, err := bundle.Find(root, plugin)
	if err != nil {
		return err
	}
	for _, file := range []string{venv.Python, venv.CLI} {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("plugin %s: %w", plugin, err)
		}
		if !info.Mode().IsRegular() || info.Mode()&executable == 0 {
			return fmt.Errorf("plugin %s: %s is no program", plugin, file)
		}
	}
	return nil
}

// rootFS looks at who could change the image from inside.
func (in Inputs) rootFS(context.Context) (f Findings) {
	var s unix.Statfs_t
	if err := unix.Statfs(in.Root, &s); err != nil {
		f.fail(Environment, "", "looking at the root file system: %v", err)
		return f
	}
	readOnly := s.Flags&unix.ST_RDONLY != 0
	if readOnly {
		f.note("read-only")
	} else {
		f.warn(Environment, "mount it read-only: readOnlyRootFilesystem in Kubernetes, readonlyRootFilesystem in ECS, --read-only of docker; /tmp and the state directory are volumes then", "the root file system can be written")
	}
	if uid := os.Geteuid(); uid == 0 {
		f.warn(Environment, "run as the image's own user", "the executor runs as root")
	} else {
		f.note("user %d", uid)
	}
	if venvs := in.Config.Venvs.Root; !readOnly && unix.Access(venvs, unix.W_OK) == nil {
		f.warn(Environment, "keep them root's, and run as another user", "runs could change the venvs in %s, if the sandbox were off", venvs)
	}
	return f
}

// versions compares what the server asks for with what the image has.
func (in Inputs) versions(f *Findings, wanted string) {
	metadata, err := bundle.Metadata(in.Config.Venvs.Root)
	if err != nil || wanted == "" || wanted == "bundled" {
		return
	}
	policy := in.Config.Venvs.Version
	if policy == "always-bundled" || policy == "same-version" && wanted == metadata.CLIVersion {
		return
	}
	f.warn(Configuration,
		"set the CLI version of the sources to bundled, or the server's default version to "+strings.TrimPrefix(metadata.CLIVersion, "v")+", or LOCKFORGE_EXECUTOR_VERSION_POLICY to always-bundled",
		"the server asks for CLI %s where a source names no version, the image has %s, and the version policy %s refuses that", wanted, metadata.CLIVersion, policy)
}
