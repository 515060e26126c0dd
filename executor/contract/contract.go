// Package contract holds what the image and the executor inside it agree on:
// paths, names of environment variables and the JSON files that the build
// writes and the executor reads. It imports the standard library only.
package contract

// Environment variables.
const (
	// EnvVenvPath names the directory of the bundled venvs, as upstream does.
	EnvVenvPath = "DATAHUB_BUNDLED_VENV_PATH"
	// EnvDependencyResolution is upstream's switch for installing at run time.
	EnvDependencyResolution = "INGESTION_DEPENDENCY_RESOLUTION_ENABLED"
)

// Paths in the image.
const (
	DefaultVenvPath = "/opt/datahub/venvs"
	StorePath       = "/opt/datahub/store"
	ExecutorPath    = "/opt/datahub/bin/executor"
	BuildInfoPath   = "/build_info.json"
	// MetadataFile lies in the venv directory.
	MetadataFile = "metadata.json"
	// ConstraintsFile lies in the venv directory, as upstream demands.
	ConstraintsFile = "constraints.txt"
	// StatePath is the only directory besides /tmp that the executor writes.
	StatePath = "/var/lib/datahub-executor"

	// StartLink and HealthLink are upstream's names for the entry point and
	// the health check; both are links to ExecutorPath.
	StartLink  = "/start_datahub_executor.sh"
	HealthLink = "/health_status"
)

// VenvSuffix and GroupSuffix make directory names from plugin names and group labels.
const (
	VenvSuffix  = "-bundled"
	GroupSuffix = "-venv"
)

// Metadata is the content of MetadataFile. Its first three keys are upstream's.
type Metadata struct {
	BundledPlugins []string `json:"bundled_plugins"`
	CLIVersion     string   `json:"cli_version"`
	SlimMode       bool     `json:"slim_mode"`
	Venvs          []Venv   `json:"venvs"`
}

// Venv is one bundled venv: Dir lies below the venv path, Links are its other names.
type Venv struct {
	Dir     string   `json:"dir"`
	Plugins []string `json:"plugins"`
	Links   []string `json:"links,omitempty"`
}

// BuildInfo is the content of BuildInfoPath.
type BuildInfo struct {
	Tool           string `json:"tool"` // "lockforge"
	ToolVersion    string `json:"tool_version"`
	CLIVersion     string `json:"cli_version"`
	Python         string `json:"python"`          // minor version, "3.13"
	ManifestDigest string `json:"manifest_digest"` // "sha256:<hex>"
	LockDigest     string `json:"lock_digest"`     // "sha256:<hex>"
}
