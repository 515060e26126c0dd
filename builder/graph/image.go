package graph

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/executor/contract"
)

// environment is the same for every image; see design/product.md, "What an
// image promises". The index knobs are those of pip's and uv's documentation:
// PIP_* for every option of `pip config` that names an index, UV_* likewise.
// DataHub 1.7.0.17 reads DATAHUB_TELEMETRY_ENABLED in telemetry/telemetry.py;
// it has no variable for its upgrade check, which the launcher leaves out.
var environment = []string{
	"PATH=/opt/datahub/bin:/usr/bin",
	"HOME=/tmp",
	"LANG=C.UTF-8",
	"PYTHONDONTWRITEBYTECODE=1",
	"PIP_INDEX_URL=" + nowhere,
	"PIP_EXTRA_INDEX_URL=",
	"PIP_FIND_LINKS=",
	"PIP_NO_INDEX=1",
	"UV_DEFAULT_INDEX=" + nowhere,
	"UV_INDEX_URL=" + nowhere,
	"UV_INDEX=",
	"UV_EXTRA_INDEX_URL=",
	"UV_FIND_LINKS=",
	"UV_NO_INDEX=1",
	"UV_OFFLINE=1",
	"UV_PYTHON_DOWNLOADS=never",
	contract.EnvDependencyResolution + "=false",
	"DATAHUB_TELEMETRY_ENABLED=false",
	"GIT_PYTHON_REFRESH=quiet",
}

type variable struct{ name, value string }

// imageEnvironment is the environment of an image, in order.
func imageEnvironment(venvPath string) []variable {
	var list []variable
	for _, kv := range append(environment[:len(environment):len(environment)], contract.EnvVenvPath+"="+venvPath) {
		name, value, _ := strings.Cut(kv, "=")
		list = append(list, variable{name, value})
	}
	return list
}

// imageConfig makes the OCI image configuration. Its history is supplied in
// full, one line per layer: BuildKit's own would hold the arguments of steps,
// and differ with what was cached.
func (a *assembly) imageConfig() ([]byte, error) {
	os, arch, _ := strings.Cut(a.p.Platform, "/")
	user := strconv.Itoa(a.m.Runtime.User)
	image := ocispec.Image{
		Created:  &a.epoch,
		Platform: ocispec.Platform{OS: os, Architecture: arch},
		Config: ocispec.ImageConfig{
			User:       user + ":" + user,
			WorkingDir: "/tmp",
			Labels: map[string]string{
				ocispec.AnnotationTitle:      a.m.Name,
				ocispec.AnnotationCreated:    a.epoch.UTC().Format("2006-01-02T15:04:05Z"),
				ocispec.AnnotationVersion:    a.lock.CLIVersion,
				"io.lockforge.manifest":      a.lock.Manifest,
				"io.lockforge.lock":          a.in.LockDigest,
				"io.lockforge.version":       a.in.ToolVersion,
				"io.lockforge.python":        a.p.Python,
				"io.lockforge.venv-metadata": path.Join(a.m.VenvPath, contract.MetadataFile),
			},
		},
	}
	for _, v := range imageEnvironment(a.m.VenvPath) {
		image.Config.Env = append(image.Config.Env, v.name+"="+v.value)
	}
	if a.m.Runtime.Executor {
		image.Config.Entrypoint = []string{contract.ExecutorPath}
	}
	for _, l := range a.layers {
		image.History = append(image.History, ocispec.History{Created: &a.epoch, CreatedBy: "lockforge: " + l.Name + ": " + l.What})
	}
	b, err := json.Marshal(image)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing the image configuration of %s", a.p.Platform)
	}
	return b, nil
}
