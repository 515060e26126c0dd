package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

var classGrammar = regexp.MustCompile(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$`)

// groups checks that each plugin is in at most one group, and every member listed.
func (v *validator) groups() {
	var listed []string
	isListed := map[string]bool{}
	for _, p := range v.m.Plugins {
		if pluginGrammar.MatchString(p.Name) {
			listed, isListed[p.Name] = append(listed, p.Name), true
		}
	}
	groupOf := map[string]string{}
	for _, g := range v.m.Groups {
		at := "groups." + g.Label
		var members []string
		if len(g.Plugins) == 0 {
			v.bad(at, "list at least one plugin, or remove the group", "is empty")
		}
		for i, name := range g.Plugins {
			sub := fmt.Sprintf("%s[%d]", at, i)
			switch other, dup := groupOf[name]; {
			case !isListed[name]:
				v.p.add(v.m.Pos(sub), v.memberHint(name, listed), "the group %s lists %s, which is not in %s", g.Label, quote(name), v.m.Key("plugins"))
			case dup && other == g.Label:
				v.p.add(v.m.Pos(sub), "list it once", "the group %s lists %s twice", g.Label, name)
			case dup:
				v.p.add(v.m.Pos(sub), "a plugin has one venv: keep it in one group", "%s is in two groups: %s and %s", name, other, g.Label)
			default:
				groupOf[name] = g.Label
				members = append(members, name)
			}
		}
		if g.Primary != "" && !slices.Contains(g.Plugins, g.Primary) {
			v.bad(at+".primary", v.p.didYouMean(g.Primary, members), "names %s, which is not in the group", quote(g.Primary))
		}
		if g.Primary == "" && v.m.given(at+".primary") {
			v.missing(at+".primary", "name one plugin of the group, or remove it")
		}
	}
}

func (v *validator) memberHint(name string, listed []string) string {
	if slices.ContainsFunc(v.m.Custom, func(c Custom) bool { return c.Name == name }) {
		return "a custom source has a venv of its own"
	}
	return v.p.didYouMean(name, listed)
}

// label checks a group's label before it becomes part of paths and messages.
func (p *problems) label(at fault.Pos, label string) bool {
	if labelGrammar.MatchString(label) && len(label) <= maxName {
		return true
	}
	hint := "use lower-case letters, digits, _ and -"
	if lower := strings.ToLower(label); lower != label && labelGrammar.MatchString(lower) {
		hint = "did you mean " + lower + "?"
	}
	p.add(at, hint, "%s is no group label", quote(label))
	return false
}

// custom checks the user's own sources.
func (v *validator) custom() {
	taken := map[string]string{} // name -> what has it
	for _, p := range v.m.Plugins {
		for _, name := range Aliases(p.Name) {
			taken[name] = "the plugin " + p.Name
		}
	}
	for i, c := range v.m.Custom {
		at := fmt.Sprintf("custom[%d]", i)
		if v.pluginName(v.m.deepest(at+".name"), c.Name) {
			if other, dup := taken[c.Name]; dup {
				v.bad(at+".name", "give it another name", "%s is taken by %s", c.Name, other)
			}
			taken[c.Name] = "another custom source"
		}
		if !classGrammar.MatchString(c.Source) {
			v.bad(at+".source", `write "module:Class"`, "is %s", quote(c.Source))
		}
		if len(c.Requirements) == 0 {
			v.missing(at+".requirements", "list the packages of the source")
		}
		for j, r := range c.Requirements {
			v.requirement(fmt.Sprintf("%s.requirements[%d]", at, j), r)
		}
	}
}

// requirement checks one PEP 508 requirement. Addresses are refused: what
// they name has no version that could be locked or audited.
func (v *validator) requirement(at, text string) {
	r, err := pep508.Parse(text)
	switch {
	case err != nil:
		v.bad(at, `write a requirement such as "acme-datahub-source==2.1"`, "is no PEP 508 requirement: %s", quote(text))
	case r.URL != "":
		v.bad(at, "publish it on an index, or list its wheel under wheels", "%s names an address", r.Name)
	case pep508.Normalise(r.Name) == "acryl-datahub" && r.Specifier != "":
		v.bad(at, "leave the version out: cli.version decides", "asks for acryl-datahub%s", r.Specifier)
	}
}
