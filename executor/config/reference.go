package config

import "strings"

// Page is one table of the reference.
type Page struct {
	Title, Intro string
	Head         []string
	Rows         [][]string // Markdown, one cell per column of Head
}

// Reference returns everything that can be configured, for the documentation.
func Reference() []Page {
	settings := Page{
		Title: "Settings",
		Intro: "Each is a variable, or a key of the YAML file that `--config` names. The first variable that is not empty counts; a variable overrules the file, and the file the default. A variable that is a list has commas between its parts; where a part has a comma in it, write the list as JSON: `[\"/data/a,b\", \"/data/c\"]`. In the file a list is a sequence.",
		Head:  []string{"key", "variables", "form", "default", "meaning"},
	}
	for _, s := range Settings() {
		settings.Rows = append(settings.Rows, s.row())
	}
	for _, f := range Families() {
		settings.Rows = append(settings.Rows, []string{code(f.Key), code(f.Prefix + "*"), string(Pairs), "", f.Meaning})
	}
	ignored := Page{
		Title: "Variables without effect",
		Intro: "Upstream's executor, or another service of DataHub, has these. Setting one is reported at the start.",
		Head:  []string{"variable", "why"},
	}
	for _, i := range IgnoredVariables() {
		why := strings.ToUpper(i.Why[:1]) + i.Why[1:] + "."
		if i.Silent != "" {
			why += " " + code(i.Silent) + " is not reported."
		}
		ignored.Rows = append(ignored.Rows, []string{code(i.Name), why})
	}
	return []Page{settings, ignored}
}

func (s Setting) row() []string {
	names := make([]string, len(s.Names))
	for i, name := range s.Names {
		names[i] = code(name)
	}
	fallback := s.Otherwise
	if s.Default != "" {
		fallback = code(s.Default)
	}
	return []string{code(s.Key), strings.Join(names, ", "), s.form(), fallback, s.Meaning}
}

// form says in a few words what a value looks like.
func (s Setting) form() string {
	form := string(s.Form)
	if s.Choices != nil {
		choices := make([]string, len(s.Choices))
		for i, choice := range s.Choices {
			choices[i] = code(choice)
		}
		list := strings.Join(choices, ", ")
		if s.Form == Text {
			return list
		}
		form += " of " + list
	}
	if s.Least != "" {
		form += ", at least " + s.Least
	}
	if s.Most != "" {
		form += ", at most " + s.Most
	}
	return form
}

func code(text string) string { return "`" + text + "`" }
