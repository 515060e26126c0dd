// Package venv plans what wheels become on disk.
//
// Every wheel is unpacked once, into a store directory of its own: Site says
// which files that directory holds. A virtual environment is made of links into
// these directories: Links says which. Both are pure: they read a wheel's lists,
// write nothing, and give the same answer on every machine.
//
// The layout follows the specifications "Binary distribution format" and
// "Recording installed projects" of packaging.python.org, the documentation of
// Python's venv module, and PEP 3147 for the names of bytecode files.
package venv
