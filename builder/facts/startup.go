package facts

import (
	"path"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/executor/contract"
)

// siteDirectory matches directories whose .pth files Python reads.
var siteDirectory = regexp.MustCompile(`(^|/)(site-packages|dist-packages)$`)

// startupKind tells files that Python reads or runs at each start. Only the
// top of a site directory counts, and of a store directory, whose content
// becomes that top; the same files further down are inert. sitecustomize and
// usercustomize count anywhere on the interpreter's path.
func startupKind(p string) string {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	top := siteDirectory.MatchString(dir) || storeTop(dir)
	module, _, _ := strings.Cut(base, ".")
	switch {
	case (module == "sitecustomize" || module == "usercustomize") && (top || stdlib.MatchString(dir) || strings.HasPrefix(dir, "etc/python")) && !strings.HasSuffix(base, ".pyc"):
		return module
	case !top:
		// A package of that name runs as well as a module.
		if base == "__init__.py" && (path.Base(dir) == "sitecustomize" || path.Base(dir) == "usercustomize") {
			return path.Base(dir)
		}
		return ""
	case strings.HasSuffix(base, ".pth"):
		return "pth"
	case strings.HasSuffix(base, ".start"):
		return "start"
	case strings.HasSuffix(base, ".egg-link"):
		return "egg-link"
	}
	return ""
}

// storeRoot is the directory of the store, as entries name it.
var storeRoot = strings.TrimPrefix(contract.StorePath, "/")

// storeTop reports whether dir is one directory of the store.
func storeTop(dir string) bool { return path.Dir(dir) == storeRoot }

// storeKey splits a path below the store into the name of its directory and
// the path inside. key is "" for other paths.
func storeKey(p string) (key, inside string) {
	rest, ok := strings.CutPrefix(p, storeRoot+"/")
	if !ok {
		return "", ""
	}
	key, inside, _ = strings.Cut(rest, "/")
	return key, inside
}
