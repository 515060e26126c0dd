package probe

import "regexp"

// Tier says what has to hold a probe back.
type Tier string

// The tiers, in the order of reports.
const (
	Image    Tier = "I" // the image alone, started by a plain `docker run`
	Runtime  Tier = "R" // the reference runtime profile: read-only root, no capabilities, seccomp, noexec scratch space
	Executor Tier = "X" // the executor, for each task
	Detected Tier = "D" // nothing: it is noticed and reported
)

// Tiers lists all tiers in the order of reports.
func Tiers() []Tier { return []Tier{Image, Runtime, Executor, Detected} }

// Severity says how bad a failed probe is, in the words of the policy's rules.
type Severity string

// The severities, gravest first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Kind says how a probe is answered.
type Kind string

// The kinds.
const (
	StaticKind  Kind = "static"  // from the bytes of the image
	DynamicKind Kind = "dynamic" // by running something in it
)

// Probe is one attempt against the lock. It says what must hold; who answers
// it is a Check of this package or a Runner of another one.
type Probe struct {
	ID       string   `json:"id"`    // "E05-shell"; the number is that of the threat, several probes may share it
	Title    string   `json:"title"` // what holds when the probe passes
	Tier     Tier     `json:"tier"`
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Fix      string   `json:"fix"` // one line
}

// Page is the path of the probe's page in lockforge's source tree.
func (p Probe) Page() string { return "docs/probes/" + p.ID + ".md" }

var (
	idForm     = regexp.MustCompile(`^E[0-9]{2}-[a-z0-9]+(-[a-z0-9]+)*$`)
	severities = map[Severity]bool{Critical: true, High: true, Medium: true, Low: true}
	tiers      = map[Tier]bool{Image: true, Runtime: true, Executor: true, Detected: true}
	kinds      = map[Kind]bool{StaticKind: true, DynamicKind: true}
)
