package manifest

import (
	"strings"
	"unicode/utf8"

	"github.com/lockforge/lockforge/builder/fault"
)

// maxVariables bounds an env file. Upstream knows some twenty variables and
// two per group.
const maxVariables = 1000

// Origin says where a variable was given; that decides what is done with one
// that lockforge doesn't know.
type Origin int

const (
	FromFile        Origin = iota // a line of an env file
	FromBuildArg                  // --build-arg KEY=VALUE
	FromEnvironment               // the process environment, which holds unrelated variables too
)

// Variable is one KEY=VALUE with its places: Pos of the key, ValuePos of the
// first character of the value.
type Variable struct {
	Key, Value    string
	Origin        Origin
	Pos, ValuePos fault.Pos
}

// BuildArgs reads the values of --build-arg flags.
func BuildArgs(args []string) ([]Variable, error) {
	var p problems
	var variables []Variable
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || !assignment.MatchString(key+"=") {
			p.list = append(p.list, fault.New(fault.Usage, "--build-arg %s is not of the form KEY=VALUE", quote(arg)))
			continue
		}
		at := fault.Pos{File: "--build-arg " + key}
		variables = append(variables, Variable{Key: key, Value: value, Origin: FromBuildArg, Pos: at, ValuePos: at})
	}
	return variables, p.err()
}

// FromVariables makes a manifest from variables alone. Later ones override
// earlier ones of another origin; within one origin a key must not repeat.
// The path is where the manifest would lie ("" for nowhere).
func FromVariables(variables []Variable, path string) (*Manifest, error) {
	var p problems
	m := assemble(variables, path, &p)
	return finish(m, Disk{}, &p)
}

// FromEnv makes a manifest from a process environment of "KEY=VALUE" entries.
// Variables that neither upstream's builder nor its index contracts know are
// left alone.
func FromEnv(environ []string, path string) (*Manifest, error) {
	return FromVariables(Environment(environ), path)
}

// Environment reads the entries of a process environment.
func Environment(environ []string) []Variable {
	variables := make([]Variable, 0, len(environ))
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		at := fault.Pos{File: "$" + strings.Trim(quote(key), `"`)}
		variables = append(variables, Variable{Key: key, Value: value, Origin: FromEnvironment, Pos: at, ValuePos: at})
	}
	return variables
}

// parseEnvFile reads lines of KEY=VALUE, with comments from "#" at the start
// of a line, an optional "export", and optional quotes around a whole value.
// Nothing is expanded.
func parseEnvFile(data []byte, path string, p *problems) []Variable {
	var variables []Variable
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		rest := strings.TrimLeft(line, " \t")
		if rest == "" || rest[0] == '#' {
			continue
		}
		at := fault.Pos{File: path, Line: i + 1, Column: column(line, rest)}
		if len(variables) == maxVariables {
			p.add(at, "", "more than %d assignments", maxVariables)
			break
		}
		if !assignment.MatchString(rest) {
			p.add(at, "write KEY=VALUE without spaces around the =", "this line is no assignment")
			continue
		}
		if after, ok := strings.CutPrefix(rest, "export"); ok && strings.TrimLeft(after, " \t") != after {
			rest = strings.TrimLeft(after, " \t")
			at.Column = column(line, rest)
		}
		key, value, _ := strings.Cut(rest, "=")
		v := Variable{Key: key, Value: value, Pos: at, ValuePos: at}
		v.ValuePos.Column = column(line, value)
		if unquoted, ok := unquote(value); ok {
			v.Value = unquoted
			v.ValuePos.Column++
		}
		if strings.ContainsAny(v.Value, "\"'`$\\") {
			p.add(v.ValuePos, "write the value itself: nothing is expanded", "%s holds quotes, $ or backslashes", key)
			continue
		}
		variables = append(variables, v)
	}
	return variables
}

// column counts characters up to a suffix of line, from 1.
func column(line, suffix string) int {
	return utf8.RuneCountInString(line[:len(line)-len(suffix)]) + 1
}

func unquote(s string) (string, bool) {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1], true
	}
	return s, false
}

// word is one item of a variable's value.
type word struct {
	text string
	pos  fault.Pos
}

// words splits a value at any of the separators, trims the items and drops
// empty ones, as upstream does. Each keeps its own place where the variable
// has one.
func (v Variable) words(separators string) []word {
	var found []word
	at := v.ValuePos // of the item under way
	for rest := v.Value; rest != ""; {
		item, after := rest, ""
		if i := strings.IndexAny(rest, separators); i >= 0 {
			item, after = rest[:i], rest[i+1:]
		}
		if text := strings.TrimSpace(item); text != "" {
			pos := at
			if pos.Line > 0 {
				pos.Column += utf8.RuneCountInString(item[:strings.Index(item, text)])
			}
			found = append(found, word{text: text, pos: pos})
		}
		if at.Line > 0 {
			at.Column += utf8.RuneCountInString(item) + 1
		}
		rest = after
	}
	return found
}
