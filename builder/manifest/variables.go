package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Upstream's variables, facts A1, A2 and A5 of its builder and Dockerfiles.
const (
	varPlugins     = "BUNDLED_VENV_PLUGINS"
	varGroupPrefix = "BUNDLED_VENV_PLUGINS_"
	varPrimary     = "BUNDLED_VENV_AUX_PRIMARY_"
	varVersion     = "BUNDLED_CLI_VERSION"
	varSlim        = "BUNDLED_VENV_SLIM_MODE"
	varVenvPath    = "DATAHUB_BUNDLED_VENV_PATH"
	varBuildVenvs  = "BUILD_BUNDLED_VENVS"
	varProfile     = "UV_PROFILE"
	// varExtraPackages is lockforge's own: upstream mixes indexes, so it has no
	// way to say which projects come from an extra one.
	varExtraPackages = "LOCKFORGE_EXTRA_INDEX_PACKAGES"
)

// defaultIndexVariables name the one index, in upstream's older contract
// (PIP_MIRROR_URL, which set the next two), its newer one (DEFAULT_INDEX_URL)
// and uv's current name.
var defaultIndexVariables = []string{"PIP_MIRROR_URL", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "DEFAULT_INDEX_URL"}

// extraIndexVariables hold addresses separated by spaces.
var extraIndexVariables = []string{"PIP_EXTRA_INDEX_URL", "EXTRA_INDEX_URLS", "UV_EXTRA_INDEX_URL", "UV_INDEX"}

// known lists every variable that has a meaning, for suggestions.
var known = slices.Concat(
	[]string{varPlugins, varVersion, varSlim, varVenvPath, varProfile, varBuildVenvs, varExtraPackages},
	defaultIndexVariables, extraIndexVariables,
)

// refused are variables of upstream, pip and uv that would change what is
// installed if lockforge obeyed them, and why it doesn't. They are problems
// where a user wrote them down, not in the process environment, where they
// belong to other programs.
var refused = map[string]string{
	"ACTIONS_EXTRA_PACKAGES":                  "a locked image installs nothing at run time; list the package under custom in a YAML manifest",
	"INGESTION_DEPENDENCY_RESOLUTION_ENABLED": "it is always false in a locked image",
	"DATAHUB_EXECUTOR_PRINT_SUBPROCESS_LOGS":  "it is read when the image runs; set it there",
	"DATAHUB_VENV_CACHE_ENABLED":              "a locked image makes no venvs at run time",
	"DATAHUB_VENV_CACHE_PATH":                 "a locked image makes no venvs at run time",
	"DATAHUB_VENV_CACHE_MAX_ENTRIES":          "a locked image makes no venvs at run time",
	"DATAHUB_VENV_CACHE_MAX_AGE_HOURS":        "a locked image makes no venvs at run time",
	"DATAHUB_VENV_CACHE_LATEST_TTL_HOURS":     "a locked image makes no venvs at run time",
	"PIP_CONSTRAINT":                          "name the file as cli.constraints in a YAML manifest",
	"UV_CONSTRAINT":                           "name the file as cli.constraints in a YAML manifest",
	"UV_OVERRIDE":                             "what a release declares is not overridden",
	"PIP_FIND_LINKS":                          "list local wheels by hash under wheels in a YAML manifest",
	"UV_FIND_LINKS":                           "list local wheels by hash under wheels in a YAML manifest",
	"PIP_NO_INDEX":                            "a build never asks an index; fill the store with `lockforge fetch`",
	"UV_NO_INDEX":                             "a build never asks an index; fill the store with `lockforge fetch`",
	"UV_INDEX_STRATEGY":                       "every project comes from exactly one index",
	"UV_PRERELEASE":                           "pre-releases are taken only where a requirement names one",
	"UV_EXCLUDE_NEWER":                        "set resolve.cooldown in a YAML manifest",
	"UV_LINK_MODE":                            "no installer runs in the build",
	"PIP_TRUSTED_HOST":                        "certificates are always checked",
	"UV_INSECURE_HOST":                        "certificates are always checked",
	"BUNDLED_VENV_PLUGINS_":                   "the group's label is missing; upstream skips this variable in silence",
	"BUNDLED_VENV_AUX_PRIMARY_":               "the group's label is missing",
}

// assembly collects variables into a manifest.
type assembly struct {
	m    *Manifest
	p    *problems
	vars map[string]Variable
	// order keeps the variables as given: problems come in a stable order.
	order []string
}

// assemble makes a manifest from variables in the order of their precedence.
func assemble(variables []Variable, path string, p *problems) *Manifest {
	m := defaults()
	m.Path = path
	a := &assembly{m: m, p: p, vars: map[string]Variable{}}
	for _, v := range variables {
		if v.Origin == FromFile {
			m.mark("", fault.Pos{File: path, Line: 1, Column: 1}) // the place of what is missing
		}
		a.take(v)
	}
	a.cli()
	a.plugins()
	a.groups()
	a.indexes()
	return m
}

// take keeps a variable that has a meaning, and says why another has none.
func (a *assembly) take(v Variable) {
	reason, isRefused := refused[v.Key]
	_, isKnown := slices.BinarySearch(sortedKnown, v.Key)
	label, isGroup := groupLabel(v.Key)
	ours := strings.HasPrefix(v.Key, "BUNDLED_") || strings.HasPrefix(v.Key, "LOCKFORGE_EXTRA_")
	switch {
	case isKnown, isGroup && a.p.label(v.Pos, label):
		a.keep(v)
	case isGroup:
		// Its label is no label.
	case v.Origin == FromEnvironment && !ours:
		// It belongs to another program.
	case isRefused:
		a.p.add(v.Pos, "remove "+v.Key, "%s is not supported: %s", v.Key, reason)
	case strings.HasPrefix(v.Key, "UV_INDEX_") && (strings.HasSuffix(v.Key, "_PASSWORD") || strings.HasSuffix(v.Key, "_USERNAME")):
		a.p.add(v.Pos, "set it in the environment of `lockforge lock`, or use a netrc file", "%s is a credential and has no place in a manifest", v.Key)
	default:
		a.p.add(v.Pos, a.p.didYouMean(v.Key, known), "unknown variable %s", quote(v.Key))
	}
}

