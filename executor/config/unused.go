package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// Ignored is a variable of upstream's that has no effect here.
type Ignored struct {
	Name   string // with a "*" at its end for all that begin so
	Why    string
	Silent string // a value that asks for what is always so, and needs no warning
}

// IgnoredVariables returns those that are known.
func IgnoredVariables() []Ignored {
	const (
		coordinator = "is for upstream's coordinator, which DataHub Cloud runs"
		sqs         = "is for DataHub Cloud's SQS channel, whose messages are pickled Python objects: it is not implemented"
		server      = "is for the server, not for an executor"
		bundled     = "has no effect: this executor installs nothing, every run uses a bundled venv"
		observe     = "has no effect on the assertions that this executor evaluates"
	)
	return []Ignored{
		{Name: "INGESTION_DEPENDENCY_RESOLUTION_ENABLED", Why: bundled, Silent: "false"},
		{Name: "DATAHUB_VENV_CACHE_*", Why: bundled},
		{Name: "DATAHUB_EXECUTOR_SQS_*", Why: sqs},
		{Name: "DATAHUB_EXECUTOR_WORKER_IMPLEMENTATION", Why: sqs},
		{Name: "DATAHUB_EXECUTOR_INTERNAL_TOPIC", Why: "is for a channel of DataHub Cloud that is not public"},
		{Name: "DATAHUB_EXECUTOR_DISCOVERY_*", Why: "has no effect: the entities that executors announce themselves with are not in the public model"},
		{Name: "DATAHUB_EXECUTOR_SWEEPER_DISABLED", Why: "has no effect: set LOCKFORGE_EXECUTOR_POLL_SWEEP to true for a sweeper", Silent: "true"},
		{Name: "DATAHUB_EXECUTOR_SWEEPER_*", Why: coordinator},
		{Name: "DATAHUB_EXECUTOR_INGESTION_FETCHER_*", Why: coordinator},
		{Name: "DATAHUB_EXECUTOR_MONITORS_FETCHER_*", Why: coordinator},
		{Name: "DATAHUB_EXECUTOR_EMBEDDED_*", Why: coordinator},
		{Name: "DATAHUB_EXECUTOR_POOL_NAMES", Why: coordinator + "; an executor's pools are in DATAHUB_EXECUTOR_POOL_ID"},
		{Name: "DATAHUB_EXECUTOR_INGESTION_ENABLED", Why: coordinator, Silent: "true"},
		{Name: "DATAHUB_EXECUTOR_MONITORS_ENABLED", Why: "has no effect: name a file in LOCKFORGE_EXECUTOR_MONITORS for assertions", Silent: "false"},
		{Name: "DATAHUB_EXECUTOR_CUSTOMER_ID", Why: server},
		{Name: "DATAHUB_EXECUTOR_HOST", Why: server},
		{Name: "DATAHUB_EXECUTOR_PORT", Why: server},
		{Name: "DATAHUB_EXECUTOR_USE_SSL", Why: server},
		{Name: "DATAHUB_EXECUTOR_RESOLVE_ASSERTION_INGESTION_SOURCE_WITH_ASPECTS", Why: server},
		{Name: "DATAHUB_EXECUTOR_ALLOW_CALL_STATEMENTS", Why: "has no effect: assertions may only read", Silent: "false"},
		{Name: "DATAHUB_EXECUTOR_ENABLE_DELTA_BOUNDS", Why: observe},
		{Name: "DATAHUB_EXECUTOR_SNOWFLAKE_QUOTE_COLUMNS", Why: observe},
	}
}

func (i Ignored) matches(name string) bool {
	beginning, family := strings.CutSuffix(i.Name, "*")
	return name == i.Name || family && strings.HasPrefix(name, beginning)
}

// ownPrefixes begin the variables that are for an executor alone, so that one
// that nobody reads is a mistake.
var ownPrefixes = []string{"DATAHUB_EXECUTOR_", "LOCKFORGE_EXECUTOR_", "DATAHUB_AUTH_"}

// serviceLink matches what Kubernetes sets for a Service that is called
// datahub-executor, which no one asked for.
var serviceLink = lazyregexp.New(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// unused warns of variables that have no effect.
func (l *loader) unused(variables map[string]string) {
	names := variableNames()
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if slices.Contains(names, name) {
			continue
		}
		i := slices.IndexFunc(IgnoredVariables(), func(i Ignored) bool { return i.matches(name) })
		switch {
		case i >= 0:
			ignored := IgnoredVariables()[i]
			if linked := strings.Contains(variables[name], "://"); !linked && !strings.EqualFold(variables[name], ignored.Silent) {
				l.warn(name, "%s", ignored.Why)
			}
		case slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
			if !serviceLink.MatchString(name) {
				l.warn(name, "is unknown and has no effect%s", didYouMean(name, names))
			}
		}
	}
}

// variableNames are all that the table has.
func variableNames() []string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Names...)
	}
	return names
}

// maxNameBytes bounds the names that are compared: no setting's is longer.
const maxNameBytes = 128

// didYouMean names the closest of the known, where one is close: at most a
// third of its letters differ.
func didYouMean(name string, known []string) string {
	if len(name) > maxNameBytes {
		return ""
	}
	best, least := "", len(name)/3+1
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's: how many letters have to be put in, taken out or
// changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
