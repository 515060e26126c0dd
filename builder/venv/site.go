package venv

import (
	"errors"
	"io/fs"
	"sort"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/wheel"
)

// SiteTree is the content of a wheel's store directory, bytecode not counted.
type SiteTree struct {
	File    string // the wheel's file name
	Name    string // normalised, PEP 503
	Version string // normalised, PEP 440
	Python  Python
	// Key is the name of the store directory, lock.Wheel.StoreKey. Site leaves it
	// empty, as a wheel doesn't know its own hash; Links needs it.
	Key string

	Files   []File // sorted by path
	Dropped []Drop // members that are left out, sorted by path
	// StartupFiles are those of Files that the interpreter runs at each start, so
	// that they need a review: see startup.
	StartupFiles []File
	EntryPoints  wheel.EntryPoints
}

// File is a file of a store directory.
type File struct {
	Path    string        // relative to the store directory, with slashes
	Mode    fs.FileMode   // 0644 or 0755
	Size    int64         // bytes
	SHA256  string        // hex
	Member  *wheel.Member // where the content comes from
	Content []byte        // the content itself, where Member is nil
}

// Drop is a member that is left out, and the rule that says so, see Rules.
type Drop struct {
	Path string // in the wheel
	Rule string
}

// Site says what a wheel's store directory holds: its members, with those of
// .data spread to where an installer puts them, those that a rule drops left
// out, and RECORD rewritten to fit. No INSTALLER file is made up, and a shipped
// one stays. Modes are 0644, or 0755 for members with an execute bit.
//
// It fails with fault.Integrity where two members end up in one place, and with
// fault.Resolve where a wheel needs what a store directory can't give: files
// outside of site-packages, or bytecode without source.
func Site(w *wheel.Wheel, python Python) (*SiteTree, error) {
	s := &SiteTree{File: w.File, Name: w.Name, Version: w.Version, Python: python, EntryPoints: w.EntryPoints()}
	taken := map[string]string{} // path, lower case -> member
	var problems []error
	for _, m := range w.Members() {
		scheme, target := w.DataPath(m)
		if rule := drops(w, scheme, target); rule != "" {
			s.Dropped = append(s.Dropped, Drop{m.Name, rule})
			continue
		}
		if scheme == "data" {
			problems = append(problems, fault.New(fault.Resolve, "placing wheel %s: member %q belongs outside of site-packages", w.File, m.Name).
				Hint("ask the project for a wheel that keeps its data in its package"))
			continue
		}
		if err := claim(taken, target, m.Name); err != "" {
			problems = append(problems, fault.New(fault.Integrity, "placing wheel %s: member %q: %s", w.File, m.Name, err))
			continue
		}
		if m.Name != w.RecordName() {
			s.Files = append(s.Files, File{Path: target, Mode: mode(m), Size: m.Size, SHA256: m.SHA256, Member: m})
		}
	}
	problems = append(problems, s.sourceless()...)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	s.Files = append(s.Files, record(w.RecordName(), s.Files))
	sort.Slice(s.Files, func(i, j int) bool { return s.Files[i].Path < s.Files[j].Path })
	for _, f := range s.Files {
		if startup(f.Path) {
			s.StartupFiles = append(s.StartupFiles, f)
		}
	}
	return s, nil
}

// Bytecode returns the paths of the bytecode files that belong into the store
// directory, one for each source file, in the order of Files.
func (s *SiteTree) Bytecode() []string {
	var compiled []string
	for _, f := range s.Files {
		if IsSource(f.Path) {
			compiled = append(compiled, s.Python.Bytecode(f.Path))
		}
	}
	return compiled
}

func mode(m *wheel.Member) fs.FileMode {
	if m.Executable() {
		return 0o755
	}
	return 0o644
}

// claim marks a path as used, and says what is wrong if it, or a directory on
// the way to it, is another member's. wheel.Open has checked the members' own
// names; here they can meet anew, since .data is spread.
func claim(taken map[string]string, target, member string) string {
	if other, ok := taken[strings.ToLower(target)]; ok {
		return "ends up in the same place as " + other
	}
	for i := range target {
		if target[i] == '/' {
			dir := strings.ToLower(target[:i])
			if other, ok := taken[dir]; ok && other != "" {
				return "needs a directory where there is the file " + other
			}
			taken[dir] = ""
		}
	}
	taken[strings.ToLower(target)] = member
	return ""
}

// sourceless finds modules that are shipped as bytecode only. Nobody can review
// them, and they run on one minor version of Python.
func (s *SiteTree) sourceless() []error {
	var problems []error
	for _, f := range s.Files {
		if strings.HasSuffix(f.Path, ".pyc") || strings.HasSuffix(f.Path, ".pyo") {
			problems = append(problems, fault.New(fault.Resolve, "placing wheel %s: %s is bytecode outside of %s", s.File, f.Path, cacheDir).
				Hint("ask the project for a wheel with source"))
		}
	}
	return problems
}
