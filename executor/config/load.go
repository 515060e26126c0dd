package config

import (
	"fmt"
	"slices"
	"strings"
)

// loader fills a Config from the lowest to the highest authority, and
// remembers who set what.
type loader struct {
	config   *Config
	problems problems
	warnings []Warning
	// from has where a value came from, by the key of the setting: a place in
	// the file or the name of a variable. Defaults are not in it.
	from map[string]string
}

// Load returns the configuration that the variables and the file say, where
// environ is as os.Environ returns it and file may be empty. What is wrong is
// said all at once, in an [*Error]. Of the file system it looks at nothing but
// the file, and where scratch directories can be made if nobody says so.
func Load(environ []string, file string) (*Config, []Warning, error) {
	l := &loader{config: &Config{Kafka: &Kafka{}, Poll: &Poll{}}, from: map[string]string{}}
	l.defaults()
	if file != "" {
		l.file(file)
	}
	variables := variables(environ)
	for _, s := range Settings() {
		l.variable(s, variables)
	}
	for _, f := range Families() {
		l.family(f, variables)
	}
	l.unused(variables)
	l.complete()
	if err := l.problems.err(); err != nil {
		return nil, l.warnings, err
	}
	return l.config, l.warnings, nil
}

// variables leaves out the empty ones. As everywhere, the first of a name counts.
func variables(environ []string) map[string]string {
	variables := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if _, again := variables[name]; !again && value != "" {
			variables[name] = value
		}
	}
	return variables
}

func (l *loader) defaults() {
	for _, s := range Settings() {
		if s.Default == "" {
			continue
		}
		if err := s.set(l.config, s.Default); err != nil {
			l.problems.add(s.Key, "the default %v", err)
		}
	}
}

// variable takes the first of the setting's variables. The others are
// compared with it: a chart may set an old name beside the new one.
func (l *loader) variable(s Setting, variables map[string]string) {
	var set []string
	for _, name := range s.Names {
		if _, ok := variables[name]; ok {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return
	}
	name := set[0]
	if err := s.set(l.config, strings.TrimSpace(variables[name])); err != nil {
		l.problems.add(name, "%v", err)
	}
	l.from[s.Key] = name
	for _, other := range set[1:] {
		if variables[other] != variables[name] {
			l.warn(other, "is overruled by %s, which has another value", name)
		}
	}
}

// family takes the variables with a prefix.
func (l *loader) family(f Prefixed, variables map[string]string) {
	field := f.field(l.config)
	for name, value := range variables {
		property, ok := strings.CutPrefix(name, f.Prefix)
		if !ok || property == "" {
			continue
		}
		if *field == nil {
			*field = Properties{}
		}
		(*field)[propertyName(property)] = value
	}
}

// propertyName is what a family's variable calls a property.
func propertyName(suffix string) string {
	return strings.ReplaceAll(strings.ToLower(suffix), "_", ".")
}

func (l *loader) warn(where, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{where, fmt.Sprintf(format, args...)})
}

// where says what to change about a setting.
func (l *loader) where(key string) string {
	if from, ok := l.from[key]; ok {
		return from
	}
	settings := Settings()
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key })
	if i < 0 || len(settings[i].Names) == 0 {
		return key
	}
	return settings[i].Names[0]
}
