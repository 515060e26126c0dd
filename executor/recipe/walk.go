package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// maxFindings bounds how many findings about one recipe are listed.
const maxFindings = 100

func (c *checker) report(r Rule, path string, at position, format string, args ...any) {
	if len(c.findings) == maxFindings {
		return
	}
	c.findings = append(c.findings, Finding{Rule: r.ID, Severity: r.Severity, Path: path,
		Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...), Page: r.Page()})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// importKeys are keys whose value the CLI imports as a Python object, and
// names that connectors use for the same.
var importKeys = lazyregexp.New(`^(?:oauth_cb|get_\w+_to_add|\w+_class|\w*class_name|class|module|module_name)$`)

// libraryKeys are settings that make a client library load native code, or
// fetch code: Informix' driver from a Maven repository, DuckDB's extensions.
var libraryKeys = []string{
	"plugin.library.paths", "ssl.engine.location", "ssl.providers", "load_extension", "enable_load_extension", "driver_path", "accept_ibm_jdbc_license",
	"autoinstall_known_extensions", "autoload_known_extensions", "custom_extension_repository", "autoinstall_extension_repository", "allow_unsigned_extensions", "extension_directory",
}

// Settings of Spark that bring jars, packages or options of the JVM, and parts
// of connection strings that load a driver by its path, or an extension.
var (
	sparkKeys   = lazyregexp.New(`^spark\.(?:jars|files|submit|(?:driver|executor)\.extra|(?:driver|executor)\.(?:defaultJavaOptions|plugins)|plugins)`)
	libraryText = lazyregexp.New(`(?i)driver\s*(?:=|%3d)[^;&]*(?:/|%2f)|(?:load_extension|(?:autoinstall|autoload)_known_extensions|extension_(?:repository|directory)|allow_unsigned_extensions)\s*(?:=|%3d)`)
)

// walk judges a field, and all below it, by its key. Transformers read no
// files: their paths are those of the DataHub browser.
func (c *checker) walk(f field, at string, files bool) {
	switch {
	case slices.Contains(libraryKeys, f.name), sparkKeys.MatchString(f.name),
		strings.EqualFold(f.name, "driver") && f.value.kind == text && strings.Contains(f.value.text, "/"):
		c.report(library, at, f.at, "the key loads native code")
	case importKeys.MatchString(f.name):
		c.imports(f.value, at)
	}
	c.nested(f, at)
	c.below(f.value, at, files, files && c.pathKey(f.name))
}

// nested judges the sections of type and config that lie inside of others.
func (c *checker) nested(f field, at string) {
	switch {
	case f.value.kind == null || at == f.name: // of the top; Check has judged it
	case f.name == "state_provider":
		c.section(f.value, at, stateProvider, c.policy.StateProviders)
	case f.name == "sink" && f.value.kind == mapping:
		c.section(f.value, at, sinkType, c.policy.Sinks)
		config, _ := f.value.get("config")
		c.address(config, at+".config")
	case f.name == "auth":
		c.noClass(f.value, at)
	case f.name == "classifiers":
		for i, item := range f.value.items {
			c.noClass(item, index(at, i))
		}
	}
}

// noClass judges a type of which the policy has no list.
func (c *checker) noClass(v value, at string) {
	if name, ok := v.get("type"); ok && name.kind == text && (refers(name.text) || strings.ContainsAny(name.text, ".:")) {
		c.typeName(name, join(at, "type"), customClass, nil)
	}
}

// below judges a value's strings as paths where they are, and its fields.
func (c *checker) below(v value, at string, files, isPath bool) {
	switch v.kind {
	case text:
		c.path(v, at, isPath)
	case list:
		for i, item := range v.items {
			c.below(item, index(at, i), files, isPath)
		}
	case mapping:
		for _, f := range v.fields {
			c.walk(f, join(at, f.name), files)
			if isPath && f.value.kind == text && !c.pathKey(f.name) {
				c.path(f.value, join(at, f.name), true)
			}
		}
	}
}

