package venv

import (
	"path"
	"strings"
)

// Python is the minor version of an interpreter, as "3.13".
type Python string

// Interpreter is the absolute path of the interpreter in the image.
func (p Python) Interpreter() string { return "/usr/bin/python" + string(p) }

// SitePackages is the path of site-packages below the virtual environment.
func (p Python) SitePackages() string { return "lib/python" + string(p) + "/site-packages" }

// Bytecode is the path of the bytecode file of a source file, PEP 3147:
// "a/b.py" has "a/__pycache__/b.cpython-313.pyc".
func (p Python) Bytecode(source string) string {
	dir, file := path.Split(source)
	tag := ".cpython-" + strings.ReplaceAll(string(p), ".", "")
	return dir + cacheDir + "/" + strings.TrimSuffix(file, ".py") + tag + ".pyc"
}

// IsSource reports whether a file is Python source, and so has a bytecode file.
func IsSource(file string) bool { return strings.HasSuffix(file, ".py") }

const cacheDir = "__pycache__"
