package manifest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// Limits of a manifest's values.
const (
	maxName     = 64
	minBudget   = 8
	maxBudget   = 120 // overlay file systems stop at 128 layers
	maxUser     = 1<<31 - 2
	maxCooldown = 365
)

// Grammars of names. Plugin names, labels and venvPath become paths in the
// image, so they are narrow.
var (
	pluginGrammar = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	labelGrammar  = regexp.MustCompile(`^[a-z0-9]+(?:[_-]+[a-z0-9]+)*$`)
	nameGrammar   = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)
	pathGrammar   = regexp.MustCompile(`^(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){2,}$`)
	hashGrammar   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	digestGrammar = regexp.MustCompile(`^[^@\s]+@sha256:[0-9a-f]{64}$`)
)

// Values that are one of a few.
var (
	Suites       = []string{"trixie", "bookworm"}
	Compressions = []string{"zstd", "gzip"}
	Platforms    = []string{"linux/amd64", "linux/arm64"}
	// Programs may be admitted by an allow entry.
	Programs = []string{"git"}
)

// reservedPaths hold the OS or what lockforge puts there.
var reservedPaths = []string{
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var",
	"/opt/datahub/bin", "/opt/datahub/store",
}

// validator checks one manifest.
type validator struct {
	m *Manifest
	p *problems
}

func (m *Manifest) validate(p *problems) {
	v := &validator{m: m, p: p}
	v.head()
	v.plugins()
	v.groups()
	v.custom()
	v.indexes()
	v.wheels()
	v.reviewed()
	v.allow()
	v.base()
	v.image()
}

// bad notes a problem with the value at a path. The text goes after the key.
func (v *validator) bad(path, hint, format string, args ...any) {
	v.p.add(v.m.Pos(path), hint, "%s %s", v.m.Key(path), fmt.Sprintf(format, args...))
}

// missing notes that a value that must be there isn't.
func (v *validator) missing(path, hint string) {
	if v.m.given(path) {
		v.bad(path, hint, "is empty")
	} else {
		v.bad(path, hint, "is missing")
	}
}

func (v *validator) head() {
	m := v.m
	switch {
	case m.Version == 0 && !m.given("version"):
		v.missing("version", "add `version: 1`")
	case m.Version != FormatVersion:
		v.bad("version", "write `version: 1`", "is %d, but this lockforge knows format 1 only", m.Version)
	}
	if !nameGrammar.MatchString(m.Name) || len(m.Name) > maxName {
		v.bad("name", "use lower-case letters, digits and single . _ -", "%s is no name for an image", quote(m.Name))
	}
	if m.CLI.Version == "" {
		v.missing("cli.version", "name one release of the DataHub CLI, such as 1.7.0.17")
	} else if _, err := pep440.Parse(m.CLI.Version); err != nil {
		v.bad("cli.version", "name one release of the DataHub CLI, such as 1.7.0.17", "%s is no PEP 440 version", quote(m.CLI.Version))
	}
}

// plugins checks the list that everything else refers to.
func (v *validator) plugins() {
	if len(v.m.Plugins) == 0 {
		if len(v.m.Custom) == 0 {
			v.missing("plugins", "list at least one plugin; `lockforge plugins` shows what a release has")
		}
		return
	}
	seen := map[string]string{} // canonical name -> name as listed
	for i, plugin := range v.m.Plugins {
		at := fmt.Sprintf("plugins[%d]", i)
		if !v.pluginName(at, plugin.Name) {
			continue
		}
		canonical := Canonical(plugin.Name)
		switch other, dup := seen[canonical]; {
		case dup && other == plugin.Name:
			v.p.add(v.m.Pos(at), "list it once", "%s lists %s twice", v.m.Key("plugins"), plugin.Name)
		case dup:
			v.p.add(v.m.Pos(at), "list one of them: both names will work in the image", "%s lists aliases of one plugin: %s and %s", v.m.Key("plugins"), other, plugin.Name)
		default:
			seen[canonical] = plugin.Name
		}
		v.extras(at, plugin)
	}
}

func (v *validator) pluginName(at, name string) bool {
	if pluginGrammar.MatchString(name) && len(name) <= maxName {
		return true
	}
	hint := "a plugin is named as in a recipe's source.type: lower-case letters, digits and single . _ -"
	if lower := strings.ToLower(name); lower != name && pluginGrammar.MatchString(lower) {
		hint = "did you mean " + lower + "?"
	}
	v.p.add(v.m.Pos(at), hint, "%s is no plugin name", quote(name))
	return false
}

func (v *validator) extras(at string, plugin Plugin) {
	for i, extra := range plugin.Extras {
		sub := fmt.Sprintf("%s.extras[%d]", at, i)
		if !pluginGrammar.MatchString(extra) {
			v.p.add(v.m.Pos(sub), "", "%s is no name of an extra", quote(extra))
		} else if slices.Index(plugin.Extras, extra) < i {
			v.p.add(v.m.Pos(sub), "list it once", "%s lists the extra %s twice", plugin.Name, extra)
		}
	}
}

// image checks what doesn't concern Python: user, layers, paths, platforms.
func (v *validator) image() {
	m := v.m
	if m.Runtime.User < 1 || m.Runtime.User > maxUser {
		v.bad("runtime.user", "use a numeric user such as 1000, never root", "is %d", m.Runtime.User)
	}
	if m.Layers.Budget < minBudget || m.Layers.Budget > maxBudget {
		v.bad("layers.budget", fmt.Sprintf("use %d to %d", minBudget, maxBudget), "is %d", m.Layers.Budget)
	}
	v.oneOf("layers.compression", m.Layers.Compression, Compressions)
	if m.Resolve.CooldownDays > maxCooldown {
		v.bad("resolve.cooldown", "", "is more than %d days", maxCooldown)
	}
	v.venvPath()
	if len(m.Platforms) == 0 {
		v.missing("platforms", "leave it out for "+DefaultPlatform)
	}
	for i, platform := range m.Platforms {
		at := fmt.Sprintf("platforms[%d]", i)
		v.oneOf(at, platform, Platforms)
		if slices.Index(m.Platforms, platform) < i {
			v.bad(at, "list it once", "repeats %s", quote(platform))
		}
	}
}

func (v *validator) venvPath() {
	p := v.m.VenvPath
	if !pathGrammar.MatchString(p) {
		v.bad("venvPath", "use an absolute path such as "+DefaultVenvPath, "%s is no directory for venvs", quote(p))
		return
	}
	for _, reserved := range reservedPaths {
		if p == reserved || strings.HasPrefix(p, reserved+"/") || strings.HasPrefix(reserved, p+"/") {
			v.bad("venvPath", "use a directory of its own such as "+DefaultVenvPath, "%s collides with %s", p, reserved)
			return
		}
	}
}

func (v *validator) oneOf(at, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		v.bad(at, v.p.didYouMean(value, allowed), "is %s, not one of %s", quote(value), strings.Join(allowed, ", "))
	}
}

// relativePath checks a path of a file beside the manifest.
func (v *validator) relativePath(at, p string) bool {
	switch {
	case p == "":
		v.missing(at, "give a path relative to the manifest")
	case path.IsAbs(p) || strings.Contains(p, `\`) || path.Clean(p) != p || p == ".":
		v.bad(at, "give a plain path relative to the manifest", "is %s", quote(p))
	default:
		return true
	}
	return false
}

func (v *validator) hash(at, sum string) {
	if !hashGrammar.MatchString(sum) {
		v.bad(at, "give 64 lower-case hexadecimal digits", "is no SHA-256: %s", quote(sum))
	}
}