var sortedKnown = slices.Sorted(slices.Values(known))

// groupLabel returns the label, lower-cased, of a variable that is one per group.
func groupLabel(key string) (label string, ok bool) {
	for _, prefix := range []string{varGroupPrefix, varPrimary} {
		if suffix, ok := strings.CutPrefix(key, prefix); ok && suffix != "" {
			return strings.ToLower(suffix), true
		}
	}
	return "", false
}

func (a *assembly) keep(v Variable) {
	if old, ok := a.vars[v.Key]; ok {
		if old.Origin == v.Origin {
			a.p.add(v.Pos, "keep one of them", "%s is set twice", v.Key)
			return
		}
	} else {
		a.order = append(a.order, v.Key)
	}
	a.vars[v.Key] = v
}

// set notes that a variable decides the value at path, and returns it.
func (a *assembly) set(key, path string) (Variable, bool) {
	v, ok := a.vars[key]
	a.m.call(path, key)
	if ok {
		a.m.mark(path, v.ValuePos)
	}
	return v, ok
}

func (a *assembly) cli() {
	v, _ := a.set(varVersion, "cli.version")
	a.m.CLI.Version = strings.TrimSpace(v.Value)
	if v, ok := a.set(varSlim, "cli.slim"); ok {
		switch strings.ToLower(strings.TrimSpace(v.Value)) {
		case "true", "1", "yes":
			a.m.CLI.Slim = true
		case "false", "0", "no", "":
		default:
			a.p.add(v.ValuePos, "write true or false; upstream reads this value as false", "%s is %s", varSlim, quote(v.Value))
		}
	}
	if v, ok := a.set(varVenvPath, "venvPath"); ok {
		a.m.VenvPath = strings.TrimSpace(v.Value)
	}
	if v, ok := a.vars[varBuildVenvs]; ok {
		switch strings.ToLower(strings.TrimSpace(v.Value)) {
		case "true", "1", "yes":
		default:
			a.p.add(v.ValuePos, "remove it", "%s is %s, but an image is made of its bundled venvs", varBuildVenvs, quote(v.Value))
		}
	}
}

// words splits a value into as many items as a list may have.
func (a *assembly) words(v Variable, separators string) []word {
	found := v.words(separators)
	if len(found) > maxItems {
		a.p.add(v.ValuePos, "", "%s has %d items, more than %d", v.Key, len(found), maxItems)
		return nil
	}
	return found
}

func (a *assembly) plugins() {
	v, _ := a.set(varPlugins, "plugins")
	for i, w := range a.words(v, ",") {
		a.m.Plugins = append(a.m.Plugins, Plugin{Name: w.text})
		a.m.mark(fmt.Sprintf("plugins[%d]", i), w.pos)
	}
}

// groups reads one group per suffix, and the primary plugins after them.
func (a *assembly) groups() {
	from := map[string]Variable{} // label -> its variable
	for _, key := range a.order {
		suffix, ok := strings.CutPrefix(key, varGroupPrefix)
		if !ok {
			continue
		}
		v, label := a.vars[key], strings.ToLower(suffix)
		if other, dup := from[label]; dup {
			a.p.add(v.Pos, "keep one of them", "%s and %s both name the group %s: labels are lower-cased", other.Key, key, label)
			continue
		}
		from[label] = v
		path := "groups." + label
		a.m.mark(path, v.Pos)
		a.m.call(path, key)
		g := Group{Label: label, Plugins: []string{}}
		for i, w := range a.words(v, ",") {
			g.Plugins = append(g.Plugins, w.text)
			a.m.mark(fmt.Sprintf("%s[%d]", path, i), w.pos)
		}
		a.m.Groups = append(a.m.Groups, g)
	}
	slices.SortFunc(a.m.Groups, func(x, y Group) int { return cmp.Compare(x.Label, y.Label) })
	a.primaries()
}

func (a *assembly) primaries() {
	seen := map[string]string{}
	for _, key := range a.order {
		suffix, ok := strings.CutPrefix(key, varPrimary)
		if !ok {
			continue
		}
		v, label := a.vars[key], strings.ToLower(suffix)
		if other, dup := seen[label]; dup {
			a.p.add(v.Pos, "keep one of them", "%s and %s both name the group %s", other, key, label)
			continue
		}
		seen[label] = key
		value := strings.TrimSpace(v.Value)
		i, found := slices.BinarySearchFunc(a.m.Groups, label, func(g Group, l string) int { return cmp.Compare(g.Label, l) })
		switch {
		case !found:
			a.p.add(v.Pos, "set "+varGroupPrefix+suffix+" too", "%s names a primary plugin, but there is no group %s", key, label)
		case value == "":
			a.p.add(v.ValuePos, "name one plugin of the group, or remove it", "%s is empty", key)
		default:
			a.m.Groups[i].Primary = value
			a.m.mark("groups."+label+".primary", v.ValuePos)
			a.m.call("groups."+label+".primary", key)
		}
	}
}

// value returns a variable's trimmed value; "null" is how the oldest
// Dockerfiles spelt an address that isn't set.
func (a *assembly) value(key string) (string, fault.Pos) {
	v := a.vars[key]
	value := strings.TrimSpace(v.Value)
	if value == "null" {
		value = ""
	}
	return value, v.ValuePos
}
