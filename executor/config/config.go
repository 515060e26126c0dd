package config

import (
	"path/filepath"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// Config is the whole configuration of an executor, checked and complete:
// every default is filled in. Printed in whatever way, it shows no secret.
type Config struct {
	// Instance names this process among the executors of its pools, in claims
	// and metrics. Empty where nothing names it: see [InstanceID].
	Instance string
	// Mode is upstream's: "worker" or "kafka-worker". Nothing here depends on
	// it but a label of the metrics.
	Mode string
	// Pools are the executor ids whose runs this executor takes.
	Pools   []string
	Sources []string // [SourceKafka], [SourcePoll]; at least one

	GMS      GMS
	Auth     Auth
	Kafka    *Kafka // nil where it is no source
	Poll     *Poll  // nil where it is no source
	Signals  Signals
	Secrets  Secrets
	Recipe   Recipe
	Venvs    Venvs
	Sandbox  Sandbox
	Limits   Limits
	Capacity Capacity
	State    State
	Logs     Logs
	Health   Health
	Metrics  Metrics
	Audit    Audit
	Trace    Trace
	Observe  Observe
	Drain    Drain
}

// Where runs come from.
const (
	SourceKafka = "kafka"
	SourcePoll  = "poll"
)

// GMS is DataHub's server.
type GMS struct {
	URL     string        // with its path and without a slash at the end: "https://datahub.example/gms"
	Roots   []string      // files of certificates that are trusted beside the system's
	Timeout time.Duration // of one exchange
	Retries int           // after the first attempt
	// PayloadBytes bounds an encoded result.
	PayloadBytes sandbox.Bytes

	// URL's parts, for those who don't give URL.
	Protocol, Host, Port, BasePath string
}

// Auth says how the executor proves to the server who it is.
type Auth struct {
	// Type is one of package auth's; "" is what the credentials that are
	// there allow.
	Type string
	// Token and TokenFile are for pat; the file is read again when it
	// changes, and is preferred. k8s_oidc reads TokenFile too.
	Token     Secret
	TokenFile string
	// SystemID and SystemSecret are for system.
	SystemID     string
	SystemSecret Secret
	// For oidc_client_credentials; Scope and Audience may be empty.
	TokenEndpoint, ClientID string
	ClientSecret            Secret
	Scope, Audience         string
	// For azure_entra. Without AzureSecret the workload's identity is used,
	// whose token AzureTokenFile has.
	AzureTenant, AzureClient, AzureScope string
	AzureSecret                          Secret
	AzureTokenFile, AzureAuthority       string
}

// Kafka is the source that consumes the metadata change log.
type Kafka struct {
	Brokers     []string // host:port
	Topic       string
	Group       string
	RegistryURL string // of the schemas
	StartAt     string // "latest" or "earliest", for a group without offsets
	// Properties are those of a client by their Java or librdkafka names, such
	// as "security.protocol".
	Properties Properties
}

// Poll is the source that asks the server for new runs.
type Poll struct {
	Interval time.Duration // between two questions for runs
	// Settle is how long a claim has to stand; 0 is for servers that create an
	// aspect once only.
	Settle time.Duration
	// Sweep ends runs of others that have been silent for SweepAfter.
	Sweep      bool
	SweepAfter time.Duration
}

// Signals are what stops runs that are going on.
type Signals struct {
	Interval time.Duration // between two questions for them
}

// Stores of secrets.
const (
	StoreEnv     = "env"
	StoreFile    = "file"
	StoreDataHub = "datahub"
	StoreAWS     = "aws-sm"
	StoreGCP     = "gcp-sm"
)

// Secrets says where the ${NAME}s of recipes come from.
type Secrets struct {
	Stores []string // a later one overrules an earlier one
	// Env has the variables that recipes may name, and beginnings of names
	// with a "*" after them.
	Env          []string
	Dir          string // of the store file
	FileBytes    sandbox.Bytes
	Timeout      time.Duration // of one question to one store
	AWS          AWSSecrets
	GCP          GCPSecrets
	DataHubCache time.Duration // how long a value of the store datahub is remembered; 0 is not at all
}

// AWSSecrets is the store aws-sm.
type AWSSecrets struct {
	Region, Prefix string
	Endpoint       string // for an endpoint inside of a private network; "" is the region's
	CacheTTL       time.Duration
}

// GCPSecrets is the store gcp-sm.
type GCPSecrets struct {
	Project, Prefix string
	Endpoint        string
	CacheTTL        time.Duration
}

// Recipe says what recipes may ask for.
type Recipe struct {
	Policy string // file; "" is the built-in policy
	// EnvVars are the extra_env_vars that a run may set, and beginnings of
	// names with a "*" after them.
	EnvVars []string
}

// What happens to a run that asks for another CLI than the bundled one.
const (
	VersionStrict  = "strict"         // refused
	VersionSame    = "same-version"   // runs where the version is that of the bundle
	VersionBundled = "always-bundled" // runs with the bundle, and the report says so
)

// Venvs are the bundled venvs.
type Venvs struct {
	Root    string
	Version string // one of the policies above
}

// Sandbox says under which controls of the kernel a child runs.
type Sandbox struct {
	Mode        string // "prefer", "require" or "off"
	Write       []string
	Read        []string // nil is everything
	LandlockABI int
	MDWE        bool
	AllowMemfd  bool
}

// Limits bound one run.
type Limits struct {
	Timeout   time.Duration // 0 is none
	Grace     time.Duration // between SIGTERM and SIGKILL
	Memory    sandbox.Bytes // 0 is none
	FileSize  sandbox.Bytes
	OpenFiles int
	Processes int
}

// Capacity bounds what runs at once.
type Capacity struct {
	Workers  int // ingestions
	Observe  int // assertions
	Overtake int // how often small runs may pass a big one that waits
}

// State is what survives the process.
type State struct {
	Dir string
	// Ephemeral says that the next process will not find what is in Dir.
	Ephemeral bool
	Keep      time.Duration // how long a delivered run's id is remembered
	KeepIDs   int           // how many at most
}

// Journal is the directory of the journal.
func (s State) Journal() string { return filepath.Join(s.Dir, "journal") }

// Logs are the executor's own and those of its children.
type Logs struct {
	Level  string // "debug", "info", "warn" or "error"
	Format string // "json" or "text"
	Echo   bool   // children's lines go to standard output too
	Dir    string // <dir>/<run id>/
	Work   string // scratch directories: <work>/<run id>/
	// FileBytes and Files bound the log of one run.
	FileBytes sandbox.Bytes
	Files     int

	GC            bool
	Retention     time.Duration
	MaxDirBytes   sandbox.Bytes // of Dir; 0 is no bound
	GCInterval    time.Duration
	InFlightGrace time.Duration // no file that changed since is removed
}

// Health is what container probes look at.
type Health struct {
	Liveness, Readiness string // files
	Interval            time.Duration
}

// Metrics say how Prometheus gets them.
type Metrics struct {
	Listen       string // "off", "loopback", "all" or an address; see Address
	Port         int    // for loopback and all
	Internal     bool   // the label executor_internal
	PushDisabled bool
	PushInterval time.Duration
	PushPath     string // takes the place of the server URL's path
}

// Audit is the trail of security events.
type Audit struct {
	Enabled   bool
	Dir       string
	FileBytes sandbox.Bytes // before a new file is begun
	Files     int
}

// Trace is where spans go. Without an endpoint there are none.
type Trace struct {
	Disabled bool
	Base     string // URL that "/v1/traces" is added to, where Endpoint is empty
	Endpoint string // the whole URL, such as "https://collector.example/v1/traces"
	Protocol string // "http/protobuf"
	Headers  Properties
	Timeout  time.Duration
	Service  string
	Ratio    float64 // of runs that are traced, 0 to 1
}

// Observe are the assertions that this executor evaluates by itself.
type Observe struct {
	Monitors string // file; "" is off
	// Timeout is of one statement, where the platform has none of its own.
	Timeout                                   time.Duration
	Snowflake, BigQuery, Redshift, Databricks time.Duration
}

// StatementTimeout is the time for one statement on a platform, by the source
// type of its connector.
func (o Observe) StatementTimeout(source string) time.Duration {
	switch source {
	case "snowflake":
		return o.Snowflake
	case "bigquery":
		return o.BigQuery
	case "redshift":
		return o.Redshift
	case "databricks", "unity-catalog":
		return o.Databricks
	default:
		return o.Timeout
	}
}

// Drain says how the executor ends.
type Drain struct {
	Wait  time.Duration // for running tasks, before they are told to end
	Grace time.Duration // for results to be delivered after that
}