// imports judges a value that Python may import. A value without dot and colon
// is none.
func (c *checker) imports(v value, at string) {
	switch {
	case v.kind != text:
	case refers(v.text):
		c.report(reference, at, v.at, "a Python path must not be a reference")
	case strings.ContainsAny(v.text, ".:") && !slices.Contains(c.policy.Imports, v.text):
		c.report(imported, at, v.at, "%s is not among the allowed imports", short(v.text))
	}
}

// pathKey reports whether a key's value is a path. That of a directive is a
// file's content.
func (c *checker) pathKey(key string) bool {
	return !strings.HasPrefix(key, directivePrefix) && slices.ContainsFunc(c.policy.Paths.Keys, func(pattern string) bool {
		ok, _ := path.Match(pattern, key)
		return ok
	})
}

var scheme = lazyregexp.New(`^([A-Za-z][A-Za-z0-9+.-]*):`)

// path judges a string: as a path if it is one, and else only whether it names
// a file of the system. Links are not followed: what a path leads to is for
// the sandbox to limit.
func (c *checker) path(v value, at string, isPath bool) {
	if libraryText.MatchString(v.text) {
		c.report(library, at, v.at, "the value loads native code")
	}
	name := strings.TrimSpace(v.text)
	local := strings.TrimPrefix(name, "file:")
	if strings.HasPrefix(local, "/") && c.denied(path.Clean("/"+strings.TrimLeft(local, "/"))) {
		c.report(systemPath, at, v.at, "%s is in a directory that is denied", short(name))
		return
	}
	if !isPath {
		return
	}
	url := scheme.FindStringSubmatch(name)
	switch {
	case refers(name):
		c.report(reference, at, v.at, "a path must not be a reference")
	case url != nil && slices.Contains(c.policy.Paths.Schemes, strings.ToLower(url[1])):
	case url != nil:
		c.report(filePath, at, v.at, "%s has none of the schemes %s", short(name), strings.Join(c.policy.Paths.Schemes, ", "))
	case strings.HasPrefix(name, "~"):
		c.report(filePath, at, v.at, "%s is in a home directory", short(name))
	case strings.HasPrefix(name, "/"):
		if longest(c.policy.Paths.Allow, path.Clean(name)) == 0 {
			c.report(filePath, at, v.at, "%s is in none of %s", short(name), strings.Join(c.policy.Paths.Allow, ", "))
		}
	case slices.Contains(strings.Split(name, "/"), ".."):
		c.report(filePath, at, v.at, "%s leads out of the run's directory", short(name))
	}
}

// denied reports whether a clean path lies in a denied directory, and in no
// allowed one below that.
func (c *checker) denied(name string) bool {
	return longest(c.policy.Paths.Deny, name) > longest(c.policy.Paths.Allow, name)
}

// longest returns the length of the longest directory that a clean path is, or
// lies in; 0 if there is none.
func longest(directories []string, name string) int {
	most := 0
	for _, d := range directories {
		if name == d || strings.HasPrefix(name, d+"/") {
			most = max(most, len(d))
		}
	}
	return most
}

// variable is what the CLI puts a variable's value for: "${...}" anywhere in a
// string, and in a string that begins with $ also names without braces.
var variable = lazyregexp.New(`\$\{|(?s)^\$(?:.*\$)?[\pL\pN_$]`)

func refers(s string) bool { return variable.MatchString(s) }

// directivePrefix begins a key that makes the CLI write the value to a file in
// its TMPDIR, which is the run's own directory, and give the key without the
// prefix that file's name.
const directivePrefix = "__DATAHUB_TO_FILE_"

// directives judges such keys: the key that is made must not take the place of
// one that was judged.
func (c *checker) directives(v value, at string) {
	for _, f := range v.fields {
		option, ok := strings.CutPrefix(f.name, directivePrefix)
		place := join(at, f.name)
		_, taken := v.get(option)
		switch {
		case !ok:
		case f.value.kind != text:
			c.report(directive, place, f.value.at, "want a string to write to a file")
		case taken:
			c.report(directive, place, f.at, "it would replace the key %s beside it", option)
		case !c.pathKey(option):
			c.report(directive, place, f.at, "%s is no key for a path", option)
		}
		c.directives(f.value, join(at, f.name))
	}
	for i, item := range v.items {
		c.directives(item, index(at, i))
	}
}
