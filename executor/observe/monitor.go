package observe

import (
	"encoding/json"
	"time"
)

// Kind says where a monitor looks.
type Kind string

// Kinds of monitors.
const (
	Freshness Kind = "freshness"
	Volume    Kind = "volume"
	Field     Kind = "field"
	Schema    Kind = "schema"
	SQL       Kind = "sql"
)

// Change says what is compared: the value, or how far it is from the one of
// the previous check.
type Change string

// Changes. The zero value compares the value itself.
const (
	NoChange   Change = ""
	Absolute   Change = "absolute"
	Percentage Change = "percentage"
)

// Compatibility says how the fields of a schema may differ from the expected.
type Compatibility string

// Compatibilities.
const (
	Exact    Compatibility = "exact"    // the same fields
	Superset Compatibility = "superset" // the dataset may have more
	Subset   Compatibility = "subset"   // the dataset may lack some
)

// Defaults of a monitor.
const (
	// DefaultMaxAge is how old a profile may be: two days are one missed
	// daily run.
	DefaultMaxAge = 48 * time.Hour
	// DefaultTimeout bounds a statement, as upstream does.
	DefaultTimeout = 600 * time.Second
	maxTimeout     = 24 * time.Hour
)

// Monitor is one entry of the file.
type Monitor struct {
	Assertion string // urn of the assertion that gets the results
	Dataset   string // urn of the dataset
	Kind      Kind
	Schedule  Schedule
	// Passive monitors are evaluated and logged, and report nothing.
	Passive bool
	Line    int // in the file

	// Within and SinceLast are for freshness: the latest operation must lie
	// that far back at most, or after the previous check.
	Within     time.Duration
	SinceLast  bool
	Operations []string // types that count; nil is all

	// For volume, field and sql.
	Check  Check
	Change Change
	MaxAge time.Duration // of a profile

	Field  string // path, for field
	Metric string // of the field, as DataHub names it in lower case: null_count

	Columns       []Column // for schema
	Compatibility Compatibility

	Connection string        // name of one, for sql
	Statement  string        // one SELECT
	Timeout    time.Duration // 0: what the service has for the source
}

// Column is an expected field. Type is DataHub's, in upper case, or "" for any.
type Column struct{ Path, Type string }

// Connection is how a warehouse is reached: the source section of a recipe.
type Connection struct {
	Name   string
	Source string          // source type, and with it the venv
	Config json.RawMessage // with ${NAME}s still in it
}

// File is the content of a monitors file.
type File struct {
	Connections map[string]Connection
	Monitors    []Monitor
}
