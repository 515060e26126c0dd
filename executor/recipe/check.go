package recipe

import (
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/contract"
)

// Names returns the source types that the venv of a plugin serves: the plugin
// and the aliases or fellows that link to the same directory. It is the plugin
// alone where the metadata does not know it.
func Names(m contract.Metadata, plugin string) []string {
	for _, venv := range m.Venvs {
		directories := append([]string{venv.Dir}, venv.Links...)
		if !slices.Contains(directories, plugin+contract.VenvSuffix) {
			continue
		}
		var names []string
		for _, d := range directories {
			if name, ok := strings.CutSuffix(d, contract.VenvSuffix); ok {
				names = append(names, name)
			}
		}
		return names
	}
	return []string{plugin}
}

// Check judges a recipe that is to run in the venv that serves the given
// source types; see Names.
func (p *Policy) Check(r *Recipe, sources ...string) Verdict {
	c := checker{policy: p}
	if len(r.canonical) > p.MaxBytes {
		c.report(oversize, "", r.root.at, "%d bytes in canonical form, more than %d", len(r.canonical), p.MaxBytes)
	}
	c.keys(r.root, "", "source", "sink", "transformers", "reporting", "flags", "run_id", "pipeline_name", "datahub_api", "failure_log", "recording")
	c.source(r.root, sources)
	c.sink(r.root)
	c.list(r.root, "transformers", transformer, p.Transformers)
	c.list(r.root, "reporting", reporter, p.Reporters, "required")
	if api, ok := r.root.get("datahub_api"); ok {
		c.address(api, "datahub_api")
	}
	for _, f := range r.root.fields {
		c.walk(f, f.name, f.name != "transformers")
	}
	c.directives(r.root, "")
	return Verdict{Findings: c.findings}
}

// checker collects the findings about one recipe.
type checker struct {
	policy   *Policy
	findings []Finding
}

// source judges source.type, source.extractor and the keys beside them.
func (c *checker) source(root value, allowed []string) {
	source, ok := root.get("source")
	if !ok {
		c.report(shape, "source", root.at, "the section is missing")
		return
	}
	c.section(source, "source", foreignSource, allowed, "extractor", "extractor_config")
	if extractor, ok := source.get("extractor"); ok {
		c.typeName(extractor, "source.extractor", foreignSource, []string{"generic"})
	}
}

func (c *checker) sink(root value) {
	sink, ok := root.get("sink")
	if !ok || sink.kind == null {
		return // the CLI writes to the server of its environment
	}
	c.section(sink, "sink", sinkType, c.policy.Sinks)
	config, _ := sink.get("config")
	c.address(config, "sink.config")
	if connection, ok := config.get("connection"); ok {
		c.address(connection, "sink.config.connection")
	}
}

// list judges a list of sections.
func (c *checker) list(root value, name string, rule Rule, allowed []string, more ...string) {
	sections, ok := root.get(name)
	switch {
	case !ok || sections.kind == null:
	case sections.kind != list:
		c.report(shape, name, sections.at, "want a list")
	default:
		for i, s := range sections.items {
			c.section(s, index(name, i), rule, allowed, more...)
		}
	}
}

// section judges a mapping of type and config.
func (c *checker) section(s value, path string, rule Rule, allowed []string, more ...string) {
	if s.kind != mapping {
		c.report(shape, path, s.at, "want a mapping with the key type")
		return
	}
	c.keys(s, path, append(more, "type", "config")...)
	name, ok := s.get("type")
	if !ok {
		c.report(shape, path, s.at, "the key type is missing")
		return
	}
	c.typeName(name, join(path, "type"), rule, allowed)
	if config, ok := s.get("config"); ok && config.kind != mapping && config.kind != null {
		c.report(shape, join(path, "config"), config.at, "want a mapping")
	}
}

// typeName judges the name of a registered class.
func (c *checker) typeName(v value, path string, rule Rule, allowed []string) {
	switch {
	case v.kind != text:
		c.report(shape, path, v.at, "want a name")
	case refers(v.text):
		c.report(reference, path, v.at, "a type must not be a reference")
	case strings.ContainsAny(v.text, ".:/"):
		c.report(customClass, path, v.at, "%s is no registered name; the CLI would import it", short(v.text))
	case !slices.Contains(allowed, v.text):
		c.report(rule, path, v.at, "%s is not among %s", short(v.text), strings.Join(allowed, ", "))
	}
}

// keys judges the names of a section's keys. Names that differ in case only,
// or look alike, are other names.
func (c *checker) keys(v value, path string, known ...string) {
	for _, f := range v.fields {
		if !slices.Contains(known, f.name) {
			c.report(unknownKey, join(path, f.name), f.at, "no such key; there are %s", strings.Join(known, ", "))
		}
	}
}

// address judges where metadata is sent to.
func (c *checker) address(v value, path string) {
	for _, key := range []string{"server", "bootstrap"} {
		a, ok := v.get(key)
		switch {
		case !ok || len(c.policy.Servers) == 0:
		case a.kind != text:
			c.report(shape, join(path, key), a.at, "want an address")
		case slices.Contains(c.policy.Servers, a.text):
		case refers(a.text):
			c.report(reference, join(path, key), a.at, "the address must not be a reference, except one that the policy lists")
		default:
			c.report(server, join(path, key), a.at, "%s is not among %s", short(a.text), strings.Join(c.policy.Servers, ", "))
		}
	}
}
