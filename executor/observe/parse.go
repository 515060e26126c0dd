package observe

import (
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/observe/query"
	"github.com/lockforge/lockforge/internal/lazyregexp"
	"gopkg.in/yaml.v3"
)

// Forms of the two urns. A dataset's has three parts in parentheses.
var (
	assertionURN = lazyregexp.New(`^urn:li:assertion:[^\s]{1,400}$`)
	datasetURN   = lazyregexp.New(`^urn:li:dataset:\(urn:li:dataPlatform:[^\s,]+,.{1,500},[A-Z]+\)$`)
)

// maxSpan bounds time spans of freshness and age.
const maxSpan = 366 * 24 * time.Hour

// common are the keys of every monitor; more has those of each kind.
var (
	common = []string{"assertion", "dataset", "kind", "cron", "timezone", "passive"}
	more   = map[Kind][]string{
		Freshness: {"within", "since_last_check", "operations"},
		Volume:    {"operator", "value", "min", "max", "change", "max_age"},
		Field:     {"field", "metric", "operator", "value", "min", "max", "change", "max_age"},
		Schema:    {"columns", "compatibility"},
		SQL:       {"connection", "statement", "timeout", "operator", "value", "min", "max", "change"},
	}
	kinds = []Kind{Freshness, Volume, Field, Schema, SQL}
)

func (r *reader) monitor(n *yaml.Node, connections map[string]Connection) Monitor {
	m := Monitor{Line: n.Line, MaxAge: DefaultMaxAge}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "want keys and values, not %s", describe(n))
		return m
	}
	m.Kind = r.kind(n)
	if m.Kind == "" {
		return m
	}
	found := r.mapping(n, append(append([]string{}, common...), more[m.Kind]...)...)
	r.required(n, found, "assertion", "dataset", "cron", "timezone")
	if node := found["assertion"]; node != nil {
		if m.Assertion = r.text(node); !assertionURN.MatchString(m.Assertion) {
			r.wrong(node, "want the urn of an assertion")
		}
	}
	if node := found["dataset"]; node != nil {
		if m.Dataset = r.text(node); !datasetURN.MatchString(m.Dataset) {
			r.wrong(node, "want the urn of a dataset")
		}
	}
	m.Passive = r.flag(found["passive"])
	if node := found["cron"]; node != nil && found["timezone"] != nil {
		schedule, err := ParseSchedule(r.text(node), r.text(found["timezone"]))
		if err != nil {
			r.wrong(node, "schedule: %v", err)
		}
		m.Schedule = schedule
	}
	switch m.Kind {
	case Freshness:
		r.freshness(n, found, &m)
	case Schema:
		r.schema(n, found, &m)
	default:
		r.measure(n, found, &m, connections)
	}
	return m
}

// kind looks for the kind first, as it decides on the other keys.
func (r *reader) kind(n *yaml.Node) Kind {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "kind" {
			return choice(r, n.Content[i+1], kinds...)
		}
	}
	r.wrong(n, "kind is missing")
	return ""
}

func (r *reader) freshness(n *yaml.Node, found fields, m *Monitor) {
	m.Within = r.duration(found["within"], 0, maxSpan)
	m.SinceLast = r.flag(found["since_last_check"])
	if (found["within"] != nil) == m.SinceLast {
		r.wrong(n, "want either within or since_last_check: true")
	}
	for _, node := range r.list(found["operations"]) {
		m.Operations = append(m.Operations, strings.ToUpper(r.text(node)))
	}
}

// columnTypes are DataHub's.
var columnTypes = []string{"BOOLEAN", "FIXED", "STRING", "BYTES", "NUMBER", "DATE", "TIME", "ENUM", "NULL", "MAP", "ARRAY", "UNION", "RECORD"}

func (r *reader) schema(n *yaml.Node, found fields, m *Monitor) {
	r.required(n, found, "columns")
	m.Compatibility = choice(r, found["compatibility"], Exact, Superset, Subset)
	if m.Compatibility == "" {
		m.Compatibility = Exact
	}
	for _, node := range r.list(found["columns"]) {
		column := r.mapping(node, "path", "type")
		r.required(node, column, "path")
		m.Columns = append(m.Columns, Column{Path: r.text(column["path"]), Type: choice(r, column["type"], columnTypes...)})
	}
	if list := found["columns"]; list != nil && len(m.Columns) == 0 {
		r.wrong(list, "there is no column")
	}
}

// measure reads the kinds that compare a number.
func (r *reader) measure(n *yaml.Node, found fields, m *Monitor, connections map[string]Connection) {
	r.check(n, found, m)
	m.Change = choice(r, found["change"], Absolute, Percentage)
	m.MaxAge = r.duration(found["max_age"], DefaultMaxAge, maxSpan)
	switch m.Kind {
	case Field:
		r.required(n, found, "field", "metric")
		m.Field = r.text(found["field"])
		m.Metric = choice(r, found["metric"], allMetrics()...)
	case SQL:
		r.required(n, found, "connection", "statement")
		m.Timeout = r.duration(found["timeout"], 0, maxTimeout)
		if node := found["connection"]; node != nil {
			m.Connection = r.text(node)
			if _, ok := connections[m.Connection]; !ok {
				r.wrong(node, "there is no connection %q in this file", m.Connection)
			}
		}
		if node := found["statement"]; node != nil {
			m.Statement = r.text(node)
			if err := query.CheckStatement(m.Statement); err != nil {
				r.wrong(node, "statement: %v", err)
			}
		}
	}
}

func (r *reader) check(n *yaml.Node, found fields, m *Monitor) {
	r.required(n, found, "operator")
	m.Check.Operator = choice(r, found["operator"], append(append([]Operator{}, operators...), unsupported...)...)
	for key, into := range map[string]*float64{"value": &m.Check.Value, "min": &m.Check.Min, "max": &m.Check.Max} {
		if node := found[key]; node != nil {
			*into = r.number(node)
		}
	}
	switch {
	case !m.Check.supported():
	case m.Check.Operator != Between:
		r.required(n, found, "value")
		r.without(found, "min", "max")
	default:
		r.required(n, found, "min", "max")
		r.without(found, "value")
		if found["min"] != nil && found["max"] != nil && m.Check.Min > m.Check.Max {
			r.wrong(found["min"], "min is larger than max")
		}
	}
}

func (r *reader) without(found fields, keys ...string) {
	for _, key := range keys {
		if found[key] != nil {
			r.wrong(found[key], "the operator has no %s", key)
		}
	}
}
