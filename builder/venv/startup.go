package venv

import "strings"

// startup reports whether the interpreter runs a file of site-packages at each
// start: .pth files (module site) and .start files (PEP 829) at the top, and the
// modules sitecustomize and usercustomize in whatever form. The same files in a
// deeper directory are inert.
func startup(path string) bool {
	top, _, nested := strings.Cut(path, "/")
	if !nested && (strings.HasSuffix(top, ".pth") || strings.HasSuffix(top, ".start")) {
		return true
	}
	module, _, _ := strings.Cut(top, ".")
	return module == "sitecustomize" || module == "usercustomize"
}
